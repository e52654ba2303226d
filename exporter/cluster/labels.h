// The values of redis_node.
#pragma once

#include "cluster/cluster.h"

// Gives each member a label of its own, which depends on its node and place, not on the order of
// the members.
void labels_settle(struct cluster *cluster);
