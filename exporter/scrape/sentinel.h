// What a Sentinel says about the masters that it watches.
#pragma once

#include "scrape/snapshot.h"

void sentinel_begin(struct node_snapshot *node);
