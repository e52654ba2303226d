// The CLIENT LIST reply, summed up: names and addresses of clients are nobody's labels.
// Source: redis src/networking.c catClientInfoString.
#pragma once

#include "base/span.h"

enum client_kind { CLIENT_NORMAL, CLIENT_PUBSUB, CLIENT_REPLICA, CLIENT_MASTER, CLIENT_KINDS };

struct client_sums {
    uint64_t count;
    uint64_t output_bytes;
    uint64_t output_max_bytes;
    uint64_t query_bytes;
    uint64_t idle_max_s;
    uint64_t age_max_s;
};

const char *client_kind_name(enum client_kind kind);

// Adds up the clients of a reply, by kind. Lines that are no clients are left out.
void client_list_sum(struct span reply, struct client_sums sums[CLIENT_KINDS]);
