// One pass over several clusters, for one page: all scraped at once, done when the last one is.
#pragma once

#include "scrape/scrape.h"

struct pass;

// Comes once, from the event loop. Borrows the snapshots, which stand in the order of the clusters;
// the pass is gone when it returns.
typedef void pass_done(void *owner, const struct snapshot *const *snapshot, size_t count);

// `count` is at least 1.
struct pass *pass_start(struct cluster *const *cluster, size_t count, int64_t timeout_us,
                        pass_done *done, void *owner);

// Brings the deadline forward for one more waiter; a later one changes nothing.
void pass_hasten(struct pass *pass, int64_t timeout_us);

void pass_cancel(struct pass *pass); // `done` comes no more; NULL is fine
