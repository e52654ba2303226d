#include "redis/replication.h"

// "slave" and digits: slave_repl_offset and others begin alike.
static bool is_replica_key(struct span key)
{
    struct span prefix = SPAN("slave");
    uint64_t number;
    return span_starts(key, prefix) && span_u64(span_skip(key, prefix.length), &number);
}

static int64_t number_or(struct span text, int64_t otherwise)
{
    int64_t number = otherwise;
    span_i64(text, &number);
    return number;
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
            int64_t port = number_or(part.value, 0);
            out->port = (uint16_t)(port > 0 && port <= 65535 ? port : 0);
        } else if (span_is(part.key, "state")) {
            out->state = part.value;
        } else if (span_is(part.key, "offset")) {
            out->offset = number_or(part.value, -1);
        } else if (span_is(part.key, "lag")) {
            out->ack_age_s = number_or(part.value, -1);
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

struct replication replication_parse(struct span info)
{
    struct replication found = {.master_offset = -1, .text = section(info)};
    struct span value;
    found.is_replica = lines_find(found.text, SPAN("role"), &value) && span_is(value, "slave");
    if (lines_find(found.text, SPAN("master_repl_offset"), &value)) {
        found.master_offset = number_or(value, -1);
    }
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
