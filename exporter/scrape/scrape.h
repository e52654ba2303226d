// One scrape of one cluster: every member is asked at once, members that are learnt on the way are
// asked too, and whoever has not answered at the deadline counts as failed.
#pragma once

#include "scrape/snapshot.h"

struct scrape;

// Comes once, from the event loop and never from inside scrape_start. Takes the snapshot; the
// scrape is gone when it returns.
typedef void scrape_done(void *owner, struct snapshot *snapshot);

struct scrape *scrape_start(struct cluster *cluster, int64_t timeout_us, scrape_done *done,
                            void *owner);

// Brings the deadline forward for one more waiter; a later one changes nothing.
void scrape_hasten(struct scrape *scrape, int64_t timeout_us);

// Ends it without `done`.
void scrape_cancel(struct scrape *scrape);
