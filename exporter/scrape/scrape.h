// One scrape of one cluster: every member is asked at once, members that are learnt on the way are
// asked too, and whoever has not answered at the deadline counts as failed. Whoever wants a
// snapshot while a scrape of that cluster runs shares it.
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

// Starts a scrape, or joins the one under way and, if need be, brings its deadline forward.
void scrape_join(struct cluster *cluster, int64_t timeout_us, struct scrape_wait *wait);

// `done` comes no more; the scrape goes on. Nothing when it has come.
void scrape_leave(struct scrape_wait *wait);

// Brings the deadline of the scrape that is waited for forward; a later one changes nothing.
void scrape_hasten(struct scrape_wait *wait, int64_t timeout_us);

// Ends the scrape under way, if there is one: before its cluster is freed. Nobody may wait for it.
void scrape_abort(struct cluster *cluster);
