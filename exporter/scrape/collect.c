#include "scrape/collect.h"

#include "base/clock.h"
#include "metrics/page.h"
#include "redis/client_list.h"
#include "scrape/links.h"
#include "scrape/migrations.h"
#include "scrape/search.h"

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

bool config_is_secret(struct span name)
{
    return span_contains(name, SPAN("pass")) || span_contains(name, SPAN("auth")) ||
           span_contains(name, SPAN("user"));
}

static void keep_fact(struct node_snapshot *node, struct span name, struct span value)
{
    enum config_parameter parameter = config_parameter_find(name);
    if (parameter != CONFIG_PARAMETERS) {
        node->facts.config[parameter] = keep(node->samples, value);
    }
}

static void collect_config(struct node_snapshot *node, const struct reply *reply, bool all)
{
    struct samples *samples = node->samples;
    for (size_t i = 0; reply->type == REPLY_ARRAY && i + 1 < reply->count; i += 2) {
        struct span name = reply->element[i]->text;
        struct span value = reply->element[i + 1]->text;
        if (!is_text(reply->element[i]) || !is_text(reply->element[i + 1]) ||
            (all && config_is_secret(name))) { // otherwise only our own rows' names are kept
            continue;
        }
        keep_fact(node, name, value);
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

// --- each client, for those who want them ---

// Of many thousands nobody could make sense, and no page should hold them.
enum { CLIENTS_MAX = 1000 };

static void add_client_field(struct samples *samples, struct span labels, struct span name,
                             struct span value)
{
    bool is_age = span_is(name, "age") || span_is(name, "idle");
    int64_t now_s = clock_wall_us() / SECOND_US;
    int64_t seconds;
    if (is_age) {
        // The moment stands still while the seconds grow.
        bool known = span_i64(value, &seconds) && seconds >= 0 && seconds <= now_s;
        value = known ? arena_i64(&samples->arena, now_s - seconds) : span_make(NULL, 0);
    }
    if (name.length > 0) { // the one without a name is ours, and takes any text
        samples_add_labelled(samples, FROM_CLIENT, name, labels, value);
    }
}

static void add_client_info(struct samples *samples, const struct span *field, bool with_port)
{
    static const char *const names[] = {"id", "name", "flags", "db", "addr", "user", "resp"};
    struct span host = field[CLIENT_ADDR];
    struct span port = SPAN("");
    struct buf labels = BUF_EMPTY;
    span_split_last(field[CLIENT_ADDR], ':', &host, &port);
    for (size_t i = 0; i < CLIENT_FIELDS; i++) {
        bool optional = i == CLIENT_USER || i == CLIENT_RESP;
        if (optional && field[i].length == 0) {
            continue;
        }
        buf_text(&labels, i > 0 ? "," : "");
        label_add(&labels, i == CLIENT_ADDR ? "host" : names[i],
                  i == CLIENT_ADDR ? host : field[i]);
        if (i == CLIENT_ADDR && with_port) {
            buf_char(&labels, ',');
            label_add(&labels, "port", port);
        }
    }
    samples_add_labelled(samples, FROM_CLIENT, SPAN(""), buf_view(&labels), SPAN("1"));
    buf_free(&labels);
}

// A line without an id is no client.
static void collect_client(struct samples *samples, struct span line, bool with_port)
{
    struct span field[CLIENT_FIELDS];
    struct span name;
    struct span value;
    struct buf labels = BUF_EMPTY;
    client_fields_parse(line, field);
    if (field[CLIENT_ID].length == 0) {
        return;
    }
    label_add(&labels, "id", field[CLIENT_ID]);
    buf_char(&labels, ',');
    label_add(&labels, "name", field[CLIENT_NAME]);
    while (client_next_field(&line, &name, &value)) {
        add_client_field(samples, buf_view(&labels), name, value);
    }
    add_client_info(samples, field, with_port);
    buf_free(&labels);
}

static void collect_client_list(struct node_snapshot *node, struct span list)
{
    const struct collect_options *options = node->member->cluster->options.collect;
    bool with_port = options != NULL && options->client_ports;
    struct span line;
    for (size_t i = 0; i < CLIENTS_MAX && span_cut(&list, '\n', &line); i++) {
        line = span_trim(line);
        if (line.length > 0) {
            collect_client(node->samples, line, with_port);
        }
    }
}

// --- one function a command ---

static bool is_on(const struct node_snapshot *node, enum collector collector)
{
    return (node->member->cluster->options.collectors & collector_bit(collector)) != 0;
}

static void take_config(struct node_snapshot *node, const struct reply *reply)
{
    collect_config(node, reply, false);
}

static void take_config_all(struct node_snapshot *node, const struct reply *reply)
{
    collect_config(node, reply, is_on(node, COLLECTOR_CONFIG_ALL));
}

static void take_slowlog_length(struct node_snapshot *node, const struct reply *reply)
{
    collect_length(node->samples, FROM_SLOWLOG, SPAN("length"), reply);
}

static void take_slowlog(struct node_snapshot *node, const struct reply *reply)
{
    collect_slowlog(node->samples, reply);
}

static void take_events(struct node_snapshot *node, const struct reply *reply)
{
    collect_events(node->samples, reply);
}

static void take_histograms(struct node_snapshot *node, const struct reply *reply)
{
    collect_histograms(node->samples, reply);
}

static void take_slow_commands(struct node_snapshot *node, const struct reply *reply)
{
    collect_length(node->samples, FROM_COMMANDLOG, SPAN("slow"), reply);
}

static void take_large_requests(struct node_snapshot *node, const struct reply *reply)
{
    collect_length(node->samples, FROM_COMMANDLOG, SPAN("large-request"), reply);
}

static void take_large_replies(struct node_snapshot *node, const struct reply *reply)
{
    collect_length(node->samples, FROM_COMMANDLOG, SPAN("large-reply"), reply);
}

static void take_clients(struct node_snapshot *node, const struct reply *reply)
{
    if (is_on(node, COLLECTOR_CLIENTS)) {
        collect_clients(node->samples, reply);
    }
    if (is_on(node, COLLECTOR_CLIENT_LIST) && is_text(reply)) {
        collect_client_list(node, reply->text);
    }
}

static void take_modules(struct node_snapshot *node, const struct reply *reply)
{
    if (is_text(reply)) {
        struct span text = keep(node->samples, reply->text);
        node->has_search = search_is_among(text);
        if (is_on(node, COLLECTOR_MODULES)) {
            samples_read(node->samples, FROM_INFO, text);
        }
    }
}

void collect_reply(struct node_snapshot *node, enum command command, const struct reply *reply)
{
    static void (*const take[COMMAND_COUNT])(struct node_snapshot *, const struct reply *) = {
        [COMMAND_CONFIG_GET] = take_config,
        [COMMAND_CONFIG_GET_ALL] = take_config_all,
        [COMMAND_SLOWLOG_LEN] = take_slowlog_length,
        [COMMAND_SLOWLOG_GET] = take_slowlog,
        [COMMAND_LATENCY_LATEST] = take_events,
        [COMMAND_LATENCY_HISTOGRAM] = take_histograms,
        [COMMAND_COMMANDLOG_SLOW] = take_slow_commands,
        [COMMAND_COMMANDLOG_REQUEST] = take_large_requests,
        [COMMAND_COMMANDLOG_REPLY] = take_large_replies,
        [COMMAND_CLIENT_LIST] = take_clients,
        [COMMAND_INFO_MODULES] = take_modules,
        [COMMAND_CLUSTER_LINKS] = links_take,
        [COMMAND_CLUSTER_GETSLOTMIGRATIONS] = migrations_take,
    };
    if (take[command] != NULL) {
        take[command](node, reply);
    }
}
