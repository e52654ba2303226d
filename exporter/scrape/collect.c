#include "scrape/collect.h"

#include "redis/client_list.h"

static struct span keep(struct samples *samples, struct span text)
{
    return arena_copy(&samples->arena, text);
}

static void set_number(struct samples *samples, enum source source, struct span field,
                       int64_t value)
{
    samples_set(samples, source, field, arena_i64(&samples->arena, value));
}

static bool is_array(const struct reply *reply, size_t at_least)
{
    return reply->type == REPLY_ARRAY && reply->count >= at_least;
}

static bool is_text(const struct reply *reply)
{
    return reply->type == REPLY_STRING;
}

static bool is_number(const struct reply *reply)
{
    return reply->type == REPLY_INTEGER;
}

// --- CONFIG GET: name, value, name, value ... (redis src/config.c configGetCommand) ---

// "normal 0 0 0 slave 268435456 67108864 60 pubsub ...": class, hard limit, soft limit, seconds.
static void collect_buffer_limits(struct samples *samples, struct span value)
{
    struct span rest = keep(samples, value);
    struct span class;
    struct span hard;
    struct span soft;
    struct span seconds;
    while (span_cut(&rest, ' ', &class) && span_cut(&rest, ' ', &hard) &&
           span_cut(&rest, ' ', &soft) && span_cut(&rest, ' ', &seconds)) {
        samples_set_part(samples, GROUP_BUFFER_LIMIT, class, SPAN("hard"), SPAN("bytes"), hard);
        samples_set_part(samples, GROUP_BUFFER_LIMIT, class, SPAN("soft"), SPAN("bytes"), soft);
        samples_set_part(samples, GROUP_BUFFER_LIMIT, class, SPAN("soft"), SPAN("seconds"),
                         seconds);
    }
}

// Passwords can be numbers too.
static bool is_secret(struct span name)
{
    return span_contains(name, SPAN("pass")) || span_contains(name, SPAN("auth")) ||
           span_contains(name, SPAN("user"));
}

static void collect_config(struct samples *samples, const struct reply *reply, bool all)
{
    for (size_t i = 0; reply->type == REPLY_ARRAY && i + 1 < reply->count; i += 2) {
        struct span name = reply->element[i]->text;
        struct span value = reply->element[i + 1]->text;
        if (!is_text(reply->element[i]) || !is_text(reply->element[i + 1]) || is_secret(name)) {
            continue;
        }
        if (span_is(name, "client-output-buffer-limit")) {
            collect_buffer_limits(samples, value);
        } else {
            struct span kept = keep(samples, value);
            samples_set(samples, FROM_CONFIG, name, kept);
            if (all && span_is_number(kept)) {
                samples_set_part(samples, GROUP_CONFIG, keep(samples, name), SPAN(""), SPAN(""),
                                 kept);
            }
        }
    }
}

// --- SLOWLOG GET 1: entries of id, time, microseconds ... (redis src/slowlog.c) ---

static void collect_slowlog(struct samples *samples, const struct reply *reply)
{
    const struct reply *newest = is_array(reply, 1) ? reply->element[0] : NULL;
    if (newest != NULL && is_array(newest, 3) && is_number(newest->element[0]) &&
        is_number(newest->element[2])) {
        set_number(samples, FROM_SLOWLOG, SPAN("last_id"), newest->element[0]->integer);
        set_number(samples, FROM_SLOWLOG, SPAN("last_duration"), newest->element[2]->integer);
    }
}

static void collect_length(struct samples *samples, enum source source, struct span field,
                           const struct reply *reply)
{
    if (is_number(reply)) {
        set_number(samples, source, field, reply->integer);
    }
}

// --- LATENCY LATEST: events of name, time, latest ms, maximum ms (redis src/latency.c) ---

static bool is_event(const struct reply *event)
{
    return is_array(event, 4) && is_text(event->element[0]) && is_number(event->element[1]) &&
           is_number(event->element[2]) && is_number(event->element[3]);
}

static void collect_events(struct samples *samples, const struct reply *reply)
{
    static const char *const parts[] = {"time", "latest", "max"};
    for (size_t i = 0; reply->type == REPLY_ARRAY && i < reply->count; i++) {
        const struct reply *event = reply->element[i];
        if (!is_event(event)) {
            continue;
        }
        struct span name = keep(samples, event->element[0]->text);
        for (size_t part = 0; part < 3; part++) {
            samples_set_part(samples, GROUP_EVENT, name, SPAN(""), span_of(parts[part]),
                             arena_i64(&samples->arena, event->element[part + 1]->integer));
        }
    }
}

// --- LATENCY HISTOGRAM: command, [calls, n, histogram_usec, [bound, cumulative count ...]] ---

// The largest cumulative count whose bound is not above ours; the server leaves out buckets that
// did not grow.
static void fill_buckets(struct histogram *histogram, const struct reply *pairs)
{
    uint64_t count = 0;
    size_t next = 0;
    for (size_t bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
        while (next + 1 < pairs->count &&
               pairs->element[next]->integer <= (int64_t)latency_bounds_us[bucket]) {
            int64_t told = pairs->element[next + 1]->integer;
            uint64_t cumulative = told > 0 ? (uint64_t)told : 0;
            count = cumulative > count ? cumulative : count;
            next += 2;
        }
        histogram->bucket[bucket] = count < histogram->count ? count : histogram->count;
    }
}

static bool are_numbers(const struct reply *reply)
{
    for (size_t i = 0; reply->type == REPLY_ARRAY && i < reply->count; i++) {
        if (!is_number(reply->element[i])) {
            return false;
        }
    }
    return reply->type == REPLY_ARRAY;
}

static void collect_histogram(struct samples *samples, struct span command,
                              const struct reply *fields)
{
    const struct reply *calls = NULL;
    const struct reply *pairs = NULL;
    for (size_t i = 0; fields->type == REPLY_ARRAY && i + 1 < fields->count; i += 2) {
        if (span_is(fields->element[i]->text, "calls")) {
            calls = fields->element[i + 1];
        } else if (span_is(fields->element[i]->text, "histogram_usec")) {
            pairs = fields->element[i + 1];
        }
    }
    if (calls == NULL || !is_number(calls) || calls->integer < 0 || pairs == NULL ||
        !are_numbers(pairs)) {
        return;
    }
    struct histogram *histogram = samples_add_histogram(samples, keep(samples, command));
    if (histogram != NULL) {
        histogram->count = (uint64_t)calls->integer;
        fill_buckets(histogram, pairs);
    }
}

static void collect_histograms(struct samples *samples, const struct reply *reply)
{
    for (size_t i = 0; reply->type == REPLY_ARRAY && i + 1 < reply->count; i += 2) {
        if (is_text(reply->element[i])) {
            collect_histogram(samples, reply->element[i]->text, reply->element[i + 1]);
        }
    }
}

// --- CLIENT LIST ---

static void collect_clients(struct samples *samples, const struct reply *reply)
{
    struct client_sums sums[CLIENT_KINDS];
    client_list_sum(reply->text, sums);
    for (int kind = 0; reply->type == REPLY_STRING && kind < CLIENT_KINDS; kind++) {
        const struct client_sums *sum = &sums[kind];
        struct span name = span_of(client_kind_name((enum client_kind)kind));
        const struct {
            const char *part;
            uint64_t value;
        } parts[] = {
            {"count", sum->count},
            {"omem", sum->output_bytes},
            {"omem-max", sum->output_max_bytes},
            {"qbuf", sum->query_bytes},
            {"idle-max", sum->idle_max_s},
            {"age-max", sum->age_max_s},
        };
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
            samples_set_part(samples, GROUP_CLIENTS, name, SPAN(""), span_of(parts[i].part),
                             arena_u64(&samples->arena, parts[i].value));
        }
    }
}

void collect_reply(struct samples *samples, enum command command, const struct reply *reply)
{
    switch (command) {
    case COMMAND_CONFIG_GET:
    case COMMAND_CONFIG_GET_ALL:
        collect_config(samples, reply, command == COMMAND_CONFIG_GET_ALL);
        break;
    case COMMAND_SLOWLOG_LEN:
        collect_length(samples, FROM_SLOWLOG, SPAN("length"), reply);
        break;
    case COMMAND_SLOWLOG_GET:
        collect_slowlog(samples, reply);
        break;
    case COMMAND_LATENCY_LATEST:
        collect_events(samples, reply);
        break;
    case COMMAND_LATENCY_HISTOGRAM:
        collect_histograms(samples, reply);
        break;
    case COMMAND_COMMANDLOG_SLOW:
        collect_length(samples, FROM_COMMANDLOG, SPAN("slow"), reply);
        break;
    case COMMAND_COMMANDLOG_REQUEST:
        collect_length(samples, FROM_COMMANDLOG, SPAN("large-request"), reply);
        break;
    case COMMAND_COMMANDLOG_REPLY:
        collect_length(samples, FROM_COMMANDLOG, SPAN("large-reply"), reply);
        break;
    case COMMAND_CLIENT_LIST:
        collect_clients(samples, reply);
        break;
    case COMMAND_INFO_MODULES:
        if (is_text(reply)) {
            samples_read(samples, FROM_INFO, keep(samples, reply->text));
        }
        break;
    case COMMAND_INFO:
    case COMMAND_CLUSTER_INFO:
    case COMMAND_CLUSTER_NODES:
    case COMMAND_COUNT:
        break;
    }
}
