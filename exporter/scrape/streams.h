// What XINFO says about one stream, its groups and their consumers.
#pragma once

#include "scrape/snapshot.h"

// `key` is borrowed for the rest of the scrape.
void streams_ask(struct node_snapshot *node, uint32_t db, struct span key);
