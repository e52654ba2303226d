#include "replies.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "topology.h"

enum { FIGURE_DIGITS = 10, EPOCH_DIGITS = 5, CLOCK_DIGITS = 16 };

#define FIGURE_MIN 1000000000u // so that figures that move keep their length

// What stands at a place of a template; every kind has one length, so replies do not shift.
enum blank_kind {
    BLANK_FIGURE,
    BLANK_OFFSET,
    BLANK_RUN_ID,
    BLANK_SHARD,
    BLANK_PEER,
    BLANK_EPOCH,
    BLANK_CLOCK,
};

struct blank {
    enum blank_kind kind;
    size_t at;
    uint64_t start; // of BLANK_FIGURE
};

// A bulk string with blanks.
struct template
{
    struct buf text;
    struct blank *blanks;
    size_t count;
    size_t capacity;
};

struct setting {
    struct span name;
    struct span pair; // name and value as RESP
};

struct replies {
    const char *captures;
    struct topology *topology;
    int64_t began_us;
    struct template info_master;
    struct template info_replica;
    struct template cluster_info;
    struct buf config;
    struct setting *settings;
    size_t setting_count;
    struct buf slowlog_len;
    struct buf slowlog_get;
    struct buf latency_latest;
    struct buf latency_histogram;
};

// ---- captures ----

static void read_capture(const char *directory, const char *suffix, const char *name,
                         struct buf *out)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s%s/%s.resp2", directory, suffix, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    size_t got;
    do {
        got = fread(buf_reserve(out, 65536), 1, 65536, file);
        out->length += got;
    } while (got > 0);
    (void)fclose(file);
}

// Without the header of a bulk string and its last line end.
static struct span bulk_content(const struct buf *capture)
{
    struct span header;
    struct span content;
    CHECK(span_split(buf_view(capture), '\n', &header, &content) && content.length >= 2);
    content.length -= 2;
    return content;
}

// ---- templates ----

static const size_t blank_lengths[] = {
    [BLANK_FIGURE] = FIGURE_DIGITS,       [BLANK_OFFSET] = FIGURE_DIGITS,
    [BLANK_RUN_ID] = NODE_ID_LENGTH,      [BLANK_SHARD] = NODE_ID_LENGTH,
    [BLANK_PEER] = NODE_ADDRESS_SIZE - 3, [BLANK_EPOCH] = EPOCH_DIGITS,
    [BLANK_CLOCK] = CLOCK_DIGITS,
};

static void add_blank(struct template *template, enum blank_kind kind, uint64_t start)
{
    template->blanks =
        mem_grow(template->blanks, template->count, &template->capacity, sizeof(*template->blanks));
    template->blanks[template->count++] = (struct blank){kind, template->text.length, start};
    (void)buf_reserve(&template->text, blank_lengths[kind]);
    template->text.length += blank_lengths[kind];
}

struct named_blank {
    const char *name;
    enum blank_kind kind;
};

static const struct named_blank named_blanks[] = {
    {"run_id", BLANK_RUN_ID},
    {"master_replid", BLANK_SHARD},
    {"master_host", BLANK_PEER},
    {"master_repl_offset", BLANK_OFFSET},
    {"slave_repl_offset", BLANK_OFFSET},
    {"slave_read_repl_offset", BLANK_OFFSET},
    {"cluster_my_epoch", BLANK_EPOCH},
    {"server_time_usec", BLANK_CLOCK},
    {"used_memory", BLANK_FIGURE},
    {"used_memory_rss", BLANK_FIGURE},
    {"used_memory_peak", BLANK_FIGURE},
    {"rdb_changes_since_last_save", BLANK_FIGURE},
    {"total_connections_received", BLANK_FIGURE},
    {"total_commands_processed", BLANK_FIGURE},
    {"total_net_input_bytes", BLANK_FIGURE},
    {"total_net_output_bytes", BLANK_FIGURE},
    {"total_net_repl_output_bytes", BLANK_FIGURE},
    {"total_reads_processed", BLANK_FIGURE},
    {"total_writes_processed", BLANK_FIGURE},
    {"expired_keys", BLANK_FIGURE},
    {"keyspace_hits", BLANK_FIGURE},
    {"keyspace_misses", BLANK_FIGURE},
    {"cluster_stats_messages_sent", BLANK_FIGURE},
    {"cluster_stats_messages_received", BLANK_FIGURE},
};

static const struct named_blank *find_named_blank(struct span name)
{
    for (size_t i = 0; i < sizeof(named_blanks) / sizeof(named_blanks[0]); i++) {
        if (span_is(name, named_blanks[i].name)) {
            return &named_blanks[i];
        }
    }
    return NULL;
}

// Digits after the name, as a figure that moves on from there.
static void add_figure(struct template *template, struct span *rest, const char *name)
{
    const char *at = memmem(rest->at, rest->length, name, strlen(name));
    CHECK(at != NULL);
    size_t length = (size_t)(at - rest->at) + strlen(name);
    buf_bytes(&template->text, rest->at, length);
    *rest = span_skip(*rest, length);
    add_blank(template, BLANK_FIGURE, strtoull(rest->at, NULL, 10));
    *rest = span_skip(*rest, strspn(rest->at, "0123456789"));
}

static void add_command_line(struct template *template, struct span line)
{
    add_figure(template, &line, "calls=");
    add_figure(template, &line, "usec=");
    buf_span(&template->text, line);
}

static void add_replica_line(struct template *template, uint16_t port)
{
    buf_text(&template->text, "slave0:ip=");
    add_blank(template, BLANK_PEER, 0);
    buf_format(&template->text, ",port=%u,state=online,offset=", (unsigned)port);
    add_blank(template, BLANK_OFFSET, 0);
    buf_text(&template->text, ",lag=0");
}

// Numbers that are the same for all nodes, but not those of the capture; false for other names.
static bool add_common_number(const struct replies *replies, struct buf *text, struct span name)
{
    const struct {
        const char *name;
        size_t value;
    } numbers[] = {
        {"tcp_port", replies->topology->port},
        {"master_port", replies->topology->port},
        {"cluster_known_nodes", topology_known_nodes(replies->topology)},
        {"cluster_size", topology_size(replies->topology)},
        {"cluster_current_epoch", replies->topology->epoch},
        {"uptime_in_seconds", 1000000},
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (span_is(name, numbers[i].name)) {
            buf_span(text, name);
            buf_format(text, ":%zu", numbers[i].value);
            return true;
        }
    }
    return false;
}

static void add_line(const struct replies *replies, struct template *template, struct span line)
{
    struct span name = {NULL, 0};
    struct span value = {NULL, 0};
    const struct named_blank *blank = NULL;
    if (span_split(line, ':', &name, &value)) {
        blank = find_named_blank(name);
    }
    if (span_starts(line, SPAN("cmdstat_"))) {
        add_command_line(template, line);
    } else if (span_starts(line, SPAN("slave0:"))) {
        add_replica_line(template, replies->topology->port);
    } else if (blank != NULL) {
        buf_span(&template->text, name);
        buf_char(&template->text, ':');
        add_blank(template, blank->kind, strtoull(value.at, NULL, 10));
    } else if (value.length == 0 || !add_common_number(replies, &template->text, name)) {
        buf_span(&template->text, line);
    }
}

// What INFO of a master with a replica says of it.
static bool tells_of_replica(struct span line)
{
    return span_starts(line, SPAN("slave0:")) || span_starts(line, SPAN("connected_slaves:"));
}

static void add_lines(const struct replies *replies, struct template *template, struct span text)
{
    struct span line;
    while (span_cut(&text, '\n', &line)) {
        line.length -= line.length > 0; // the CR
        if (replies->topology->nodes == 1 && tells_of_replica(line)) {
            continue;
        }
        add_line(replies, template, line);
        buf_text(&template->text, "\r\n");
    }
}

// Puts the header in front, now that the length is known.
static void finish_template(struct template *template)
{
    struct buf whole = BUF_EMPTY;
    buf_format(&whole, "$%zu\r\n", template->text.length);
    size_t header = whole.length;
    buf_span(&whole, buf_view(&template->text));
    buf_text(&whole, "\r\n");
    buf_free(&template->text);
    template->text = whole;
    for (size_t i = 0; i < template->count; i++) {
        template->blanks[i].at += header;
    }
}

// From "# Replication" up to the next section.
static struct span replication_of(struct span info)
{
    const char *begin = memmem(info.at, info.length, "# Replication", 13);
    CHECK(begin != NULL);
    struct span rest = span_skip(info, (size_t)(begin - info.at));
    const char *end = memmem(rest.at, rest.length, "\n# CPU", 6);
    CHECK(end != NULL);
    return span_make(begin, (size_t)(end + 1 - begin));
}

// A replica's INFO is the master's, with all its commands, and with the replica's replication.
static void make_info(struct replies *replies, const char *captures)
{
    struct buf master = BUF_EMPTY;
    struct buf replica = BUF_EMPTY;
    read_capture(captures, "", "info_all", &master);
    read_capture(captures, "-replica", "info_all", &replica);
    struct span whole = bulk_content(&master);
    add_lines(replies, &replies->info_master, whole);

    struct span section = replication_of(whole);
    size_t before = (size_t)(section.at - whole.at);
    add_lines(replies, &replies->info_replica, span_make(whole.at, before));
    add_lines(replies, &replies->info_replica, replication_of(bulk_content(&replica)));
    add_lines(replies, &replies->info_replica, span_skip(whole, before + section.length));
    finish_template(&replies->info_master);
    finish_template(&replies->info_replica);
    buf_free(&master);
    buf_free(&replica);
}

static void make_cluster_info(struct replies *replies)
{
    struct buf capture = BUF_EMPTY;
    read_capture(replies->captures, "", "cluster_info", &capture);
    add_lines(replies, &replies->cluster_info, bulk_content(&capture));
    finish_template(&replies->cluster_info);
    buf_free(&capture);
}

static void write_blank(const struct replies *replies, size_t node, const struct blank *blank,
                        char *out)
{
    char text[NODE_ID_LENGTH + 1];
    uint64_t moved = (uint64_t)(clock_monotonic_us() - replies->began_us) / 1000;
    switch (blank->kind) {
    case BLANK_FIGURE:
        moved += blank->start + node * 1009;
        (void)snprintf(text, sizeof(text), "%" PRIu64, FIGURE_MIN + moved % FIGURE_MIN);
        break;
    case BLANK_OFFSET:
        (void)snprintf(text, sizeof(text), "%" PRIu64, FIGURE_MIN + moved % FIGURE_MIN);
        break;
    case BLANK_RUN_ID:
        topology_run_id(replies->topology, node, text);
        break;
    case BLANK_SHARD:
        topology_data_id(replies->topology, node, text);
        break;
    case BLANK_PEER:
        topology_address(topology_peer(replies->topology, node), text);
        break;
    case BLANK_EPOCH:
        (void)snprintf(text, sizeof(text), "%u", topology_epoch(replies->topology, node));
        break;
    case BLANK_CLOCK:
        (void)snprintf(text, sizeof(text), "%" PRId64, clock_wall_us());
        break;
    }
    memcpy(out, text, blank_lengths[blank->kind]);
}

static void add_filled(const struct replies *replies, size_t node, const struct template *template,
                       struct buf *out)
{
    char *copy = buf_reserve(out, template->text.length);
    memcpy(copy, template->text.data, template->text.length);
    for (size_t i = 0; i < template->count; i++) {
        write_blank(replies, node, &template->blanks[i], copy + template->blanks[i].at);
    }
    out->length += template->text.length;
}

// ---- CONFIG GET ----

// The length of the bulk string at the front, with its header.
static size_t bulk_length(struct span text, struct span *out_content)
{
    struct span header;
    struct span rest;
    CHECK(text.length > 0 && text.at[0] == '$' && span_split(text, '\n', &header, &rest));
    out_content->at = rest.at;
    out_content->length = strtoull(header.at + 1, NULL, 10);
    CHECK(out_content->length + 2 <= rest.length);
    return header.length + 1 + out_content->length + 2;
}

static void make_config(struct replies *replies, const char *captures)
{
    struct span header;
    struct span rest;
    struct span value;
    size_t capacity = 0;
    read_capture(captures, "", "config", &replies->config);
    CHECK(span_split(buf_view(&replies->config), '\n', &header, &rest));
    while (rest.length > 0) {
        replies->settings = mem_grow(replies->settings, replies->setting_count, &capacity,
                                     sizeof(*replies->settings));
        struct setting *setting = &replies->settings[replies->setting_count++];
        size_t length = bulk_length(rest, &setting->name);
        length += bulk_length(span_skip(rest, length), &value);
        setting->pair = span_make(rest.at, length);
        rest = span_skip(rest, length);
    }
}

static bool is_wanted(const struct setting *setting, const struct span *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (span_equals(setting->name, names[i])) {
            return true;
        }
    }
    return false;
}

static void add_config(const struct replies *replies, const struct span *names, size_t count,
                       struct buf *out)
{
    struct buf pairs = BUF_EMPTY;
    size_t found = 0;
    if (count == 1 && span_is(names[0], "*")) {
        buf_span(out, buf_view(&replies->config));
        return;
    }
    for (size_t i = 0; i < replies->setting_count; i++) {
        if (is_wanted(&replies->settings[i], names, count)) {
            buf_span(&pairs, replies->settings[i].pair);
            found++;
        }
    }
    buf_format(out, "*%zu\r\n", 2 * found);
    buf_span(out, buf_view(&pairs));
    buf_free(&pairs);
}

// ---- the rest ----

// Of the capture's many entries the first one, as SLOWLOG GET 1 gives it.
static void make_slowlog(struct replies *replies, const char *captures)
{
    struct buf capture = BUF_EMPTY;
    read_capture(captures, "", "slowlog", &capture);
    struct span header;
    struct span entries;
    CHECK(span_split(buf_view(&capture), '\n', &header, &entries));
    const char *second = memmem(entries.at + 1, entries.length - 1, "\r\n*6\r\n", 6);
    CHECK(second != NULL);
    buf_text(&replies->slowlog_get, "*1\r\n");
    buf_bytes(&replies->slowlog_get, entries.at, (size_t)(second + 2 - entries.at));
    buf_free(&capture);
}

struct replies *replies_new(const char *captures, size_t nodes, uint16_t port)
{
    struct replies *replies = mem_new(1, sizeof(*replies));
    replies->captures = captures;
    replies->topology = topology_new(nodes, port);
    replies->began_us = clock_monotonic_us();
    make_info(replies, captures);
    make_cluster_info(replies);
    make_config(replies, captures);
    make_slowlog(replies, captures);
    read_capture(captures, "", "slowlog_len", &replies->slowlog_len);
    read_capture(captures, "", "latency_latest", &replies->latency_latest);
    read_capture(captures, "", "latency_histogram", &replies->latency_histogram);
    return replies;
}

static void free_template(struct template *template)
{
    buf_free(&template->text);
    free(template->blanks);
}

bool replies_change(struct replies *replies, struct span what, size_t number)
{
    bool known = topology_change(replies->topology, what, number);
    free_template(&replies->cluster_info);
    replies->cluster_info = (struct template){.count = 0};
    make_cluster_info(replies);
    return known;
}

bool replies_is_open(const struct replies *replies, size_t node)
{
    return topology_is_open(replies->topology, node);
}

void replies_free(struct replies *replies)
{
    free_template(&replies->info_master);
    free_template(&replies->info_replica);
    free_template(&replies->cluster_info);
    topology_free(replies->topology);
    buf_free(&replies->config);
    free(replies->settings);
    buf_free(&replies->slowlog_len);
    buf_free(&replies->slowlog_get);
    buf_free(&replies->latency_latest);
    buf_free(&replies->latency_histogram);
    free(replies);
}

static bool is_word(struct span word, const char *text)
{
    return word.length == strlen(text) && strncasecmp(word.at, text, word.length) == 0;
}

static bool is_command(const struct span *words, size_t count, const char *first,
                       const char *second)
{
    return is_word(words[0], first) && (second == NULL || (count > 1 && is_word(words[1], second)));
}

void replies_add(const struct replies *replies, size_t node, const struct span *words, size_t count,
                 struct buf *out)
{
    bool is_master = topology_is_master(replies->topology, node);
    if (is_command(words, count, "INFO", NULL)) {
        add_filled(replies, node, is_master ? &replies->info_master : &replies->info_replica, out);
    } else if (is_command(words, count, "CLUSTER", "INFO")) {
        add_filled(replies, node, &replies->cluster_info, out);
    } else if (is_command(words, count, "CLUSTER", "NODES")) {
        topology_add_view(replies->topology, node, out);
    } else if (is_command(words, count, "CONFIG", "GET")) {
        add_config(replies, words + 2, count - 2, out);
    } else if (is_command(words, count, "SLOWLOG", "LEN")) {
        buf_span(out, buf_view(&replies->slowlog_len));
    } else if (is_command(words, count, "SLOWLOG", "GET")) {
        buf_span(out, buf_view(&replies->slowlog_get));
    } else if (is_command(words, count, "LATENCY", "LATEST")) {
        buf_span(out, buf_view(&replies->latency_latest));
    } else if (is_command(words, count, "LATENCY", "HISTOGRAM")) {
        buf_span(out, buf_view(&replies->latency_histogram));
    } else if (is_command(words, count, "PING", NULL)) {
        buf_text(out, "+PONG\r\n");
    } else if (is_command(words, count, "CLIENT", "SETNAME") ||
               is_command(words, count, "AUTH", NULL) || is_command(words, count, "SELECT", NULL)) {
        buf_text(out, "+OK\r\n");
    } else {
        buf_text(out, "-ERR unknown command\r\n");
    }
}
