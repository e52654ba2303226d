// From what the nodes of one scrape said to the judgement about their cluster.
#pragma once

#include "scrape/snapshot.h"

// Sets the snapshot's health, and each node's verdict. What outlives the scrape learns from
// complete snapshots only.
void snapshot_judge(struct snapshot *snapshot);
