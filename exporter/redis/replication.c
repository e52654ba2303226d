#include "redis/replication.h"

#include <stddef.h>

// "slave" and digits: slave_repl_offset and others begin alike.
static bool is_replica_key(struct span key)
{
    struct span prefix = SPAN("slave");
    uint64_t number;
    return span_starts(key, prefix) && span_u64(span_skip(key, prefix.length), &number);
}

// -1 for everything else, and for what is below: that says "unknown" or "never", or nothing at all.
static int64_t count_of(struct span text)
{
    int64_t number = -1;
    return span_i64(text, &number) && number >= 0 ? number : -1;
}

static uint16_t port_of(struct span text)
{
    int64_t port = count_of(text);
    return (uint16_t)(port > 0 && port <= 65535 ? port : 0);
}

// Since Valkey 8 a replica that syncs over two channels is listed twice; only the line of type
// rdb-channel is the extra one.
bool replica_line_parse(const struct line *line, struct replica_line *out)
{
    struct span rest = line->value;
    struct line part;
    if (!is_replica_key(line->key)) {
        return false;
    }
    *out = (struct replica_line){.offset = -1, .ack_age_s = -1};
    while (lines_next_part(&rest, &part)) {
        if (span_is(part.key, "ip")) {
            out->ip = part.value;
        } else if (span_is(part.key, "port")) {
            out->port = port_of(part.value);
        } else if (span_is(part.key, "state")) {
            out->state = part.value;
        } else if (span_is(part.key, "offset")) {
            out->offset = count_of(part.value);
        } else if (span_is(part.key, "lag")) {
            out->ack_age_s = count_of(part.value);
        } else if (span_is(part.key, "type")) {
            out->channel_only = span_is(part.value, "rdb-channel");
        }
    }
    return true;
}

// The section alone, since a walk over the rest of INFO would be repeated for each replica. A
// server that writes no section headers gets the whole text walked.
static struct span section(struct span info)
{
    struct span title = SPAN("# Replication");
    const char *found =
        info.length > 0 ? memmem(info.at, info.length, title.at, title.length) : NULL;
    if (found == NULL) {
        return info;
    }
    struct span text = span_skip(info, (size_t)(found - info.at) + title.length);
    const char *next = text.length > 0 ? memchr(text.at, '#', text.length) : NULL;
    return next != NULL ? span_make(text.at, (size_t)(next - text.at)) : text;
}

enum kind { TEXT, NUMBER, PORT, IS_REPLICA, IS_UP, IS_ONE };

// Where each line of the section goes.
struct place {
    const char *name;
    enum kind kind;
    size_t offset;
};

#define AT(member) offsetof(struct replication, member)

static const struct place places[] = {
    {"role", IS_REPLICA, AT(is_replica)},
    {"master_repl_offset", NUMBER, AT(master_offset)},
    {"master_replid", TEXT, AT(id)},
    {"master_replid2", TEXT, AT(previous_id)},
    {"second_repl_offset", NUMBER, AT(previous_end)},
    {"repl_backlog_size", NUMBER, AT(backlog_bytes)},
    {"repl_backlog_first_byte_offset", NUMBER, AT(backlog_first)},
    {"master_failover_state", TEXT, AT(failover)},
    {"master_host", TEXT, AT(master_host)},
    {"master_port", PORT, AT(master_port)},
    {"master_link_status", IS_UP, AT(link_up)},
    {"master_sync_in_progress", IS_ONE, AT(syncing)},
    {"slave_repl_offset", NUMBER, AT(applied)},
    {"slave_read_repl_offset", NUMBER, AT(received)},
    {"master_link_down_since_seconds", NUMBER, AT(link_down_s)},
};

static void put(struct replication *out, const struct place *place, struct span value)
{
    void *field = (char *)out + place->offset;
    switch (place->kind) {
    case TEXT:
        *(struct span *)field = value;
        break;
    case NUMBER:
        *(int64_t *)field = count_of(value);
        break;
    case PORT:
        *(uint16_t *)field = port_of(value);
        break;
    case IS_REPLICA:
        *(bool *)field = span_is(value, "slave") || span_is(value, "replica");
        break;
    case IS_UP:
        *(bool *)field = span_is(value, "up");
        break;
    case IS_ONE:
        *(bool *)field = span_is(value, "1");
        break;
    }
}

// Before 6.2.2 a link that was never up has been down since 1970.
static void mend(struct replication *found)
{
    enum { DECADES_S = 1000000000 };
    if (found->link_down_s > DECADES_S) {
        found->link_down_s = -1;
    }
}

struct replication replication_parse(struct span info)
{
    struct replication found = {
        .master_offset = -1,
        .previous_end = -1,
        .backlog_bytes = -1,
        .backlog_first = -1,
        .applied = -1,
        .received = -1,
        .link_down_s = -1,
        .text = section(info),
    };
    struct span rest = found.text;
    struct line line;
    while (lines_next(&rest, &line)) {
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
            if (span_is(line.key, places[i].name)) {
                put(&found, &places[i], line.value);
            }
        }
    }
    mend(&found);
    return found;
}

bool replication_next(struct span *rest, struct replica_line *out)
{
    struct line line;
    while (lines_next(rest, &line)) {
        if (replica_line_parse(&line, out)) {
            return true;
        }
    }
    return false;
}
