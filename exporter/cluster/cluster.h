// Everything about one cluster that outlives a scrape: seeds, members, connections, counters.
//
// Members come from the seeds while no topology is known, and from the nodes' views from then on.
// The views of each scrape decide who stays (cluster_settle). A node id is one member, however many
// addresses lead to it; where several do, the connection that works is kept.
#pragma once

#include "cluster/collect_options.h"
#include "cluster/expectations.h"
#include "cluster/history.h"
#include "cluster/ids.h"
#include "cluster/key_walks.h"
#include "cluster/view.h"
#include "metrics/collector.h"
#include "redis/conn.h"

// What a node says of the others decides where the exporter connects to and logs in, so there is a
// bound. Valkey advertises clusters of 2000 nodes.
enum { MAX_NODES_DEFAULT = 2000 };

enum node_label { LABEL_AUTO, LABEL_HOSTNAME, LABEL_ADDRESS, LABEL_ID };

// What an operator says about one cluster. cluster_new copies the seeds' addresses; everything else
// is borrowed and outlives the cluster.
struct cluster_options {
    const char *name; // value of the redis_cluster label
    const struct seed *seed;
    size_t seed_count; // at least 1
    enum node_label node_label;
    collector_set collectors;
    collector_set node_collectors;         // for the page of one of its nodes alone
    const struct collect_options *collect; // for some of these; NULL: nothing said
    struct conn_options conn;              // user and password for all nodes
    // Called when servers refused the login, at most once a scrape: whether conn.login, or what
    // conn.credentials holds, is another one since. NULL: it never is.
    bool (*renew_login)(void *owner);
    void *login_owner;
    size_t full_views;       // up to so many members all are asked for their view; 0: always
    size_t max_nodes;        // further ones are not asked; 0: MAX_NODES_DEFAULT
    const char *allow_nodes; // patterns of host:port where nodes may be asked, besides the seeds,
                             // separated by commas; NULL: anywhere
    bool one_host;           // all nodes share one on purpose: their places are not judged
    bool single;             // the seed alone: no discovery, no labels of cluster and node
    struct expectations expect;
};

struct scrape; // scrape/scrape.h

// What a node said of itself when it was last read; "" before.
struct last_words {
    char version[40];
    char flavor[8]; // redis, valkey
    char maxmemory_policy[40];
    char zone[64];
};

struct member {
    const struct cluster *cluster;
    char id[NODE_ID_SIZE];            // "" while unknown, and without cluster mode
    struct address address;           // where the cluster says it is
    struct address dial;              // where to connect: where it answered last
    char hostname[ADDRESS_HOST_SIZE]; // announced; "" when there is none
    char *label;                      // value of redis_node: unique among the members
    struct conn *conn;                // NULL before the first ask
    struct server_kind server;        // what the connection leads to, once INFO has told
    unsigned slot_stats;              // figures that CLUSTER SLOT-STATS told,
    unsigned slot_stats_unsorted;     // and of these the ones that it did not sort by
    struct key_walks *walks;          // NULL before the first key check
    enum outcome outcome;             // of the scrape before, for logs of changes
    bool seen;                        // `outcome` is set
    struct last_words words;          // for its series not to change while it is down
    command_set refused;              // what it would not answer, for the same
    void *asking;                     // the scrape's record while it asks this member
    bool is_seed;                     // a configured address has led to it
    uint64_t group; // of members that list each other, with those that were lost since; 0: none
    // By view_policy.h:
    bool asks_view;       // in this scrape
    bool odd_view;        // when last asked
    uint64_t view_scrape; // in which it was last read; 0: never
    // Set by the scrape, for cluster_locate and cluster_settle:
    const struct view *view; // what it said; NULL: nothing usable
    enum outcome result;     // of this scrape
    bool superseded;         // the same node as another member
    // Set by cluster_locate:
    size_t listed;    // readable members that list it, other than itself
    size_t component; // of members that list each other now, from 1; 0: none
};

struct cluster {
    struct cluster_options options;
    struct scrape *scrape;   // under way, or NULL
    struct history *history; // NULL for a single server
    struct event *idle;      // comes when it has not been scraped for long; NULL before a scrape
    uint64_t last_end;       // number of its last scrape, among all clusters' that have ended
    struct member **member;
    size_t count;
    size_t capacity;
    bool *seed_told;       // for each seed: whether it has ever told its node id
    uint64_t learned;      // the opinion of the view learned last in this scrape; 0: none yet
    bool lost;             // nobody was reached: the seeds are asked again
    bool incomplete;       // the last scrape left slots without an owner
    uint64_t groups;       // numbers used for them so far
    bool is_single_server; // what answered last has no cluster mode
    bool cap_reported;
    bool fence_reported;              // a node is where none may be asked
    int64_t topology_us;              // when a view was last read, monotonic; 0: never
    int64_t scraped_us;               // when the last scrape ended, as above
    bool members_known;               // and it has told who belongs to the cluster
    uint64_t scrapes;                 // finished
    uint64_t failures[OUTCOME_COUNT]; // of asks, by reason
};

struct cluster *cluster_new(const struct cluster_options *options);
void cluster_free(struct cluster *cluster); // with its connections; NULL is fine
// Whether nodes may be asked at an address that others have named; the first that may not is
// logged.
bool cluster_may_ask(struct cluster *cluster, const struct address *address);

void member_free(struct member *member); // for those parts of the cluster that drop members

// Other options for the same cluster, whose past stays: counters, history, and the members to which
// one of the seeds leads. Connections stay where `reconnect` is false. Not while it is scraped.
void cluster_configure(struct cluster *cluster, const struct cluster_options *options,
                       bool reconnect);

// Before a scrape: adds the seeds as members when there are no others, or all were lost; while the
// cluster looks incomplete, those that have never told who they are.
void cluster_prepare(struct cluster *cluster);

// A view has come from `from`. Sets or checks that member's id, and adds the nodes that are not
// members yet, at the end of the list. OUTCOME_WRONG_NODE: another node answered than the member
// that was asked; nothing is learnt from it. Otherwise OUTCOME_OK.
enum outcome cluster_learn(struct cluster *cluster, struct member *from, const struct view *view);

// When the members have been asked: finds those that are the same node, and brings the addresses up
// to date by what the views say. A member that failed elsewhere may then be asked at its address.
void cluster_locate(struct cluster *cluster);

// After a scrape and cluster_locate: drops members that the cluster has forgotten (their
// connections too), brings labels up to date, and sorts by label. `dropped` is told of each that
// leaves, before it is freed.
void cluster_settle(struct cluster *cluster, void (*dropped)(void *owner, struct member *member),
                    void *owner);
