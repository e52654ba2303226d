// What a metric is: one row of a table. Everything else (look-up, page, documentation) follows from
// the rows, so adding a metric means adding a row.
#pragma once

#include "metrics/collector.h"

enum metric_type {
    GAUGE,
    COUNTER,
    INFO,      // always 1; the labels are what it tells
    SUMMARY,   // quantiles, with a sum and a count where those are known
    HISTOGRAM, // cumulative buckets, sum and count
};

// Where a row's value comes from.
enum source {
    FROM_INFO,         // the field of that name of INFO
    FROM_CLUSTER_INFO, // the field of that name of CLUSTER INFO
    FROM_CONFIG,       // the parameter of that name of CONFIG GET
    FROM_SLOWLOG,      // SLOWLOG LEN and GET: length, last_id, last_duration
    FROM_LATENCY,      // LATENCY LATEST and HISTOGRAM, by groups only
    FROM_COMMANDLOG,   // COMMANDLOG LEN: slow, large-request, large-reply
    FROM_CLIENTS,      // CLIENT LIST, summed up by kind, by groups only
    FROM_LINKS,        // CLUSTER LINKS, summed up by direction and as a whole
    FROM_MIGRATIONS,   // CLUSTER GETSLOTMIGRATIONS, summed up by state and as a whole
    FROM_OPEN_SLOTS,   // CLUSTER COUNTKEYSINSLOT of the slots that migrate, summed up
    FROM_SLOT_STATS,   // CLUSTER SLOT-STATS, by groups only
    FROM_EXPORTER,     // computed: `cluster`, `node` or `process` is set
    // Of these one node has many, told apart by labels (series.h); `field` is a part of the reply.
    FROM_KEY,
    FROM_STREAM,
    FROM_STREAM_GROUP,
    FROM_STREAM_CONSUMER,
    FROM_SEARCH,
    FROM_SENTINEL_MASTER, // several replies put together
    FROM_SENTINEL_PEER,
    FROM_SENTINEL_CONFIG,
    FROM_CLIENT,
    SOURCE_COUNT,
};

// Whether the samples of a source carry labels of its own.
static inline bool source_is_labelled(enum source source)
{
    return source > FROM_EXPORTER;
}

// Lines whose key has a variable part, which becomes labels; `field` then names one part of the
// value, or is "" for the whole of it.
enum group {
    GROUP_NONE,
    GROUP_DB,           // INFO dbN:keys=1,expires=0,...
    GROUP_REPLICA,      // INFO slaveN:ip=...,port=...,state=...,offset=...,lag=...
    GROUP_BUS_MESSAGES, // CLUSTER INFO cluster_stats_messages_TYPE_sent and _received
    GROUP_BUS_BYTES,    // CLUSTER INFO cluster_stats_KIND_bytes_sent and _received
    GROUP_COMMAND,      // INFO cmdstat_COMMAND:calls=...,usec=...,...
    GROUP_ERROR,        // INFO errorstat_PREFIX:count=...
    GROUP_QUANTILE,  // INFO latency_percentiles_usec_COMMAND:p50=...,p99=...; one line a quantile
    GROUP_EVENT,     // LATENCY LATEST: one line an event: time, latest, max
    GROUP_HISTOGRAM, // LATENCY HISTOGRAM: see samples_histogram
    GROUP_BUFFER_LIMIT, // CONFIG client-output-buffer-limit: one line a class and kind: bytes,
                        // seconds
    GROUP_CONFIG,       // CONFIG GET *: one line a parameter
    GROUP_CLIENTS,      // CLIENT LIST: one line a kind: count, ...
    GROUP_MODULE,       // INFO module:name=...,ver=...,...; the whole line, whose parts are labels
    GROUP_LINK,         // CLUSTER LINKS: one line a direction
    GROUP_MIGRATION,    // CLUSTER GETSLOTMIGRATIONS: one line a state
    GROUP_SLOT,         // CLUSTER SLOT-STATS: one line a slot
    GROUP_SLOT_NETWORK, // the same: one line a slot and direction
    GROUP_COUNT,
};

struct emitter;       // metrics/page.h
struct snapshot;      // scrape/snapshot.h
struct node_snapshot; // scrape/snapshot.h

struct metric {
    const char *name; // prefix, base unit, _total on counters only; "": only redis_exporter has it
    enum metric_type type;
    const char *field; // of the source; "" when computed
    const char *help;  // one sentence; where a field is named, the page adds it
    // The name that redis_exporter gives it: NULL the same, RX_NONE it has none.
    const char *rx_name;
    enum source source;
    enum group group;
    enum collector collector; // that it belongs to
    int shift;                // decimal places to the base unit: -3 for milliseconds
    const char *match;        // the text that counts as 1; any other text is 0
    bool percent;             // the value carries a % sign
    bool no_negative;         // a negative value says "never" or "unknown": no sample
    bool no_epoch;            // a value of decades counts from 1970 and says "never": no sample
    bool rx_zero;             // redis_exporter gives 0 where the value is absent
    bool rx_master;           // redis_exporter adds the labels master_host and master_port
    bool rx_gauge;            // redis_exporter calls this counter a gauge
    bool rx_counter;          // redis_exporter calls this gauge a counter
    const char *labels; // of a computed row, beyond those of cluster and node; for the reference
    const char *since;  // "Redis 7.0", "Redis up to 4.0", "KeyDB": who has it; NULL: every server
    size_t offset;      // of the number that a computed row shows, in the struct that it shows
    // One of these for computed rows: once a cluster, once a node, once a page.
    void (*cluster)(struct emitter *to, const struct snapshot *snapshot);
    void (*node)(struct emitter *to, const struct snapshot *snapshot,
                 const struct node_snapshot *node);
    void (*process)(struct emitter *to);
};

#define RX_NONE ""

// The upper bounds of all latency histograms, in microseconds: the server's own bounds (about the
// powers of two) rounded up, since it tells only the buckets that grew and sums over nodes need the
// same ones everywhere.
enum { LATENCY_BUCKETS = 24 };
extern const uint32_t latency_bounds_us[LATENCY_BUCKETS];

// The rows read from replies; rows of one family stand together.
extern const struct metric reply_metrics[];
extern const size_t reply_metric_count;

// Fields of INFO that are no metric as they stand, and that others look up (samples_field).
extern const char *const further_fields[];
extern const size_t further_field_count;

// The label names of a group, in the order in which sample.h keeps their values.
enum { GROUP_LABELS_MAX = 2 };
struct group_labels {
    const char *name[GROUP_LABELS_MAX]; // up to the first NULL
};
extern const struct group_labels group_labels[GROUP_COUNT];
