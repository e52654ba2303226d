#include "redis/client_list.h"

static const char *const kind_names[CLIENT_KINDS] = {"normal", "pubsub", "replica", "master"};

const char *client_kind_name(enum client_kind kind)
{
    return kind_names[kind];
}

struct client {
    enum client_kind kind;
    uint64_t output_bytes;
    uint64_t query_bytes;
    uint64_t idle_s;
    uint64_t age_s;
};

// One letter a property (N normal, P in publish/subscribe, S replica, M master ...).
static enum client_kind kind_of(struct span flags)
{
    if (memchr(flags.at, 'S', flags.length) != NULL) {
        return CLIENT_REPLICA;
    }
    if (memchr(flags.at, 'M', flags.length) != NULL) {
        return CLIENT_MASTER;
    }
    return memchr(flags.at, 'P', flags.length) != NULL ? CLIENT_PUBSUB : CLIENT_NORMAL;
}

bool client_next_field(struct span *line, struct span *out_name, struct span *out_value)
{
    struct span field;
    while (span_cut(line, ' ', &field)) {
        if (span_split(field, '=', out_name, out_value)) {
            return true;
        }
    }
    return false;
}

void client_fields_parse(struct span line, struct span out[CLIENT_FIELDS])
{
    static const char *const names[CLIENT_FIELDS] = {"id",   "name", "flags", "db",
                                                     "addr", "user", "resp"};
    struct span name;
    struct span value;
    memset(out, 0, CLIENT_FIELDS * sizeof(out[0]));
    while (client_next_field(&line, &name, &value)) {
        for (size_t i = 0; i < CLIENT_FIELDS; i++) {
            if (span_is(name, names[i])) {
                out[i] = value;
            }
        }
    }
}

static bool parse_client(struct span line, struct client *out)
{
    struct span name;
    struct span value;
    bool has_flags = false;
    *out = (struct client){.kind = CLIENT_NORMAL};
    while (client_next_field(&line, &name, &value)) {
        if (span_is(name, "flags")) {
            has_flags = value.length > 0;
            out->kind = has_flags ? kind_of(value) : CLIENT_NORMAL;
        } else if (span_is(name, "omem")) {
            span_u64(value, &out->output_bytes);
        } else if (span_is(name, "qbuf")) {
            span_u64(value, &out->query_bytes);
        } else if (span_is(name, "idle")) {
            span_u64(value, &out->idle_s);
        } else if (span_is(name, "age")) {
            span_u64(value, &out->age_s);
        }
    }
    return has_flags;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void client_list_sum(struct span reply, struct client_sums sums[CLIENT_KINDS])
{
    struct span line;
    struct client client;
    memset(sums, 0, CLIENT_KINDS * sizeof(sums[0]));
    while (span_cut(&reply, '\n', &line)) {
        if (!parse_client(span_trim(line), &client)) {
            continue;
        }
        struct client_sums *sum = &sums[client.kind];
        sum->count++;
        sum->output_bytes += client.output_bytes;
        sum->output_max_bytes = larger(sum->output_max_bytes, client.output_bytes);
        sum->query_bytes += client.query_bytes;
        sum->idle_max_s = larger(sum->idle_max_s, client.idle_s);
        sum->age_max_s = larger(sum->age_max_s, client.age_s);
    }
}
