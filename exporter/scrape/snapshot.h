// What one scrape of one cluster brought: built from nothing, rendered, freed whole.
#pragma once

#include "cluster/cluster.h"
#include "cluster/health.h"
#include "metrics/sample.h"

enum { NODE_DETAIL_SIZE = 160 };

struct node_snapshot {
    struct member *member; // borrowed
    enum outcome outcome;
    char detail[NODE_DETAIL_SIZE]; // for logs
    int64_t started_us;
    int64_t duration_us;
    int64_t connect_us;    // 0 on a kept connection
    bool has_main_replies; // only what follows from them may be missing
    bool done;
    char *info;                // INFO, or NULL
    size_t info_length;        // of it
    char *cluster_info;        // CLUSTER INFO, or NULL
    struct view *view;         // CLUSTER NODES, or NULL
    bool view_broken;          // it came, and was no view
    command_set answered;      // other than with an error
    command_set refused;       // by an error that will not change
    struct server_kind server; // once INFO has told
    struct replication replication;
    int64_t received_us;      // when INFO came, monotonic,
    int64_t received_wall_us; // and by the wall clock
    struct cluster_info cluster_summary;
    struct facts facts;
    bool has_search;             // it has a module for searching
    size_t slots_uncounted;      // of those that migrate from it
    uint64_t migrating_keys;     // in those that were counted
    struct followups *followups; // while it is asked what follows from its replies
    collector_set cut_short;     // that did not come to their end
    struct samples *samples;     // of use only when the outcome is OK
    char *labels;                // redis_cluster="...",redis_node="..."
    const struct node_verdict *verdict;
};

struct snapshot {
    struct cluster *cluster; // borrowed
    size_t users;            // it is freed when none is left
    struct node_snapshot **node;
    size_t count;
    size_t capacity;
    struct health *health;
    struct health_input *input; // of it, one for each node
    char *labels;               // redis_cluster="..."
    bool has_cluster_mode;
    bool has_topology; // at least one view was read
    bool is_partial;   // of a scrape that goes on, to whose snapshot the nodes' data belong
    int64_t duration_us;
};

struct snapshot *snapshot_new(struct cluster *cluster); // with one user: the caller
void snapshot_hold(struct snapshot *snapshot);          // one more
void snapshot_release(struct snapshot *snapshot);       // one less; NULL is fine

// Gives an empty record for one more node; it stays the snapshot's.
struct node_snapshot *snapshot_add(struct snapshot *snapshot, struct member *member);

// Makes the record of a node that failed empty again, for another try.
void snapshot_renew(struct node_snapshot *node);

// When all nodes are done: hands what was read over to the members, and finds out where they are.
void snapshot_gather(struct snapshot *snapshot);

// After that: settles the cluster's membership by what was read, and judges.
void snapshot_complete(struct snapshot *snapshot);

// What there is by now while the scrape goes on, which it does not disturb: nodes that have not
// answered yet count as timed out. With one user: the caller. To be released before `running` is.
struct snapshot *snapshot_so_far(const struct snapshot *running);

// A field of the node's INFO that a row or further_fields has; empty when the server does not send
// it.
struct span node_field(const struct node_snapshot *node, struct span name);
