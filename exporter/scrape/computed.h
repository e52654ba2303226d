// The metrics that this exporter computes: one row each, like the catalog of those that are read.
#pragma once

#include "metrics/metric.h"

extern const struct metric computed_metrics[]; // before the read ones on the page
extern const size_t computed_metric_count;

extern const struct metric merged_metrics[]; // what follows from all nodes together
extern const size_t merged_metric_count;

// What only redis_exporter has. Their native name is "".
extern const struct metric rx_metrics[];
extern const size_t rx_metric_count;

// CLUSTER INFO's message and byte counts, for which redis_exporter has a family each.
struct snapshot;
struct node_snapshot;
void rx_emit_empty_databases(struct emitter *to, const struct node_snapshot *node);
void rx_emit_bus(struct emitter *to, const struct snapshot *const *snapshot, size_t count);

extern const struct metric process_metrics[]; // the exporter's own, at the end of the page
extern const size_t process_metric_count;

// Of reading the configuration, the start included.
void process_note_reload(bool succeeded, int64_t now_s);

// Of the HTTP server's certificate; 0: it has none.
void process_note_expiry(int64_t expiry_s);

// Counts a request whose target was refused, for those metrics.
void process_count_target_error(void);
void process_target_errors(struct emitter *to);
