// The guard rails of the HTTP side, all in one place: how much may be asked for at once and in a
// second, how large a page may be, how much may be under way to clients. What is refused gets one
// sentence that names the flag, with 503, or 429 for a rate, and is counted (scrape/refusals.h).
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "scrape/refusals.h"

enum {
    CONNECTIONS_MAX_DEFAULT = 1024,
    CONNECTIONS_SPARE = 64,    // beyond connections_max, to be told so
    CONNECTION_TIMEOUT_S = 60, // idle, or with unfinished headers; longer than scrape intervals
    FIRST_REQUEST_S = 10,      // until a new connection's first headers are whole, TLS included
    TARGETS_MAX = 1024,        // kept at once; the one unused for longest makes room
    TARGETS_CHECKING_MAX = 32, // of these, with checks of their own, which can hold many keys
};

// Paths that share a rate: those that ask one node, and those that can each ask a whole cluster.
enum rate { RATE_FREE, RATE_SCRAPE, RATE_CLUSTER, RATE_COUNT };

// 0 is no limit; of `connections_max` it is the default.
struct limit_options {
    uint32_t connections_max;      // per listening address; an idle one costs about 2 KB
    uint32_t requests_max;         // that wait for an answer at once
    uint32_t rate_max[RATE_COUNT]; // requests a second; none of RATE_FREE
    uint64_t page_size_max;        // bytes of a page before compression
    uint64_t sending_size_max;     // bytes of the pages that clients have not read yet
    int64_t send_timeout_us;       // until a client has read its answer
};

struct limits {
    struct limit_options options;
    size_t waiting;               // requests
    int64_t spent_us[RATE_COUNT]; // until when the requests so far use the rate up
};

// Takes one request off the rate: as many may come at once as in a second. False when it is used
// up.
bool limits_take(struct limits *limits, enum rate rate, int64_t now_us);

struct answer;

// What a client is told; without users.
struct answer *limits_answer(enum limit limit);
