// The slots that a master gives away or takes over.
#pragma once

#include "scrape/snapshot.h"

// The reply to CLUSTER GETSLOTMIGRATIONS.
void migrations_take(struct node_snapshot *node, const struct reply *reply);
