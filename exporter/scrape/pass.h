// One pass over several clusters, for one page: all scraped at once, done when the last one is.
#pragma once

#include "scrape/scrape.h"

struct pass;

// Comes once, from the event loop. Borrows the snapshots, which stand in the order of the clusters;
// the pass is gone when it returns.
typedef void pass_done(void *owner, const struct snapshot *const *snapshot, size_t count);

// `count` is at least 1; `deadline_us` is of the monotonic clock.
struct pass *pass_start(struct cluster *const *cluster, size_t count, int64_t deadline_us,
                        pass_done *done, void *owner);

// For one more who waits; scrapes with a longer timeout go on.
void pass_extend(struct pass *pass, int64_t deadline_us);

// Whether `done` comes by then.
bool pass_ends_by(const struct pass *pass, int64_t deadline_us);

// Calls `look` at once with what there is by now; the pass goes on.
void pass_peek(const struct pass *pass, pass_done *look, void *owner);

void pass_cancel(struct pass *pass); // `done` comes no more; NULL is fine
