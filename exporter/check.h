// --check: one look at a cluster, the findings as text.
#pragma once

#include "scrape/pass.h"

enum { CHECK_HEALTHY, CHECK_WARNINGS, CHECK_CRITICAL };

// Runs the loop until the scrape is done, prints the findings on standard output, and gives one of
// the above.
int check_run(struct event_base *base, struct cluster *cluster, int64_t timeout_us);
