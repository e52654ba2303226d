// A strict reader of metrics pages: what Prometheus would take, and more.
#pragma once

#include "metrics/page.h"

// NULL when the page is right: every family in one block with one HELP and one TYPE in front, every
// line well formed, no series twice, valid UTF-8, histograms cumulative, counters not negative, and
// in OpenMetrics suffixes, units and end as they have to be. Otherwise what is wrong, and the line
// in `out_line`. Unless `strict`, counters need not be
// called ..._total in the text format, and quantiles may be per cent, as redis_exporter has them.
const char *page_check(struct span page, enum page_format format, bool strict,
                       struct span *out_line);

bool page_is_utf8(struct span text);
