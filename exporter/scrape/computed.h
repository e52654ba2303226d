// The metrics that this exporter computes: one row each, like the catalog of those that are read.
#pragma once

#include "metrics/metric.h"

extern const struct metric computed_metrics[]; // before the read ones on the page
extern const size_t computed_metric_count;

extern const struct metric process_metrics[]; // the exporter's own, at the end of the page
extern const size_t process_metric_count;
