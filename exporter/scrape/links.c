// One link each, as name, value, name, value ... Source: redis src/cluster.c
// addReplyClusterLinkDescription.
#include "scrape/links.h"

struct link_sums {
    uint64_t to;
    uint64_t from;
    uint64_t buffer_bytes;
    uint64_t buffer_max_bytes;
    uint64_t newest_ms; // 0: not told
};

static uint64_t number_in(const struct reply *link, const char *name)
{
    const struct reply *value = reply_field(link, name);
    bool fine = value != NULL && value->type == REPLY_INTEGER && value->integer > 0;
    return fine ? (uint64_t)value->integer : 0;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

// The allocated size is the one that the server compares with its limit.
static void add_link(struct link_sums *sums, const struct reply *link)
{
    const struct reply *direction = reply_field(link, "direction");
    bool is_to = direction != NULL && span_is(direction->text, "to");
    bool is_from = direction != NULL && span_is(direction->text, "from");
    if (!is_to && !is_from) {
        return;
    }
    uint64_t bytes = number_in(link, "send-buffer-allocated");
    sums->to += is_to ? 1 : 0;
    sums->from += is_from ? 1 : 0;
    sums->buffer_bytes += bytes;
    sums->buffer_max_bytes = larger(sums->buffer_max_bytes, bytes);
    sums->newest_ms = larger(sums->newest_ms, number_in(link, "create-time"));
}

static void set(struct samples *samples, const char *field, uint64_t value)
{
    samples_set(samples, FROM_LINKS, span_of(field), arena_u64(&samples->arena, value));
}

static void set_count(struct samples *samples, const char *direction, uint64_t count)
{
    samples_set_part(samples, GROUP_LINK, span_of(direction), SPAN(""), SPAN("count"),
                     arena_u64(&samples->arena, count));
}

// A node that knows no other one has no links, and says so; a list without any link is no such
// list.
void links_take(struct node_snapshot *node, const struct reply *reply)
{
    struct samples *samples = node->samples;
    struct link_sums sums = {0};
    for (size_t i = 0; reply->type == REPLY_ARRAY && i < reply->count; i++) {
        add_link(&sums, reply->element[i]);
    }
    bool understood = sums.to + sums.from > 0 || reply->count == 0;
    if (reply->type != REPLY_ARRAY || !understood) {
        return;
    }
    set_count(samples, "to", sums.to);
    set_count(samples, "from", sums.from);
    set(samples, "send-buffer-allocated", sums.buffer_bytes);
    set(samples, "send-buffer-max", sums.buffer_max_bytes);
    if (sums.newest_ms > 0) {
        set(samples, "create-time", sums.newest_ms);
    }
}
