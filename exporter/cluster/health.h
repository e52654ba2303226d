// The merged truth about one cluster: what follows from all nodes' views together and from no
// single one. Pure: views in, one struct out; no I/O, no clock.
//
// Rules: a slot's owner is the master that claims it on its own line. Where that cannot be read,
// the owner is the one that most readable views name (at a tie, the higher config epoch, then the
// smaller id), unless that node can be read and does not claim the slot. A node is failed or
// suspected when most readable masters other than itself say so (when no master can be read, most
// readable nodes). That the exporter cannot reach a node never makes it failed; it is counted
// apart.
#pragma once

#include "cluster/facts.h"
#include "cluster/view.h"
#include "redis/cluster_info.h"
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
    const char *host;                      // where it was asked; "" or NULL: not known
    const struct view *view;               // NULL: not readable
    const struct replication *replication; // NULL: INFO not readable
    const struct facts *facts;             // NULL as well
    struct cluster_info info;              // `known` only when it was read
    int64_t received_us;                   // when INFO came, monotonic
    bool reachable;                        // it answers, or could not be asked
    bool loading;                          // it is reading its data from disk
};

// A known fact, a known opposite, or neither.
enum tristate { UNKNOWN = -1, NO, YES };

struct node_verdict {
    bool known; // it is listed in some readable view; otherwise the rest is not to be used
    enum node_role role;
    enum node_health health;
    bool failed;                  // by most masters' views
    bool suspected;               // by most masters' views, "fail?"
    int master;                   // of a replica, as an index of the input; NO_NODE when unknown
    size_t slots;                 // owned, by the rules above
    const struct view_line *line; // the best evidence: its own line, else one of its peers'
    struct span host;             // by which its place is judged; may be empty

    // By the views of the others:
    size_t seen_by;          // readable views that list it, its own included
    size_t fail_reporters;   // readable masters whose view says fail,
    size_t pfail_reporters;  // or fail?
    size_t master_reporters; // readable masters that could say so
    size_t group;            // nodes whose views are connected have the same number
    bool partially_known;    // a view of its group lists others, but not it
    bool isolated;           // it answers, knows nobody or is known to nobody, and others are there
    enum tristate address_mismatch; // it tells another address than its peers hold
    bool shares_data;               // its data files with another node of its host
    // By its own view:
    size_t links_down; // to peers that it neither suspects nor holds for failed
    // Of a master:
    size_t replicas;         // listed
    size_t replicas_healthy; // neither failed nor suspected, and linked where this can be seen,
                             // or able to take over where the master is down

    // Of a replica. Lags are -1 where they cannot be told.
    int64_t lag_bytes;          // not acknowledged: by one reply of the master, else as `apply_lag`
    int64_t receive_lag_bytes;  // not received, by both nodes' replies
    int64_t apply_lag_bytes;    // not applied, by both nodes' replies
    int64_t ack_age_s;          // since it last acknowledged; -1
    double lag_seconds;         // how long ago its master was where it is now; -1: see history.h
    bool lag_is_estimate;       // of the seconds: bytes over the mean rate of late
    double backlog_usage;       // its lag as a share of the master's backlog; -1
    enum tristate eligible;     // it could be elected, were its master to fail
    enum tristate wrong_master; // it replicates from another node than its cluster line names
    enum tristate wrong_history; // its data are of another history than its master's
};

struct health {
    size_t given;              // inputs
    size_t count;              // the inputs, then nodes that only the views know
    struct node_verdict *node; // one for each, in that order
    const char **id;           // of each; borrowed from inputs and views
    size_t views;              // readable ones
    size_t nodes[ROLE_COUNT][HEALTH_COUNT];
    int owner[SLOT_COUNT]; // an index, or NO_NODE

    // Of 16384; meaningful while views > 0. The first four add up to 16384.
    size_t slots_covered;
    size_t slots_unassigned;
    size_t slots_owner_failed;
    size_t slots_owner_suspected; // by most views, and the exporter cannot reach it either
    size_t slots_unreachable;     // covered, but the exporter cannot reach the owner
    size_t slots_conflicting;     // claimed by two readable masters
    bool *conflicting;            // by slot; NULL when there is none
    size_t slots_migrating;       // by masters' own lines
    size_t slots_importing;
    size_t slots_unpaired; // open on one side, while the other one can be read
    struct health_open {
        int node;
        struct open_slot slot;
        bool unpaired;
    } * open;
    size_t open_count;
    int64_t open_since_s; // Unix time at which the oldest was first seen; 0: none, or no history

    // Agreement.
    size_t slot_maps;        // different ones among the views
    size_t epoch_collisions; // masters that share their epoch with another one
    size_t groups;           // of nodes that do not know each other: more than 1 is two clusters
    size_t handshakes;       // the most in one view
    size_t partially_known;
    size_t isolated;
    size_t states_fail; // readable masters that say so,
    size_t states;      // of how many

    // Redundancy. Masters here are those that own slots: they vote.
    size_t voting_masters;
    size_t quorum;
    int64_t quorum_margin; // how many more may drop at once; negative: no failover any more
    size_t masters_empty;
    size_t masters_without_replica;
    size_t replicas_min; // healthy ones of a voting master
    size_t node_failures_survivable;
    // Placement; meaningful while hosts > 0.
    size_t hosts;
    struct health_host {
        struct span name;
        size_t masters; // voting
        bool critical;  // its loss breaks the quorum or a shard
    } * host;
    size_t hosts_critical;
    size_t host_failures_survivable;
    size_t shards_single_host;
    size_t zones;
    size_t shards_single_zone;
    bool failover_in_progress;

    // Fleet.
    size_t versions;
    size_t config_readable;               // nodes whose settings are known
    bool config_differs[CONFIG_COMPARED]; // between nodes where it should not
    size_t shared_data;                   // nodes that share their data files with another one
    int64_t keys;                         // over masters; -1: not all are known
    int64_t memory_used_bytes;
    int64_t memory_max_bytes; // -1 also when one has no limit
    double slot_skew;         // the largest share of a master over the mean; 0: none
    double key_skew;
    double memory_skew;
};

struct health *health_judge(const struct health_input *input, size_t count);
void health_free(struct health *health); // NULL is fine
