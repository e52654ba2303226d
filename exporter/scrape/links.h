// The bus links of a node, summed up: never a series for each peer.
#pragma once

#include "scrape/snapshot.h"

// The reply to CLUSTER LINKS.
void links_take(struct node_snapshot *node, const struct reply *reply);
