// The merged truth about one cluster: what follows from all nodes' views together and from no
// single one. Pure: views in, one struct out; no I/O, no clock.
//
// Rules: a slot's owner is the master that claims it on its own line. Where that cannot be read,
// the owner is the one that most readable views name (at a tie, the higher config epoch), unless
// that node can be read and does not claim the slot. A node is failed or suspected when most
// readable masters other than itself say so (when no master can be read, most readable nodes).
// That the exporter cannot reach a node never makes it failed; it is counted apart.
#pragma once

#include "cluster/view.h"
#include "redis/replication.h"

enum { NO_NODE = -1 };

enum node_role { ROLE_MASTER, ROLE_REPLICA, ROLE_COUNT };

enum node_health {
    HEALTH_OK,
    HEALTH_PFAIL,
    HEALTH_FAIL,
    HEALTH_NOADDR,
    HEALTH_UNREACHABLE, // by the exporter only
    HEALTH_LOADING,
    HEALTH_COUNT,
};

const char *node_role_name(enum node_role role);
const char *node_health_name(enum node_health health);

// What is known about one node. Everything is borrowed.
struct health_input {
    const char *id;
    const struct view *view;               // NULL: not readable
    const struct replication *replication; // NULL: INFO not readable
    bool reachable;                        // it answered INFO
    bool loading;                          // it is reading its data from disk
};

struct node_verdict {
    bool known; // it is listed in some readable view; otherwise the rest is not to be used
    enum node_role role;
    enum node_health health;
    bool failed;                  // by most masters' views
    bool suspected;               // by most masters' views, "fail?"
    int master;                   // of a replica, as an index of the input; NO_NODE when unknown
    size_t slots;                 // owned, by the rules above
    const struct view_line *line; // the best evidence: its own line, else one of its peers'
    int64_t lag_bytes; // of a replica behind its master, by the master's one INFO; -1: unknown
};

struct health {
    size_t count;              // the inputs, then nodes that only the views know
    struct node_verdict *node; // one for each, in that order
    size_t views;              // readable ones
    size_t nodes[ROLE_COUNT][HEALTH_COUNT];
    // Of 16384; meaningful while views > 0. The first four add up to 16384.
    size_t slots_covered;
    size_t slots_unassigned;
    size_t slots_owner_failed;
    size_t slots_owner_suspected; // by most views, and the exporter cannot reach it either
    size_t slots_unreachable;     // covered, but the exporter cannot reach the owner
};

struct health *health_judge(const struct health_input *input, size_t count);
void health_free(struct health *health); // NULL is fine
