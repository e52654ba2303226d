// Groups of metrics that an operator can turn on and off.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "redis/command.h"

enum collector {
    COLLECTOR_BASE, // always on
    COLLECTOR_COMMANDSTATS,
    COLLECTOR_ERRORSTATS,
    COLLECTOR_LATENCYSTATS,
    COLLECTOR_LATENCY,
    COLLECTOR_SLOWLOG,
    COLLECTOR_COMMANDLOG,
    COLLECTOR_CONFIG,
    COLLECTOR_LATENCY_HISTOGRAM,
    COLLECTOR_CLIENTS,
    COLLECTOR_CONFIG_ALL,
    COLLECTOR_MODULES,
    COLLECTOR_SEARCH,
    COLLECTOR_KEYS,
    COLLECTOR_STREAMS,
    COLLECTOR_CLIENT_LIST,
    COLLECTOR_LINKS,
    COLLECTOR_SLOT_STATS,
    COLLECTOR_COUNT,
};

typedef uint32_t collector_set; // bit 1 << collector

static inline collector_set collector_bit(enum collector collector)
{
    return (collector_set)1 << collector;
}

struct collector_row {
    const char *name; // of its flag; NULL for the one without
    bool on;          // by default
    const char *help;
    command_set commands; // that a scrape sends with INFO
    const char *samples;  // how many a node
    command_set further;  // commands that follow from replies
};

extern const struct collector_row collectors[COLLECTOR_COUNT];

collector_set collectors_by_default(void);

// The commands that a scrape with these collectors sends, as far as a server has them.
command_set collectors_commands(collector_set set);

// All that they may come to send, for the rights that a user needs.
command_set collectors_all_commands(collector_set set);
