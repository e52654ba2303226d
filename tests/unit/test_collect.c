#include "scrape/collect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "support.h"

static const struct metric *row_of(const char *name)
{
    for (size_t i = 0; i < reply_metric_count; i++) {
        if (strcmp(reply_metrics[i].name, name) == 0) {
            return &reply_metrics[i];
        }
    }
    print_error("no metric %s\n", name);
    fail();
    return &reply_metrics[0];
}

// --- Replies in, samples out ---

// With all collectors on.
static void collect(struct samples *samples, enum command command, const struct reply *reply)
{
    struct cluster cluster = {.options = {.collectors = (1u << COLLECTOR_COUNT) - 1}};
    struct member member = {.cluster = &cluster};
    struct node_snapshot node = {.member = &member, .samples = samples};
    collect_reply(&node, command, reply);
}

// The reply is gone before anything is looked at: what the samples keep is their own.
static void collect_text(struct samples *samples, enum command command, const char *bytes)
{
    struct reply *reply = reply_of(bytes, strlen(bytes));
    collect(samples, command, reply);
    reply_free(reply);
}

static struct samples *samples_of(enum command command, const char *bytes)
{
    struct samples *samples = samples_new();
    collect_text(samples, command, bytes);
    return samples;
}

static struct reply *captured(const char *server, const char *name)
{
    char path[128];
    size_t length;
    snprintf(path, sizeof(path), "captures/%s/%s.resp2", server, name);
    char *bytes = fixture(path, &length);
    struct reply *reply = reply_of(bytes, length);
    free(bytes);
    return reply;
}

static void collect_capture(struct samples *samples, enum command command, const char *server,
                            const char *name)
{
    struct reply *reply = captured(server, name);
    collect(samples, command, reply);
    reply_free(reply);
}

static void add_value(struct buf *out, struct span value)
{
    buf_span(out, value.length > 0 ? value : SPAN("-"));
}

// The rows' values, "-" where there is none.
static void check_values(const struct samples *samples, const char *const *names, size_t count,
                         const char *expected)
{
    struct buf out = BUF_EMPTY;
    for (size_t i = 0; i < count; i++) {
        buf_text(&out, i > 0 ? " " : "");
        add_value(&out, samples_value(samples, row_of(names[i])));
    }
    assert_span(buf_view(&out), expected);
    buf_free(&out);
}

// The lines of a group: labels, and the values of the named rows.
static void add_group(struct buf *out, const struct samples *samples, const char *const *names,
                      size_t count)
{
    enum group group = row_of(names[0])->group;
    for (size_t line = 0; line < samples->group[group].count; line++) {
        const struct span *labels = samples_labels(samples, group, line);
        buf_text(out, line > 0 ? "; " : "");
        buf_span(out, labels[0]);
        if (group_labels[group].name[1] != NULL) {
            buf_char(out, ' ');
            buf_span(out, labels[1]);
        }
        for (size_t i = 0; i < count; i++) {
            buf_char(out, ' ');
            add_value(out, samples_cell(samples, row_of(names[i]), line));
        }
    }
}

static void check_group(const struct samples *samples, const char *const *names, size_t count,
                        const char *expected)
{
    struct buf out = BUF_EMPTY;
    add_group(&out, samples, names, count);
    assert_span(buf_view(&out), expected);
    buf_free(&out);
}

static bool is_empty(const struct samples *samples)
{
    bool empty = samples->histogram_count == 0;
    for (size_t i = 0; i < reply_metric_count; i++) {
        empty = empty && (reply_metrics[i].group != GROUP_NONE ||
                          samples_value(samples, &reply_metrics[i]).length == 0);
    }
    for (int group = 0; group < GROUP_COUNT; group++) {
        empty = empty && samples->group[group].count == 0;
    }
    return empty;
}

static bool gives_nothing(enum command command, const char *bytes)
{
    struct samples *samples = samples_of(command, bytes);
    bool empty = is_empty(samples);
    samples_free(samples);
    if (!empty) {
        print_error("%s gives something for %s\n", command_name(command), bytes);
    }
    return empty;
}

static const char *const config_rows[] = {
    "redis_config_databases",
    "redis_config_io_threads",
    "redis_config_maxclients",
    "redis_config_maxmemory",
    "redis_config_repl_backlog_size",
    "redis_config_cluster_node_timeout_seconds",
    "redis_config_cluster_require_full_coverage",
    "redis_config_cluster_replica_validity_factor",
    "redis_config_cluster_migration_barrier",
    "redis_commandlog_execution_slower_than_seconds",
    "redis_commandlog_slow_execution_max_len",
    "redis_commandlog_request_larger_than_bytes",
    "redis_commandlog_large_request_max_len",
    "redis_commandlog_reply_larger_than_bytes",
    "redis_commandlog_large_reply_max_len",
};

static const char *const limit_rows[] = {
    "redis_config_client_output_buffer_limit_bytes",
    "redis_config_client_output_buffer_limit_overcome_seconds",
};

static const char *const setting_rows[] = {"redis_config_value"};

static const char *const slowlog_rows[] = {
    "redis_slowlog_length",
    "redis_slowlog_last_id",
    "redis_last_slow_execution_duration_seconds",
};

static const char *const event_rows[] = {
    "redis_latency_spike_last",
    "redis_latency_spike_duration_seconds",
    "redis_latency_spike_max_duration_seconds",
};

static const char *const commandlog_rows[] = {
    "redis_commandlog_slow_length",
    "redis_commandlog_large_request_length",
    "redis_commandlog_large_reply_length",
};

static const char *const client_rows[] = {
    "redis_clients",
    "redis_clients_output_buffer_bytes",
    "redis_clients_output_buffer_max_bytes",
    "redis_clients_query_buffer_bytes",
    "redis_clients_idle_max_seconds",
    "redis_clients_age_max_seconds",
};

static const char *const link_rows[] = {
    "redis_cluster_link_send_buffer_bytes",
    "redis_cluster_link_send_buffer_max_bytes",
    "redis_cluster_link_newest_create_timestamp_seconds",
};

static const char *const migration_rows[] = {"redis_cluster_slot_migrations"};
static const char *const ack_rows[] = {"redis_cluster_slot_migration_ack_age_seconds"};
static const char *const link_count_rows[] = {"redis_cluster_links"};

#define CHECK_VALUES(samples, rows, expected) check_values(samples, rows, COUNT(rows), expected)
#define CHECK_GROUP(samples, rows, expected)  check_group(samples, rows, COUNT(rows), expected)

// --- Real replies ---

struct real_reply {
    const char *server;
    const char *config;  // config_rows
    const char *slowlog; // slowlog_rows
    const char *events;  // event_rows
    size_t settings;     // numeric ones
    size_t histograms;
};

#define CONFIG_5 "16 - 10000 0 1048576 5000 yes 10 1 - - - - - -"
#define CONFIG_7 "16 1 10000 0 1048576 5000 yes 10 1 - - - - - -"
#define CONFIG_8 "1 1 10000 0 1048576 5000 yes 10 1 - - - - - -"

static const struct real_reply real_replies[] = {
    {"redis-3.2.13", "16 - 10000 0 1048576 5000 yes - 1 - - - - - -", "24 23 541",
     "command 1795462410 56 20", 37, 0},
    {"redis-3.2.13-replica", "16 - 10000 0 1048576 5000 yes - 1 - - - - - -", "0 - -", "", 37, 0},
    {"redis-4.0.14", "16 - 10000 0 1048576 5000 yes - 1 - - - - - -", "23 22 580",
     "command 1795462415 59 59", 48, 0},
    {"redis-4.0.14-replica", "16 - 10000 0 1048576 5000 yes - 1 - - - - - -", "0 - -", "", 48, 0},
    {"redis-5.0.14", CONFIG_5, "28 27 735", "command 1795462424 89 89; fast-command 1795462424 2 2",
     57, 0},
    {"redis-5.0.14-replica", CONFIG_5, "1 0 12764", "", 57, 0},
    {"redis-6.2.16", CONFIG_7, "25 24 619", "command 1795462324 71 71; fast-command 1795462324 2 2",
     65, 0},
    {"redis-6.2.16-replica", CONFIG_7, "0 - -", "", 65, 0},
    {"redis-7.0.15", CONFIG_7, "31 30 212", "command 1795462330 82 82", 77, 66},
    {"redis-7.0.15-replica", CONFIG_7, "0 - -", "", 77, 35},
    {"redis-7.2.6", CONFIG_8, "32 31 307",
     "fast-command 1795462335 2 2; command 1795462335 102 102", 79, 66},
    {"redis-7.2.6-replica", CONFIG_8, "0 - -", "", 79, 35},
    {"redis-8.0.2", CONFIG_8, "31 30 536",
     "module-acquire-GIL 1795462346 1 1; command 1795462347 90 90", 83, 66},
    {"redis-8.0.2-replica", CONFIG_8, "0 - -", "", 83, 35},
    {"valkey-8.0.1", "1 1 10000 0 10485760 5000 yes 10 1 - - - - - -", "30 29 373",
     "command 1795462363 99 99", 84, 66},
    {"valkey-8.0.1-replica", "1 1 10000 0 10485760 5000 yes 10 1 - - - - - -", "0 - -", "", 84, 35},
    {"valkey-9.1.2", "16 1 10000 0 10485760 5000 yes 10 1 200 128 1048576 128 1048576 128",
     "33 32 209", "command 1795462370 146 146", 100, 66},
    {"valkey-9.1.2-replica",
     "16 1 10000 0 10485760 5000 yes 10 1 10000 128 1048576 128 1048576 128", "0 - -", "", 100, 35},
};

static void each_versions_settings_are_read(void **state)
{
    (void)state;
    assert_int_equal(COUNT(real_replies), CAPTURE_COUNT);
    for (size_t i = 0; i < COUNT(real_replies); i++) {
        struct samples *samples = samples_new();
        collect_capture(samples, COMMAND_CONFIG_GET, real_replies[i].server, "config");
        CHECK_VALUES(samples, config_rows, real_replies[i].config);
        CHECK_GROUP(samples, limit_rows,
                    "normal hard 0 -; normal soft 0 0; slave hard 268435456 -; "
                    "slave soft 67108864 60; pubsub hard 33554432 -; pubsub soft 8388608 60");
        assert_int_equal(samples->group[GROUP_CONFIG].count, 0);
        samples_free(samples);
    }
}

// Digits and a sign are all that the captured numbers have.
static bool looks_numeric(struct span text)
{
    size_t sign = text.length > 0 && text.at[0] == '-' ? 1 : 0;
    for (size_t i = sign; i < text.length; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') {
            return false;
        }
    }
    return text.length > sign;
}

static void each_versions_numeric_settings_are_all_read(void **state)
{
    const struct metric *row = row_of("redis_config_value");
    (void)state;
    for (size_t i = 0; i < COUNT(real_replies); i++) {
        struct samples *samples = samples_new();
        struct reply *reply = captured(real_replies[i].server, "config");
        size_t line = 0;
        collect(samples, COMMAND_CONFIG_GET_ALL, reply);
        for (size_t at = 0; at < reply->count; at += 2) {
            struct span value = reply->element[at + 1]->text;
            if (looks_numeric(value)) {
                assert_true(line < samples->group[GROUP_CONFIG].count);
                assert_span(samples_labels(samples, GROUP_CONFIG, line)[0],
                            reply->element[at]->text.at);
                assert_span(samples_cell(samples, row, line), value.at);
                line++;
            }
        }
        reply_free(reply);
        assert_int_equal(line, real_replies[i].settings);
        assert_int_equal(samples->group[GROUP_CONFIG].count, real_replies[i].settings);
        CHECK_VALUES(samples, config_rows, real_replies[i].config);
        samples_free(samples);
    }
}

static void each_versions_slow_log_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(real_replies); i++) {
        struct samples *samples = samples_new();
        collect_capture(samples, COMMAND_SLOWLOG_LEN, real_replies[i].server, "slowlog_len");
        collect_capture(samples, COMMAND_SLOWLOG_GET, real_replies[i].server, "slowlog");
        CHECK_VALUES(samples, slowlog_rows, real_replies[i].slowlog);
        samples_free(samples);
    }
}

// Valkey 9.1 has two more numbers in an event.
static void each_versions_latency_events_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(real_replies); i++) {
        struct samples *samples = samples_new();
        collect_capture(samples, COMMAND_LATENCY_LATEST, real_replies[i].server, "latency_latest");
        CHECK_GROUP(samples, event_rows, real_replies[i].events);
        samples_free(samples);
    }
}

static void clients_of_a_real_list_have_a_line_a_kind(void **state)
{
    struct samples *samples = samples_new();
    (void)state;
    collect_capture(samples, COMMAND_CLIENT_LIST, "redis-7.0.15", "client_list");
    CHECK_GROUP(samples, client_rows,
                "normal 1 0 0 26 0 0; pubsub 0 0 0 0 0 0; replica 1 20504 20504 0 0 4; "
                "master 0 0 0 0 0 0");
    samples_free(samples);
    samples = samples_new();
    collect_capture(samples, COMMAND_CLIENT_LIST, "valkey-9.1.2-replica", "client_list");
    CHECK_GROUP(samples, client_rows,
                "normal 1 0 0 0 0 0; pubsub 0 0 0 0 0 0; replica 0 0 0 0 0 0; "
                "master 1 0 0 0 1 1");
    samples_free(samples);
}

static void lengths_of_the_command_logs_are_told_apart(void **state)
{
    struct samples *samples = samples_of(COMMAND_COMMANDLOG_SLOW, ":1\r\n");
    (void)state;
    CHECK_VALUES(samples, commandlog_rows, "1 - -");
    collect_text(samples, COMMAND_COMMANDLOG_REQUEST, ":22\r\n");
    CHECK_VALUES(samples, commandlog_rows, "1 22 -");
    collect_text(samples, COMMAND_COMMANDLOG_REPLY, ":0\r\n");
    CHECK_VALUES(samples, commandlog_rows, "1 22 0");
    samples_free(samples);
}

// Valkey lists fewer links than there are while a node has just come.
static void links_of_each_version_are_summed_up(void **state)
{
    static const struct {
        const char *server;
        const char *counts;
        const char *values;
    } cases[] = {
        {"redis-7.0.15", "to 5; from 5", "0 0 1795462325402"},
        {"redis-7.0.15-replica", "to 5; from 5", "6138 6138 1795462326228"},
        {"redis-7.2.6", "to 5; from 5", "480 48 1795462331117"},
        {"redis-8.0.2", "to 5; from 5", "480 48 1795462341315"},
        {"valkey-8.0.1-replica", "to 5; from 3", "384 48 1795462361458"},
        {"valkey-9.1.2", "to 5; from 5", "480 48 1795462367409"},
        {"redis-6.2.16", "", "- - -"}, // an error
        {"redis-3.2.13", "", "- - -"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct samples *samples = samples_new();
        collect_capture(samples, COMMAND_CLUSTER_LINKS, cases[i].server, "cluster_links");
        CHECK_GROUP(samples, link_count_rows, cases[i].counts);
        CHECK_VALUES(samples, link_rows, cases[i].values);
        samples_free(samples);
    }
}

// --- Histograms ---

static const struct histogram *histogram_of(const struct samples *samples, const char *command)
{
    for (size_t i = 0; i < samples->histogram_count; i++) {
        if (span_is(samples->histogram[i].command, command)) {
            return &samples->histogram[i];
        }
    }
    print_error("no histogram of %s\n", command);
    fail();
    return NULL;
}

// The count, and the buckets, of which the last number stands for all that follow.
static void check_histogram(const struct samples *samples, const char *command,
                            const char *expected)
{
    const struct histogram *histogram = histogram_of(samples, command);
    size_t shown = LATENCY_BUCKETS;
    struct buf out = BUF_EMPTY;
    while (shown > 1 && histogram->bucket[shown - 2] == histogram->bucket[LATENCY_BUCKETS - 1]) {
        shown--;
    }
    buf_i64(&out, (int64_t)histogram->count);
    buf_text(&out, ":");
    for (size_t i = 0; i < shown; i++) {
        buf_char(&out, ' ');
        buf_i64(&out, (int64_t)histogram->bucket[i]);
    }
    assert_span(buf_view(&out), expected);
    buf_free(&out);
}

static void check_cumulative(const struct histogram *histogram)
{
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        assert_true(i == 0 || histogram->bucket[i] >= histogram->bucket[i - 1]);
        assert_true(histogram->bucket[i] <= histogram->count);
    }
}

static void ladder_rises(void **state)
{
    (void)state;
    for (size_t i = 1; i < LATENCY_BUCKETS; i++) {
        assert_true(latency_bounds_us[i] > latency_bounds_us[i - 1]);
    }
}

static void real_histograms_stand_on_the_common_ladder(void **state)
{
    static const struct {
        const char *server;
        const char *command;
        const char *expected;
    } cases[] = {
        {"redis-7.0.15", "eval", "101: 0 3 33 61 75 77 79 80 80 80 89 99 100 100 100 100 100 101"},
        {"redis-7.0.15", "psync", "1: 0 0 0 0 0 0 0 0 0 0 1"},
        {"redis-7.0.15", "zcard", "40: 40"},
        {"redis-7.0.15-replica", "hset", "1000: 239 565 840 952 984 992 995 996 999 1000"},
        {"redis-7.2.6", "hset", "1000: 472 791 972 995 999 999 999 1000"},
        {"redis-8.0.2", "psync", "2: 0 0 0 0 0 0 0 0 1 1 2"},
        {"valkey-8.0.1", "psync", "1: 0 0 0 0 0 0 0 0 0 0 0 0 1"},
        {"valkey-9.1.2", "eval",
         "101: 1 17 30 60 75 77 80 80 80 80 80 100 100 100 100 100 100 100 101"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct samples *samples = samples_new();
        collect_capture(samples, COMMAND_LATENCY_HISTOGRAM, cases[i].server, "latency_histogram");
        check_histogram(samples, cases[i].command, cases[i].expected);
        samples_free(samples);
    }
}

// None of the captured commands took longer than the last bound.
static void real_histograms_are_all_read_and_cumulative(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(real_replies); i++) {
        struct samples *samples = samples_new();
        struct reply *reply = captured(real_replies[i].server, "latency_histogram");
        collect(samples, COMMAND_LATENCY_HISTOGRAM, reply);
        assert_int_equal(samples->histogram_count, real_replies[i].histograms);
        for (size_t at = 0; at < samples->histogram_count; at++) {
            const struct histogram *histogram = &samples->histogram[at];
            assert_span(histogram->command, reply->element[2 * at]->text.at);
            assert_int_equal(histogram->count, reply->element[2 * at + 1]->element[1]->integer);
            assert_int_equal(histogram->bucket[LATENCY_BUCKETS - 1], histogram->count);
            check_cumulative(histogram);
        }
        reply_free(reply);
        samples_free(samples);
    }
}

#define CALLS     "$5\r\ncalls\r\n"
#define HISTOGRAM "$14\r\nhistogram_usec\r\n"
#define GET       "*2\r\n$3\r\nget\r\n"

static void buckets_are_made_from_the_servers(void **state)
{
    static const struct {
        const char *fields;
        const char *expected;
    } cases[] = {
        {"*4\r\n" CALLS ":5\r\n" HISTOGRAM "*0\r\n", "5: 0"},
        {"*4\r\n" CALLS ":0\r\n" HISTOGRAM "*2\r\n:1\r\n:9\r\n", "0: 0"},
        {"*4\r\n" CALLS ":5\r\n" HISTOGRAM "*2\r\n:1\r\n:5\r\n", "5: 5"},
        {"*4\r\n" CALLS ":5\r\n" HISTOGRAM "*2\r\n:17\r\n:5\r\n", "5: 0 0 0 0 5"},
        {"*4\r\n" CALLS ":5\r\n" HISTOGRAM "*2\r\n:18\r\n:5\r\n", "5: 0 0 0 0 0 5"},
        // Slower than the last bound: in the count only.
        {"*4\r\n" CALLS ":5\r\n" HISTOGRAM "*4\r\n:2\r\n:3\r\n:8912897\r\n:5\r\n", "5: 0 3"},
        {"*4\r\n" CALLS ":5\r\n" HISTOGRAM "*2\r\n:9223372036854775807\r\n:5\r\n", "5: 0"},
        // Counts above the calls, and counts that fall.
        {"*4\r\n" CALLS ":5\r\n" HISTOGRAM "*4\r\n:1\r\n:3\r\n:2\r\n:6\r\n", "5: 3 5"},
        {"*4\r\n" CALLS ":5\r\n" HISTOGRAM "*4\r\n:1\r\n:3\r\n:2\r\n:2\r\n", "5: 3"},
        // A bound without its count.
        {"*4\r\n" CALLS ":5\r\n" HISTOGRAM "*3\r\n:1\r\n:3\r\n:2\r\n", "5: 3"},
        {"*4\r\n" CALLS ":5\r\n" HISTOGRAM "*1\r\n:1\r\n", "5: 0"},
        // Other fields, and another order.
        {"*6\r\n" HISTOGRAM "*2\r\n:2\r\n:5\r\n$3\r\nnew\r\n*0\r\n" CALLS ":5\r\n", "5: 0 5"},
        {"*5\r\n" CALLS ":5\r\n" HISTOGRAM "*2\r\n:2\r\n:5\r\n" CALLS, "5: 0 5"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf bytes = BUF_EMPTY;
        buf_text(&bytes, GET);
        buf_text(&bytes, cases[i].fields);
        char *terminated = buf_take(&bytes);
        struct samples *samples = samples_of(COMMAND_LATENCY_HISTOGRAM, terminated);
        assert_int_equal(samples->histogram_count, 1);
        check_histogram(samples, "get", cases[i].expected);
        samples_free(samples);
        free(terminated);
    }
}

// A negative count is garbage; whatever it makes is no broken histogram.
static void buckets_stay_cumulative_whatever_the_server_counts(void **state)
{
    uint64_t seed = 7;
    (void)state;
    for (int round = 0; round < 500; round++) {
        struct buf bytes = BUF_EMPTY;
        uint32_t pairs = random_below(&seed, 12);
        buf_format(&bytes, GET "*4\r\n" CALLS ":%u\r\n" HISTOGRAM "*%u\r\n",
                   random_below(&seed, 20), 2 * pairs);
        for (uint32_t i = 0; i < 2 * pairs; i++) {
            buf_format(&bytes, ":%d\r\n", (int)random_below(&seed, 60) - 10);
        }
        struct reply *reply = reply_of(bytes.data, bytes.length);
        struct samples *samples = samples_new();
        collect(samples, COMMAND_LATENCY_HISTOGRAM, reply);
        check_cumulative(histogram_of(samples, "get"));
        samples_free(samples);
        reply_free(reply);
        buf_free(&bytes);
    }
}

static void command_that_is_repeated_has_one_histogram(void **state)
{
    struct samples *samples =
        samples_of(COMMAND_LATENCY_HISTOGRAM,
                   "*6\r\n$3\r\nget\r\n*4\r\n" CALLS ":5\r\n" HISTOGRAM "*2\r\n:1\r\n:5\r\n"
                   "$3\r\nget\r\n*4\r\n" CALLS ":7\r\n" HISTOGRAM "*2\r\n:1\r\n:7\r\n"
                   "$3\r\nset\r\n*4\r\n" CALLS ":2\r\n" HISTOGRAM "*2\r\n:1\r\n:2\r\n");
    (void)state;
    assert_int_equal(samples->histogram_count, 2);
    check_histogram(samples, "get", "5: 5");
    check_histogram(samples, "set", "2: 2");
    samples_free(samples);
}

static void incomplete_histograms_are_left_out(void **state)
{
    static const char *const fields[] = {
        "*2\r\n" CALLS ":5\r\n",
        "*2\r\n" HISTOGRAM "*2\r\n:1\r\n:5\r\n",
        "*3\r\n" HISTOGRAM "*2\r\n:1\r\n:5\r\n" CALLS,
        "*4\r\n" CALLS ":-1\r\n" HISTOGRAM "*2\r\n:1\r\n:5\r\n",
        "*4\r\n" CALLS ":5\r\n" HISTOGRAM ":5\r\n",
        "*4\r\n" CALLS ":5\r\n" HISTOGRAM "$1\r\n5\r\n",
        "*4\r\n" CALLS ":5\r\n" HISTOGRAM "*-1\r\n",
        "*4\r\n$5\r\nCALLS\r\n:5\r\n" HISTOGRAM "*2\r\n:1\r\n:5\r\n",
        "*1\r\n$5\r\ncalls\r\n",
        "*0\r\n",
        "*-1\r\n",
        ":5\r\n",
        "$5\r\ncalls\r\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(fields); i++) {
        struct buf bytes = BUF_EMPTY;
        buf_text(&bytes, GET);
        buf_text(&bytes, fields[i]);
        char *terminated = buf_take(&bytes);
        bool nothing = gives_nothing(COMMAND_LATENCY_HISTOGRAM, terminated);
        free(terminated);
        assert_true(nothing);
    }
}

// --- Settings ---

static void settings_of_one_pair_each_are_read(void **state)
{
    static const struct {
        const char *bytes;
        const char *settings;
    } cases[] = {
        {"*2\r\n$1\r\na\r\n$1\r\n5\r\n", "a 5"},
        {"*4\r\n$1\r\na\r\n$2\r\n-5\r\n$1\r\nb\r\n$3\r\n1.5\r\n", "a -5; b 1.5"},
        {"*4\r\n$1\r\na\r\n$1\r\n5\r\n$1\r\na\r\n$1\r\n6\r\n", "a 6"}, // no repeated series
        {"*3\r\n$1\r\na\r\n$1\r\n5\r\n$1\r\nb\r\n", "a 5"},
        {"*4\r\n$1\r\na\r\n$3\r\nyes\r\n$1\r\nb\r\n$1\r\n6\r\n", "b 6"},
        {"*4\r\n$1\r\na\r\n$0\r\n\r\n$1\r\nb\r\n$1\r\n6\r\n", "b 6"},
        {"*4\r\n$1\r\na\r\n*1\r\n:5\r\n$1\r\nb\r\n$1\r\n6\r\n", "b 6"},
        {"*4\r\n$1\r\na\r\n$-1\r\n$1\r\nb\r\n$1\r\n6\r\n", "b 6"},
        {"*2\r\n$1\r\na\r\n$3\r\nnan\r\n", ""},
        {"*2\r\n$1\r\na\r\n$3\r\ninf\r\n", ""},
        {"*2\r\n$1\r\na\r\n$2\r\n5 \r\n", ""},
        {"*2\r\n$1\r\na\r\n$5\r\n1e999\r\n", ""},
        {"*2\r\n$1\r\na\r\n$3\r\n0\"}\r\n", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct samples *samples = samples_of(COMMAND_CONFIG_GET_ALL, cases[i].bytes);
        CHECK_GROUP(samples, setting_rows, cases[i].settings);
        samples_free(samples);
        assert_true(gives_nothing(COMMAND_CONFIG_GET, cases[i].bytes)); // they have no row
    }
}

static void check_limits(const char *value, const char *expected)
{
    struct buf bytes = BUF_EMPTY;
    buf_format(&bytes, "*2\r\n$26\r\nclient-output-buffer-limit\r\n$%zu\r\n%s\r\n", strlen(value),
               value);
    char *terminated = buf_take(&bytes);
    struct samples *samples = samples_of(COMMAND_CONFIG_GET, terminated);
    CHECK_GROUP(samples, limit_rows, expected);
    samples_free(samples);
    free(terminated);
}

static void buffer_limits_are_read_by_class(void **state)
{
    (void)state;
    check_limits("normal 1 2 3", "normal hard 1 -; normal soft 2 3");
    check_limits("a 1 2 3 b 4 5 6", "a hard 1 -; a soft 2 3; b hard 4 -; b soft 5 6");
    check_limits("a 1 2 3 a 4 5 6", "a hard 4 -; a soft 5 6");
    check_limits("a 1 2 3 b 4 5", "a hard 1 -; a soft 2 3");
    check_limits("a x nan 3", "a hard - -; a soft - 3");
    check_limits("a 1 2", "");
    check_limits("a", "");
    check_limits("", "");
}

// Whether the text is in any value, cell or label.
static bool is_kept(const struct samples *samples, const char *text)
{
    for (size_t i = 0; i < reply_metric_count; i++) {
        if (reply_metrics[i].group == GROUP_NONE) {
            if (span_contains(samples_value(samples, &reply_metrics[i]), span_of(text))) {
                return true;
            }
            continue;
        }
        for (size_t line = 0; line < samples->group[reply_metrics[i].group].count; line++) {
            const struct span *labels = samples_labels(samples, reply_metrics[i].group, line);
            if (span_contains(samples_cell(samples, &reply_metrics[i], line), span_of(text)) ||
                span_contains(labels[0], span_of(text)) ||
                span_contains(labels[1], span_of(text))) {
                return true;
            }
        }
    }
    return false;
}

static bool config_keeps(enum command command, const char *name, const char *value)
{
    struct buf bytes = BUF_EMPTY;
    buf_format(&bytes, "*2\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n", strlen(name), name, strlen(value),
               value);
    char *terminated = buf_take(&bytes);
    struct samples *samples = samples_of(command, terminated);
    bool kept = is_kept(samples, value);
    samples_free(samples);
    free(terminated);
    return kept;
}

static void secrets_are_not_kept_even_when_numeric(void **state)
{
    static const char *const names[] = {
        "requirepass",   "masterauth", "masteruser",        "primaryauth",
        "primaryuser",   "auth-pass",  "tls-key-file-pass", "tls-client-key-file-pass",
        "sentinel-pass",
    };
    (void)state;
    assert_true(config_keeps(COMMAND_CONFIG_GET_ALL, "port", "31415926"));
    assert_true(config_keeps(COMMAND_CONFIG_GET, "maxmemory", "31415926"));
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_false(config_keeps(COMMAND_CONFIG_GET_ALL, names[i], "31415926"));
        assert_false(config_keeps(COMMAND_CONFIG_GET, names[i], "31415926"));
        assert_false(config_keeps(COMMAND_CONFIG_GET_ALL, names[i], "31415926 1 2 3"));
    }
}

// Every secret that a version has, set to a number.
static void secrets_of_each_version_are_not_kept(void **state)
{
    static const char *const names[] = {"requirepass",
                                        "masterauth",
                                        "masteruser",
                                        "tls-key-file-pass",
                                        "primaryauth",
                                        "primaryuser",
                                        "tls-client-key-file-pass"};
    static const size_t expected[CAPTURE_COUNT / 2] = {2, 2, 2, 3, 5, 5, 5, 7, 7};
    (void)state;
    for (size_t i = 0; i < CAPTURE_COUNT; i++) {
        struct reply *reply = captured(captures[i], "config");
        struct samples *samples = samples_new();
        size_t secrets = 0;
        for (size_t at = 0; at < reply->count; at += 2) {
            for (size_t name = 0; name < COUNT(names); name++) {
                if (span_is(reply->element[at]->text, names[name])) {
                    reply->element[at + 1]->text = SPAN("31415926");
                    secrets++;
                }
            }
        }
        assert_int_equal(secrets, expected[i / 2]);
        collect(samples, COMMAND_CONFIG_GET_ALL, reply);
        collect(samples, COMMAND_CONFIG_GET, reply);
        reply_free(reply);
        assert_false(is_kept(samples, "31415926"));
        assert_int_equal(samples->group[GROUP_CONFIG].count, real_replies[i].settings);
        samples_free(samples);
    }
}

// --- Slow log, events, lengths, clients: by hand ---

static void newest_entry_of_the_slow_log_counts(void **state)
{
    struct samples *samples = samples_of(
        COMMAND_SLOWLOG_GET, "*2\r\n*3\r\n:9\r\n:1\r\n:700\r\n*3\r\n:8\r\n:1\r\n:600\r\n");
    (void)state;
    CHECK_VALUES(samples, slowlog_rows, "- 9 700");
    samples_free(samples);
}

static void event_that_is_repeated_has_one_line(void **state)
{
    struct samples *samples =
        samples_of(COMMAND_LATENCY_LATEST, "*4\r\n*4\r\n$1\r\na\r\n:1\r\n:2\r\n:3\r\n"
                                           "*3\r\n$1\r\nb\r\n:1\r\n:2\r\n:5\r\n"
                                           "*4\r\n$1\r\na\r\n:4\r\n:5\r\n:6\r\n");
    (void)state;
    CHECK_GROUP(samples, event_rows, "a 4 5 6");
    samples_free(samples);
}

static void list_without_clients_counts_none(void **state)
{
    struct samples *samples = samples_of(COMMAND_CLIENT_LIST, "$0\r\n\r\n");
    (void)state;
    CHECK_GROUP(samples, client_rows,
                "normal 0 0 0 0 0 0; pubsub 0 0 0 0 0 0; replica 0 0 0 0 0 0; "
                "master 0 0 0 0 0 0");
    samples_free(samples);
}

static void node_without_peers_has_no_links(void **state)
{
    struct samples *samples = samples_of(COMMAND_CLUSTER_LINKS, "*0\r\n");
    (void)state;
    CHECK_GROUP(samples, link_count_rows, "to 0; from 0");
    CHECK_VALUES(samples, link_rows, "0 0 -");
    samples_free(samples);
}

static struct reply *list_of(const char *const *elements, size_t count)
{
    struct buf bytes = BUF_EMPTY;
    buf_format(&bytes, "*%zu\r\n", count);
    for (size_t i = 0; i < count; i++) {
        buf_text(&bytes, elements[i]);
    }
    struct reply *reply = reply_of(bytes.data, bytes.length);
    buf_free(&bytes);
    return reply;
}

#define TO      "$9\r\ndirection\r\n$2\r\nto\r\n"
#define FROM    "$9\r\ndirection\r\n$4\r\nfrom\r\n"
#define BUFFER  "$21\r\nsend-buffer-allocated\r\n"
#define CREATED "$11\r\ncreate-time\r\n"

static void parts_of_a_link_that_make_no_sense_are_left_out(void **state)
{
    static const char *const links[] = {
        "*2\r\n" TO,
        "*4\r\n" TO BUFFER ":-5\r\n",
        "*4\r\n" FROM BUFFER "$1\r\n7\r\n",
        "*6\r\n" FROM BUFFER ":7\r\n" CREATED ":-1\r\n",
        "*5\r\n" FROM BUFFER ":7\r\n" CREATED,
        "*4\r\n$9\r\ndirection\r\n$2\r\nup\r\n" BUFFER ":9\r\n",
        "*2\r\n" BUFFER ":9\r\n",
        ":5\r\n",
    };
    struct reply *reply = list_of(links, COUNT(links));
    struct samples *samples = samples_new();
    (void)state;
    collect(samples, COMMAND_CLUSTER_LINKS, reply);
    reply_free(reply);
    CHECK_GROUP(samples, link_count_rows, "to 2; from 3");
    CHECK_VALUES(samples, link_rows, "14 7 -");
    samples_free(samples);
}

// --- Slot migrations: by hand, as valkey src/cluster_migrateslots.c writes them ---

#define CLOCK        "server_time_usec:1795462371023174\r\n"
#define STATE(text)  "$5\r\nstate\r\n" text
#define ACK(number)  "$13\r\nlast_ack_time\r\n" number
#define ACTIVE       STATE("$12\r\nsnapshotting\r\n")
#define SUCCESS      STATE("$7\r\nsuccess\r\n")
#define FAILED       STATE("$6\r\nfailed\r\n")
#define NO_MIGRATION "active 0; success 0; failed 0; cancelled 0"

static struct samples *samples_of_migrations(const char *info, const char *const *migrations,
                                             size_t count, bool is_replica)
{
    struct cluster cluster = {.options = {.collectors = collector_bit(COLLECTOR_BASE)}};
    struct member member = {.cluster = &cluster};
    struct node_snapshot node = {
        .member = &member, .samples = samples_new(), .replication = {.is_replica = is_replica}};
    struct reply *reply = list_of(migrations, count);
    samples_read(node.samples, FROM_INFO, span_of(info));
    collect_reply(&node, COMMAND_CLUSTER_GETSLOTMIGRATIONS, reply);
    reply_free(reply);
    return node.samples;
}

static void check_migrations(const char *info, const char *const *migrations, size_t count,
                             const char *expected, const char *age)
{
    struct samples *samples = samples_of_migrations(info, migrations, count, false);
    CHECK_GROUP(samples, migration_rows, expected);
    CHECK_VALUES(samples, ack_rows, age);
    samples_free(samples);
}

static void migrations_are_counted_by_their_end(void **state)
{
    static const char *const migrations[] = {
        "*4\r\n" SUCCESS ACK(":1795462000\r\n"),
        "*4\r\n" ACTIVE ACK(":1795462369\r\n"),
        "*4\r\n" FAILED ACK(":1795460000\r\n"),
        "*4\r\n" STATE("$9\r\ncancelled\r\n") ACK(":1795460000\r\n"),
        "*6\r\n$4\r\nname\r\n$2\r\nab\r\n" ACK(":1795462309\r\n") STATE("$12\r\nnever heard \r\n"),
        "*4\r\n" SUCCESS ACK(":1795462000\r\n"),
        "*4\r\n" ACTIVE ACK(":1795462370\r\n"),
    };
    (void)state;
    check_migrations(CLOCK, NULL, 0, NO_MIGRATION, "-");
    check_migrations(CLOCK, migrations, 1, "active 0; success 1; failed 0; cancelled 0", "-");
    check_migrations(CLOCK, migrations, 2, "active 1; success 1; failed 0; cancelled 0", "2");
    check_migrations(CLOCK, migrations, 7, "active 3; success 2; failed 1; cancelled 1", "62");
}

static void age_of_an_acknowledgement_needs_two_sensible_times(void **state)
{
    static const struct {
        const char *info;
        const char *migration;
        const char *age;
    } cases[] = {
        {CLOCK, "*2\r\n" ACTIVE, "-"},
        {CLOCK, "*4\r\n" ACTIVE ACK(":0\r\n"), "-"},
        {CLOCK, "*4\r\n" ACTIVE ACK(":-9223372036854775808\r\n"), "-"},
        {CLOCK, "*4\r\n" ACTIVE ACK(":9223372036854775807\r\n"), "-"},
        {CLOCK, "*4\r\n" ACTIVE ACK(":9223372036854775806\r\n"), "0"}, // its clock was set back
        {CLOCK, "*4\r\n" ACTIVE ACK("$10\r\n1795462309\r\n"), "-"},
        {CLOCK, "*3\r\n" ACTIVE "$13\r\nlast_ack_time\r\n", "-"},
        {"redis_version:7.2.4\r\n", "*4\r\n" ACTIVE ACK(":1795462369\r\n"), "-"},
        {"server_time_usec:-5\r\n", "*4\r\n" ACTIVE ACK(":1795462369\r\n"), "-"},
        {"server_time_usec:18446744073709551615\r\n", "*4\r\n" ACTIVE ACK(":1\r\n"),
         "18446744073708"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_migrations(cases[i].info, &cases[i].migration, 1,
                         "active 1; success 0; failed 0; cancelled 0", cases[i].age);
    }
}

static void what_is_no_migration_is_not_counted(void **state)
{
    static const char *const migrations[] = {
        ":5\r\n",
        "*0\r\n",
        "*2\r\n" ACK(":1795462309\r\n"),
        "*2\r\n" STATE(":5\r\n"),
        "*2\r\n" STATE("$0\r\n\r\n"),
        "*2\r\n" STATE("*0\r\n"),
        "*2\r\n" FAILED,
    };
    (void)state;
    check_migrations(CLOCK, migrations, COUNT(migrations),
                     "active 0; success 0; failed 1; cancelled 0", "-");
    check_migrations(CLOCK, migrations, COUNT(migrations) - 1, "", "-");
}

static void migrations_of_a_replica_are_its_masters(void **state)
{
    static const char *const migrations[] = {"*4\r\n" ACTIVE ACK(":1795462369\r\n")};
    struct samples *samples = samples_of_migrations(CLOCK, migrations, 1, true);
    (void)state;
    assert_true(is_empty(samples));
    samples_free(samples);
}

// --- Replies of another shape ---

// Of these an empty list is an answer.
static const command_set lists =
    (command_set)1 << COMMAND_CLUSTER_LINKS | (command_set)1 << COMMAND_CLUSTER_GETSLOTMIGRATIONS;

static void empty_lists_give_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < COMMAND_COUNT; i++) {
        enum command command = (enum command)i;
        assert_true((lists & command_bit(command)) || gives_nothing(command, "*0\r\n"));
    }
}

static void replies_of_another_shape_give_nothing(void **state)
{
    static const char *const shapes[] = {
        "+OK\r\n",
        "+flags=N\r\n",
        "-ERR unknown command\r\n",
        "-NOPERM no\r\n",
        "$-1\r\n",
        "*-1\r\n",
        "*1\r\n*0\r\n",
        "*1\r\n$-1\r\n",
        "*1\r\n:5\r\n",
        "*1\r\n$9\r\nmaxmemory\r\n",
        "*2\r\n*0\r\n*0\r\n",
        "*2\r\n$-1\r\n$-1\r\n",
        "*2\r\n:1\r\n:2\r\n",
        "*1\r\n*1\r\n:5\r\n",
        "*1\r\n*2\r\n:5\r\n:6\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*0\r\n",
        "*2\r\n$3\r\nget\r\n$3\r\nset\r\n",
        "*2\r\n$9\r\nmaxmemory\r\n:5\r\n",
        "*2\r\n$9\r\nmaxmemory\r\n*1\r\n$1\r\n5\r\n",
        "*2\r\n$29\r\ncluster-require-full-coverage\r\n*0\r\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(shapes); i++) {
        for (int command = 0; command < COMMAND_COUNT; command++) {
            assert_true(gives_nothing((enum command)command, shapes[i]));
        }
    }
}

static void only_lengths_are_numbers_and_only_lists_are_texts(void **state)
{
    const command_set lengths =
        command_bit(COMMAND_SLOWLOG_LEN) | command_bit(COMMAND_COMMANDLOG_SLOW) |
        command_bit(COMMAND_COMMANDLOG_REQUEST) | command_bit(COMMAND_COMMANDLOG_REPLY);
    (void)state;
    for (int i = 0; i < COMMAND_COUNT; i++) {
        enum command command = (enum command)i;
        struct samples *samples = samples_of(command, ":5\r\n");
        assert_int_equal(!is_empty(samples), (lengths & command_bit(command)) != 0);
        samples_free(samples);
        samples = samples_of(command, "$7\r\nflags=N\r\n");
        assert_int_equal(!is_empty(samples), command == COMMAND_CLIENT_LIST);
        samples_free(samples);
    }
}

// The errors of the versions that do not know a command, given to every command.
static void real_errors_give_nothing(void **state)
{
    static const char *const names[] = {"unknown", "unknown_sub"};
    (void)state;
    for (size_t i = 0; i < CAPTURE_COUNT; i += 2) {
        for (size_t name = 0; name < COUNT(names); name++) {
            struct reply *reply = captured(captures[i], names[name]);
            struct samples *samples = samples_new();
            for (int command = 0; command < COMMAND_COUNT; command++) {
                collect(samples, (enum command)command, reply);
            }
            assert_true(is_empty(samples));
            samples_free(samples);
            reply_free(reply);
        }
    }
}

static void slow_log_entry_of_texts_gives_nothing(void **state)
{
    (void)state;
    assert_true(
        gives_nothing(COMMAND_SLOWLOG_GET, "*1\r\n*3\r\n$1\r\n5\r\n$1\r\n6\r\n$1\r\n7\r\n"));
}

static void event_of_texts_gives_nothing(void **state)
{
    (void)state;
    assert_true(gives_nothing(COMMAND_LATENCY_LATEST,
                              "*1\r\n*4\r\n$1\r\na\r\n$1\r\n5\r\n$1\r\n6\r\n$1\r\n7\r\n"));
}

static void event_without_a_name_gives_nothing(void **state)
{
    (void)state;
    assert_true(gives_nothing(COMMAND_LATENCY_LATEST, "*1\r\n*4\r\n*0\r\n:5\r\n:6\r\n:7\r\n"));
}

static void setting_without_a_name_gives_nothing(void **state)
{
    (void)state;
    assert_true(gives_nothing(COMMAND_CONFIG_GET_ALL, "*2\r\n*0\r\n$1\r\n5\r\n"));
}

static void histogram_without_a_number_of_calls_gives_nothing(void **state)
{
    (void)state;
    assert_true(gives_nothing(COMMAND_LATENCY_HISTOGRAM,
                              GET "*4\r\n" CALLS "$1\r\n5\r\n" HISTOGRAM "*2\r\n:1\r\n:5\r\n"));
}

static void histogram_without_a_command_gives_nothing(void **state)
{
    (void)state;
    assert_true(gives_nothing(COMMAND_LATENCY_HISTOGRAM,
                              "*2\r\n*0\r\n*4\r\n" CALLS ":5\r\n" HISTOGRAM "*2\r\n:1\r\n:5\r\n"));
}

// The server prints sizes of 64 bits without a sign.
static void no_size_of_a_client_becomes_negative(void **state)
{
    struct buf out = BUF_EMPTY;
    struct samples *samples =
        samples_of(COMMAND_CLIENT_LIST, "$33\r\nflags=N omem=18446744073709551615\r\n");
    (void)state;
    add_group(&out, samples, client_rows, COUNT(client_rows));
    samples_free(samples);
    bool negative = span_contains(buf_view(&out), SPAN("-1"));
    buf_free(&out);
    assert_false(negative);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_versions_settings_are_read),
        cmocka_unit_test(each_versions_numeric_settings_are_all_read),
        cmocka_unit_test(each_versions_slow_log_is_read),
        cmocka_unit_test(each_versions_latency_events_are_read),
        cmocka_unit_test(clients_of_a_real_list_have_a_line_a_kind),
        cmocka_unit_test(lengths_of_the_command_logs_are_told_apart),
        cmocka_unit_test(links_of_each_version_are_summed_up),
        cmocka_unit_test(ladder_rises),
        cmocka_unit_test(real_histograms_stand_on_the_common_ladder),
        cmocka_unit_test(real_histograms_are_all_read_and_cumulative),
        cmocka_unit_test(buckets_are_made_from_the_servers),
        cmocka_unit_test(buckets_stay_cumulative_whatever_the_server_counts),
        cmocka_unit_test(command_that_is_repeated_has_one_histogram),
        cmocka_unit_test(incomplete_histograms_are_left_out),
        cmocka_unit_test(settings_of_one_pair_each_are_read),
        cmocka_unit_test(buffer_limits_are_read_by_class),
        cmocka_unit_test(secrets_are_not_kept_even_when_numeric),
        cmocka_unit_test(secrets_of_each_version_are_not_kept),
        cmocka_unit_test(newest_entry_of_the_slow_log_counts),
        cmocka_unit_test(event_that_is_repeated_has_one_line),
        cmocka_unit_test(list_without_clients_counts_none),
        cmocka_unit_test(node_without_peers_has_no_links),
        cmocka_unit_test(parts_of_a_link_that_make_no_sense_are_left_out),
        cmocka_unit_test(migrations_are_counted_by_their_end),
        cmocka_unit_test(age_of_an_acknowledgement_needs_two_sensible_times),
        cmocka_unit_test(what_is_no_migration_is_not_counted),
        cmocka_unit_test(migrations_of_a_replica_are_its_masters),
        cmocka_unit_test(empty_lists_give_nothing),
        cmocka_unit_test(replies_of_another_shape_give_nothing),
        cmocka_unit_test(only_lengths_are_numbers_and_only_lists_are_texts),
        cmocka_unit_test(real_errors_give_nothing),
        cmocka_unit_test(slow_log_entry_of_texts_gives_nothing),
        cmocka_unit_test(event_of_texts_gives_nothing),
        cmocka_unit_test(event_without_a_name_gives_nothing),
        cmocka_unit_test(setting_without_a_name_gives_nothing),
        cmocka_unit_test(histogram_without_a_number_of_calls_gives_nothing),
        cmocka_unit_test(histogram_without_a_command_gives_nothing),
        cmocka_unit_test(no_size_of_a_client_becomes_negative),
    };
    return cmocka_run_group_tests_name("collect", tests, NULL, NULL);
}
