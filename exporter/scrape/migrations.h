// The slots that a master gives away or takes over.
#pragma once

#include "scrape/snapshot.h"

// The reply to CLUSTER GETSLOTMIGRATIONS.
void migrations_take(struct node_snapshot *node, const struct reply *reply);

// Asks how many keys are left in the slots that its own line of CLUSTER NODES marks as migrating.
void migrating_slots_begin(struct node_snapshot *node);
