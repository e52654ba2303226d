// One scrape of one cluster: every member is asked at once, members that are learnt on the way are
// asked too, and whoever has not answered at the deadline counts as failed. Whoever wants a
// snapshot while a scrape of that cluster runs shares it; it lasts as long as the most patient of
// these wants, counted from its start, and who has less time may look at what there is by then.
#pragma once

#include "scrape/snapshot.h"

struct scrape;

// One who waits: filled in by the caller, who keeps it until `done` or scrape_leave. `done` comes
// once, from the event loop and never from inside scrape_join; it borrows the snapshot, and may
// keep it with snapshot_hold.
struct scrape_wait {
    void (*done)(void *owner, struct snapshot *snapshot);
    void *owner;
    struct scrape *scrape;    // the scrape's
    struct scrape_wait *next; // the scrape's
};

// Starts a scrape, or joins the one under way. `deadline_us` is of the monotonic clock.
void scrape_join(struct cluster *cluster, int64_t deadline_us, struct scrape_wait *wait);

// `done` comes no more; the scrape goes on. Nothing when it has come.
void scrape_leave(struct scrape_wait *wait);

// For one more who waits behind the same `wait`: a longer timeout than all so far is granted.
void scrape_extend(struct scrape_wait *wait, int64_t deadline_us);

// Whether `done` has come, or comes by then.
bool scrape_ends_by(const struct scrape_wait *wait, int64_t deadline_us);

// What there is by now, for the caller to release from inside the same turn of the loop; the scrape
// goes on. Not when `done` has come.
struct snapshot *scrape_peek(const struct scrape_wait *wait);

// Ends the scrape under way, if there is one, as its deadline does: who waits gets what there is.
void scrape_hurry(struct cluster *cluster);

// Ends the scrape under way, if there is one: before its cluster is freed. Nobody may wait for it.
void scrape_abort(struct cluster *cluster);
