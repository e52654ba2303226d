// What a metric is: one row of a table. Everything else (look-up, page, documentation) follows from
// the rows, so adding a metric means adding a row.
#pragma once

#include "base/span.h"

enum metric_type {
    GAUGE,
    COUNTER,
    INFO, // always 1; the labels are what it tells
};

// Where a row's value comes from.
enum source {
    FROM_INFO,         // the field of that name of INFO
    FROM_CLUSTER_INFO, // the field of that name of CLUSTER INFO
    FROM_EXPORTER,     // computed: `cluster`, `node` or `process` is set
    SOURCE_COUNT,
};

// Lines whose key has a variable part, which becomes labels; `field` then names one part of the
// value, or is "" for the whole of it.
enum group {
    GROUP_NONE,
    GROUP_DB,           // INFO dbN:keys=1,expires=0,...
    GROUP_REPLICA,      // INFO slaveN:ip=...,port=...,state=...,offset=...,lag=...
    GROUP_BUS_MESSAGES, // CLUSTER INFO cluster_stats_messages_TYPE_sent and _received
    GROUP_BUS_BYTES,    // CLUSTER INFO cluster_stats_KIND_bytes_sent and _received
    GROUP_COUNT,
};

struct emitter;       // metrics/page.h
struct snapshot;      // scrape/snapshot.h
struct node_snapshot; // scrape/snapshot.h

struct metric {
    const char *name; // prefix, base unit, _total on counters only
    enum metric_type type;
    const char *field; // of the source; "" when computed
    const char *help;  // one sentence; where a field is named, the page adds it
    // The name that redis_exporter gives it: NULL the same, RX_NONE it has none.
    const char *rx_name;
    enum source source;
    enum group group;
    double factor;      // to the base unit; 0 counts as 1
    const char *match;  // the text that counts as 1; any other text is 0
    bool percent;       // the value carries a % sign
    bool no_negative;   // a negative value says "never" or "unknown": no sample
    const char *labels; // of a computed row, beyond those of cluster and node; for the reference
    // One of these for computed rows: once a cluster, once a node, once a page.
    void (*cluster)(struct emitter *to, const struct snapshot *snapshot);
    void (*node)(struct emitter *to, const struct snapshot *snapshot,
                 const struct node_snapshot *node);
    void (*process)(struct emitter *to);
};

#define RX_NONE ""

// The rows read from replies; rows of one family stand together.
extern const struct metric reply_metrics[];
extern const size_t reply_metric_count;

// The label names of a group, in the order in which sample.h keeps their values.
enum { GROUP_LABELS_MAX = 2 };
struct group_labels {
    const char *name[GROUP_LABELS_MAX]; // up to the first NULL
};
extern const struct group_labels group_labels[GROUP_COUNT];
