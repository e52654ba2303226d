// The CLUSTER INFO reply: one node's summary of its own view.
// Source: redis src/cluster.c clusterCommand ("info"); in Valkey src/cluster_legacy.c.
#pragma once

#include "redis/lines.h"

// -1 where the server does not say.
struct cluster_info {
    bool known; // a reply has told the state
    bool state_ok;
    int64_t slots_assigned;
    int64_t slots_ok;
    int64_t slots_pfail;
    int64_t slots_fail;
    int64_t known_nodes;
    int64_t size; // masters with slots
    int64_t current_epoch;
    int64_t my_epoch;
};

struct cluster_info cluster_info_parse(struct span text);

// Whether two nodes agree, as far as this summary tells: on everything but their own epoch.
bool cluster_info_agree(const struct cluster_info *a, const struct cluster_info *b);
