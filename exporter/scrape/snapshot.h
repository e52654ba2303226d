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
    bool done;
    char *info;         // INFO, or NULL
    size_t info_length; // of it
    char *cluster_info; // CLUSTER INFO, or NULL
    size_t cluster_info_length;
    struct view *view;    // CLUSTER NODES, or NULL
    bool view_broken;     // it came, and was no view
    command_set answered; // other than with an error
    command_set refused;  // by an error that will not change
    bool has_cluster_mode;
    bool loading;
    struct replication replication;
    struct samples *samples; // NULL unless the outcome is OK
    char *labels;            // redis_cluster="...",redis_node="..."
    const struct node_verdict *verdict;
};

struct snapshot {
    struct cluster *cluster; // borrowed
    struct node_snapshot **node;
    size_t count;
    size_t capacity;
    struct health *health;
    char *labels; // redis_cluster="..."
    bool has_cluster_mode;
    bool has_topology; // at least one view was read
    int64_t duration_us;
};

struct snapshot *snapshot_new(struct cluster *cluster);
void snapshot_free(struct snapshot *snapshot); // NULL is fine

// Gives an empty record for one more node; it stays the snapshot's.
struct node_snapshot *snapshot_add(struct snapshot *snapshot, struct member *member);

// When all nodes are done: settles the cluster's membership by what was read, and judges.
void snapshot_complete(struct snapshot *snapshot);
