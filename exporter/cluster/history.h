// What only several scrapes together tell: events that were seen, since when something is open, how
// long ago a master was where its replica is now. Pure: times come with the observations.
#pragma once

#include "cluster/health.h"

struct history;

// Counters, since the exporter started.
struct history_events {
    uint64_t failovers;  // a replica took over slots of its master
    uint64_t slot_moves; // slots that went to another shard
    uint64_t full_syncs; // that masters gave to replicas
};

struct history *history_new(void);
void history_free(struct history *history); // NULL is fine

// Takes in one judgement of `input`, and sets in it what follows from those before: lag_seconds,
// lag_is_estimate, open_since_s. `wall_s` is Unix time.
void history_observe(struct history *history, const struct health_input *input,
                     struct health *health, int64_t wall_s);

const struct history_events *history_events(const struct history *history);
