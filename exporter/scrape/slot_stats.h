// The slots of a master that hold most and are used most.
#pragma once

#include "scrape/snapshot.h"

void slot_stats_begin(struct node_snapshot *node);
