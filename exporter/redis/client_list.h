// The CLIENT LIST reply: a line each, summed up by kind or taken apart.
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

// The fields of one client that tell who it is.
enum client_field {
    CLIENT_ID,
    CLIENT_NAME,
    CLIENT_FLAGS,
    CLIENT_DB,
    CLIENT_ADDR,
    CLIENT_USER,
    CLIENT_RESP,
    CLIENT_FIELDS,
};

// Their values in one line of the reply; empty where it does not have them.
void client_fields_parse(struct span line, struct span out[CLIENT_FIELDS]);

// Takes the next name=value off the front of a line; false at the end.
bool client_next_field(struct span *line, struct span *out_name, struct span *out_value);
