#include "metrics/sample.h"

#include <time.h>

#include <stdlib.h>
#include <string.h>

#include "metrics/page.h"
#include "redis/lines.h"
#include "support.h"

static int release(void **state)
{
    (void)state;
    guards_release();
    return 0;
}

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

static struct samples *samples_of(enum source source, const char *text)
{
    struct samples *samples = samples_new();
    samples_read(samples, source, guarded_text(text));
    return samples;
}

static struct span value_of(const struct samples *samples, const char *name)
{
    return samples_value(samples, row_of(name));
}

// The row's value as it stands on a page of ours; "" when there is none.
static void check_value(const struct samples *samples, const char *name, const char *expected)
{
    struct buf out = BUF_EMPTY;
    struct emitter to = page_begin(&out, PAGE_TEXT, DIALECT_NATIVE);
    struct span value = value_of(samples, name);
    struct span sample = {NULL, 0};
    page_metric(&to, row_of(name));
    if (value.length > 0) {
        emit_text(&to, NULL, 0, value);
    }
    if (to.samples > 0) {
        assert_int_equal(to.samples, 1);
        assert_true(span_split_last(buf_view(&out), ' ', &sample, &sample));
        sample.length--; // the newline
    }
    if (!span_is(sample, expected)) {
        print_error("%s: ", name);
    }
    assert_span(sample, expected);
    buf_free(&out);
}

// The lines of a group: labels, and the values of the named rows.
static void check_group(const struct samples *samples, const char *const *names, size_t count,
                        const char *expected)
{
    enum group group = row_of(names[0])->group;
    struct buf out = BUF_EMPTY;
    for (size_t line = 0; line < samples->group[group].count; line++) {
        const struct span *labels = samples_labels(samples, group, line);
        buf_text(&out, line > 0 ? "; " : "");
        buf_span(&out, labels[0]);
        if (group_labels[group].name[1] != NULL) {
            buf_char(&out, ' ');
            buf_span(&out, labels[1]);
        }
        for (size_t i = 0; i < count; i++) {
            struct span cell = samples_cell(samples, row_of(names[i]), line);
            buf_char(&out, ' ');
            buf_span(&out, cell.length > 0 ? cell : SPAN("-"));
        }
    }
    assert_span(buf_view(&out), expected);
    buf_free(&out);
}

static const char *const db_rows[] = {
    "redis_db_keys",
    "redis_db_keys_expiring",
    "redis_db_avg_ttl_seconds",
    "redis_db_subexpiry",
    "redis_db_keys_with_volatile_items",
};

static const char *const replica_rows[] = {
    "redis_connected_slave_offset_bytes",
    "redis_connected_slave_lag_seconds",
    "redis_connected_slave_online",
};

static void check_dbs(const struct samples *samples, const char *expected)
{
    check_group(samples, db_rows, COUNT(db_rows), expected);
}

static void check_replicas(const struct samples *samples, const char *expected)
{
    check_group(samples, replica_rows, COUNT(replica_rows), expected);
}

// --- Real replies ---

struct real_reply {
    struct samples *samples;
    char *info;
    char *cluster_info;
};

static struct real_reply read_capture(const char *server)
{
    struct real_reply reply = {.samples = samples_new()};
    size_t length;
    reply.info = capture(server, "info_all", &length);
    samples_read(reply.samples, FROM_INFO, guarded(span_make(reply.info, length)));
    reply.cluster_info = capture(server, "cluster_info", &length);
    samples_read(reply.samples, FROM_CLUSTER_INFO, guarded(span_make(reply.cluster_info, length)));
    return reply;
}

static void free_reply(struct real_reply *reply)
{
    samples_free(reply->samples);
    free(reply->info);
    free(reply->cluster_info);
}

static void each_versions_info_gives_its_values(void **state)
{
    static const struct {
        const char *server;
        const char *metric;
        const char *expected; // "": absent
    } cases[] = {
        {"redis-3.2.13", "redis_commands_processed_total", "374256"},
        {"redis-3.2.13", "redis_memory_used_bytes", "3270144"},
        {"redis-3.2.13", "redis_cpu_sys_seconds_total", "0.25"},
        {"redis-3.2.13", "redis_client_longest_output_list", "0"},
        {"redis-3.2.13", "redis_memory_used_dataset_ratio", ""},
        {"redis-3.2.13", "redis_cluster_messages_sent_total", "234"},
        {"redis-4.0.14", "redis_commands_processed_total", "374307"},
        {"redis-4.0.14", "redis_memory_used_dataset_ratio", "0.2594"},
        {"redis-4.0.14", "redis_latest_fork_seconds", "0.000298"},
        {"redis-5.0.14", "redis_keyspace_hits_total", "363442"},
        {"redis-5.0.14", "redis_cpu_sys_seconds_total", "0.387642"},
        {"redis-6.2.16", "redis_net_output_bytes_total", "942764"},
        {"redis-6.2.16", "redis_master_repl_offset", "493076"},
        {"redis-7.0.15", "redis_net_output_bytes_total", "1009609"},
        {"redis-7.0.15", "redis_memory_used_dataset_ratio", "0.7228"},
        {"redis-7.0.15", "redis_cluster_links_buffer_limit_exceeded_total", "0"},
        {"redis-7.2.6", "redis_uptime_in_seconds", "5"},
        {"redis-7.2.6", "redis_latest_fork_seconds", "0.000388"},
        {"redis-8.0.2", "redis_memory_used_bytes", "4709544"},
        {"redis-8.0.2", "redis_commands_processed_total", "374678"},
        {"redis-8.0.2", "redis_cluster_nodes_pfail", ""},
        {"valkey-8.0.1", "redis_memory_used_bytes", "5288640"},
        {"valkey-8.0.1", "redis_replicas_waiting_psync", "0"},
        {"valkey-9.1.2", "redis_memory_used_bytes", "5053688"},
        {"valkey-9.1.2", "redis_active_time_main_thread_seconds_total", "0.566099"},
        {"valkey-9.1.2", "redis_eventloop_duration_seconds_total", "0.570494"},
        {"valkey-9.1.2", "redis_acl_access_denied_db_total", "0"},
        {"valkey-9.1.2", "redis_cluster_nodes_pfail", "0"},
        {"valkey-9.1.2", "redis_cluster_sent_bytes_total", "57216"},
        {"valkey-9.1.2", "redis_cluster_received_bytes_total", "57760"},
        {"valkey-9.1.2", "redis_rdb_current_bgsave_duration_seconds", ""},
        {"valkey-9.1.2", "redis_second_repl_offset", "-1"},
        {"redis-3.2.13-replica", "redis_slave_repl_offset", "470503"},
        {"redis-5.0.14-replica", "redis_master_link_up", "1"},
        {"redis-6.2.16-replica", "redis_slave_read_repl_offset", "493076"},
        {"redis-8.0.2-replica", "redis_replica_full_sync_buffer_size_bytes", "0"},
        {"redis-8.0.2-replica", "redis_connected_clients", "2"},
        {"valkey-9.1.2-replica", "redis_slave_repl_offset", "503890"},
        {"redis-7.0.15", "redis_master_link_up", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct real_reply reply = read_capture(cases[i].server);
        check_value(reply.samples, cases[i].metric, cases[i].expected);
        free_reply(&reply);
        guards_release();
    }
}

static void values_that_all_servers_have_are_never_absent(void **state)
{
    static const char *const names[] = {
        "redis_uptime_in_seconds",
        "redis_connected_clients",
        "redis_blocked_clients",
        "redis_memory_used_bytes",
        "redis_memory_used_rss_bytes",
        "redis_memory_max_bytes",
        "redis_mem_fragmentation_ratio",
        "redis_loading_dump_file",
        "redis_rdb_last_bgsave_status",
        "redis_aof_enabled",
        "redis_commands_processed_total",
        "redis_connections_received_total",
        "redis_net_input_bytes_total",
        "redis_keyspace_hits_total",
        "redis_keyspace_misses_total",
        "redis_evicted_keys_total",
        "redis_expired_keys_total",
        "redis_replica_resyncs_full_total",
        "redis_connected_slaves",
        "redis_master_repl_offset",
        "redis_cpu_sys_seconds_total",
        "redis_cpu_user_seconds_total",
        "redis_cluster_enabled",
        "redis_cluster_state",
        "redis_cluster_slots_assigned",
        "redis_cluster_slots_ok",
        "redis_cluster_slots_pfail",
        "redis_cluster_slots_fail",
        "redis_cluster_known_nodes",
        "redis_cluster_size",
        "redis_cluster_current_epoch",
        "redis_cluster_my_epoch",
        "redis_cluster_messages_sent_total",
        "redis_cluster_messages_received_total",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(captures); i++) {
        struct real_reply reply = read_capture(captures[i]);
        for (size_t j = 0; j < COUNT(names); j++) {
            if (value_of(reply.samples, names[j]).length == 0) {
                print_error("%s has no %s\n", captures[i], names[j]);
                fail();
            }
        }
        bool replica = strstr(captures[i], "-replica") != NULL;
        assert_int_equal(value_of(reply.samples, "redis_master_link_up").length > 0, replica);
        assert_int_equal(value_of(reply.samples, "redis_slave_repl_offset").length > 0, replica);
        free_reply(&reply);
        guards_release();
    }
}

static void each_row_takes_its_own_field(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(captures); i++) {
        struct real_reply reply = read_capture(captures[i]);
        for (size_t j = 0; j < reply_metric_count; j++) {
            const struct metric *row = &reply_metrics[j];
            const char *text = row->source == FROM_INFO           ? reply.info
                               : row->source == FROM_CLUSTER_INFO ? reply.cluster_info
                                                                  : NULL;
            struct span field;
            if (row->group != GROUP_NONE || text == NULL ||
                !find_line(span_of(text), span_of(row->field), &field)) {
                continue;
            }
            struct span value = samples_value(reply.samples, row);
            assert_true(value.length <= field.length);
            assert_true(value.length == 0 || memcmp(value.at, field.at, value.length) == 0);
        }
        free_reply(&reply);
        guards_release();
    }
}

static void each_versions_databases_are_read(void **state)
{
    static const struct {
        const char *server;
        const char *expected;
    } cases[] = {
        {"redis-3.2.13", "db0 3336 892 942103 - -"}, {"redis-4.0.14", "db0 3296 884 682568 - -"},
        {"redis-7.2.6", "db0 3297 884 925027 - -"},  {"redis-8.0.2", "db0 3297 884 820716 0 -"},
        {"valkey-8.0.1", "db0 3297 884 886979 - -"}, {"valkey-9.1.2", "db0 3297 884 910237 - 0"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct real_reply reply = read_capture(cases[i].server);
        check_dbs(reply.samples, cases[i].expected);
        free_reply(&reply);
        guards_release();
    }
}

static void each_versions_replicas_are_read(void **state)
{
    static const struct {
        const char *server;
        const char *expected;
    } cases[] = {
        {"redis-3.2.13", "127.0.0.1 13003 1 0 online"},
        {"redis-6.2.16", "127.0.0.1 13003 52243 1 online"},
        {"valkey-8.0.1", "127.0.0.1 13003 503876 0 online"},
        {"valkey-9.1.2", "127.0.0.1 13003 0 1 online"},
        {"valkey-9.1.2-replica", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct real_reply reply = read_capture(cases[i].server);
        check_replicas(reply.samples, cases[i].expected);
        free_reply(&reply);
        guards_release();
    }
}

static const char *const bus_messages[] = {"redis_cluster_bus_messages_total"};
static const char *const bus_bytes[] = {"redis_cluster_bus_bytes_total"};

static void bus_messages_are_read_by_type_and_direction(void **state)
{
    struct real_reply reply = read_capture("valkey-9.1.2");
    (void)state;
    check_group(reply.samples, bus_messages, 1,
                "ping sent 9; pong sent 12; publish sent 200; ping received 7; "
                "pong received 12; meet received 5");
    free_reply(&reply);
    reply = read_capture("redis-3.2.13"); // which knows only the totals
    check_group(reply.samples, bus_messages, 1, "");
    free_reply(&reply);
}

static void bus_bytes_are_read_by_kind_and_direction(void **state)
{
    struct real_reply reply = read_capture("valkey-9.1.2");
    (void)state;
    check_group(reply.samples, bus_bytes, 1,
                "pubsub sent 5400; pubsub received 0; module sent 0; module received 0");
    free_reply(&reply);
}

static const char *const command_rows[] = {
    "redis_commands_total", "redis_commands_duration_seconds_total",
    "redis_commands_rejected_calls_total", "redis_commands_failed_calls_total"};
static const char *const error_rows[] = {"redis_errors_total"};
static const char *const quantile_rows[] = {"redis_latency_percentiles_seconds"};

static void check_command(struct samples *samples, struct span command, const char *expected)
{
    static const char *const parts[] = {"calls", "usec", "rejected_calls", "failed_calls"};
    struct buf out = BUF_EMPTY;
    for (size_t i = 0; i < COUNT(parts); i++) {
        struct span value = samples_command_part(samples, command, span_of(parts[i]));
        assert_string_equal(row_of(command_rows[i])->field, parts[i]);
        buf_text(&out, i > 0 ? " " : "");
        buf_span(&out, value.length > 0 ? value : SPAN("-"));
    }
    assert_span(buf_view(&out), expected);
    buf_free(&out);
}

static void commandstats_are_read_for_each_command(void **state)
{
    struct real_reply reply = read_capture("redis-7.0.15");
    (void)state;
    assert_int_equal(reply.samples->group[GROUP_COMMAND].count, 67);
    check_command(reply.samples, SPAN("get"), "363054 31547 69 0");
    check_command(reply.samples, SPAN("cluster|nodes"), "19 954 0 0");
    check_command(reply.samples, SPAN("nosuch"), "- - - -");
    free_reply(&reply);
    reply = read_capture("redis-3.2.13");
    check_command(reply.samples, SPAN("get"), "363054 21967 - -");
    free_reply(&reply);
}

static void errorstats_are_read_by_prefix(void **state)
{
    struct real_reply reply = read_capture("redis-7.0.15");
    (void)state;
    check_group(reply.samples, error_rows, 1, "ERR 207; MOVED 29; NOSCRIPT 40; WRONGTYPE 120");
    free_reply(&reply);
}

static void latency_quantiles_are_read_as_percentiles(void **state)
{
    struct samples *samples = samples_of(
        FROM_INFO, "latency_percentiles_usec_cluster|nodes:p50=48.127,p99=83.455,p99.9=83.456\r\n"
                   "latency_percentiles_usec_get:p50=nan,x=1,p=2,pp=3,50=4\r\n"
                   "latency_percentiles_usec_get:p50.0=5,p050=6,p5e1=7,p101=8,p-1=9,p0=10\r\n"
                   "latency_percentiles_usec_get:p1e-05=11,p5e-324=12,p=13,p.5=14,p+5=15\r\n"
                   "latency_percentiles_usec_:p50=1\r\n");
    (void)state;
    check_group(samples, quantile_rows, 1,
                "cluster|nodes 50 48.127; cluster|nodes 99 83.455; cluster|nodes 99.9 83.456; "
                "get 50 -; get 0 10");
    samples_free(samples);
}

static void lines_of_a_group_have_a_limit(void **state)
{
    struct buf info = BUF_EMPTY;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        buf_format(&info, "cmdstat_c%d:calls=%d\r\n", i, i);
    }
    struct samples *samples = samples_new();
    samples_read(samples, FROM_INFO, buf_view(&info));
    assert_in_range(samples->group[GROUP_COMMAND].count, 1000, 19999);
    check_command(samples, SPAN("c777"), "777 - - -");
    samples_free(samples);
    buf_free(&info);
}

// The processor time that it takes to read a reply of that many parts: all of one line, or of one
// line each.
static clock_t time_of_quantiles(size_t parts, bool in_one_line, size_t *out_lines)
{
    struct buf info = BUF_EMPTY;
    for (size_t i = 0; i < parts; i++) {
        if (i == 0 || !in_one_line) {
            buf_format(&info, "%slatency_percentiles_usec_c%zu:", i > 0 ? "\r\n" : "", i);
        }
        buf_format(&info, "%sp%g=1", i > 0 && in_one_line ? "," : "", (double)(i + 100) / 1000);
    }
    struct samples *samples = samples_new();
    clock_t began = clock();
    samples_read(samples, FROM_INFO, buf_view(&info));
    clock_t took = clock() - began;
    *out_lines = samples->group[GROUP_QUANTILE].count;
    samples_free(samples);
    buf_free(&info);
    return took;
}

// One node must not hold up the others: a line may be as long as a reply.
static void many_quantiles_of_a_command_cost_no_more_than_of_many_commands(void **state)
{
    enum { PARTS = 30000, TIMES = 4 };
    size_t lines[2];
    (void)state;
    clock_t together = time_of_quantiles(PARTS, true, &lines[0]); // while the dictionary has room
    clock_t apart = time_of_quantiles(PARTS, false, &lines[1]);
    assert_true(together < TIMES * apart);
    assert_int_equal(lines[0], lines[1]); // as many as there may be
}

static void repeated_quantiles_are_one_series_however_many_there_are(void **state)
{
    struct buf info = BUF_EMPTY;
    (void)state;
    buf_text(&info, "latency_percentiles_usec_many:");
    for (int i = 0; i < 300; i++) {
        buf_format(&info, "%sp%d=%d", i > 0 ? "," : "", i % 100, i);
    }
    buf_char(&info, '\0');
    struct samples *samples = samples_of(FROM_INFO, info.data);
    assert_int_equal(samples->group[GROUP_QUANTILE].count, 100);
    for (size_t i = 0; i < 100; i++) {
        struct buf last = BUF_EMPTY;
        buf_format(&last, "%zu", 200 + i);
        struct span value = samples_line_value(samples_labels(samples, GROUP_QUANTILE, i));
        assert_true(span_equals(value, buf_view(&last)));
        buf_free(&last);
    }
    samples_free(samples);
    buf_free(&info);
}

static void values_can_be_set_one_by_one(void **state)
{
    struct samples *samples = samples_new();
    (void)state;
    samples_set(samples, FROM_INFO, SPAN("used_memory"), SPAN("5"));
    samples_set(samples, FROM_INFO, SPAN("maxmemory"), SPAN("much"));
    samples_set(samples, FROM_INFO, SPAN("no_such_field"), SPAN("5"));
    samples_set_part(samples, GROUP_DB, SPAN("db3"), span_make(NULL, 0), SPAN("keys"), SPAN("7"));
    samples_set_part(samples, GROUP_DB, SPAN("db3"), span_make(NULL, 0), SPAN("expires"),
                     SPAN("2"));
    samples_set_part(samples, GROUP_DB, SPAN("db3"), span_make(NULL, 0), SPAN("other"), SPAN("1"));
    assert_span(value_of(samples, "redis_memory_used_bytes"), "5");
    assert_span(value_of(samples, "redis_memory_max_bytes"), "");
    assert_span(samples_field(samples, FROM_INFO, SPAN("used_memory")), "5");
    assert_span(samples_field(samples, FROM_CONFIG, SPAN("used_memory")), "");
    assert_span(samples_field(samples, FROM_INFO, SPAN("no_such_field")), "");
    check_dbs(samples, "db3 7 2 - - -");
    samples_free(samples);
}

static void command_has_one_histogram(void **state)
{
    struct samples *samples = samples_new();
    (void)state;
    struct histogram *histogram = samples_add_histogram(samples, SPAN("get"));
    assert_non_null(histogram);
    assert_span(histogram->command, "get");
    assert_int_equal(histogram->count, 0);
    assert_int_equal(histogram->bucket[LATENCY_BUCKETS - 1], 0);
    assert_null(samples_add_histogram(samples, SPAN("get")));
    assert_non_null(samples_add_histogram(samples, SPAN("set")));
    assert_int_equal(samples->histogram_count, 2);
    samples_free(samples);
}

// --- Traps ---

static void values_that_a_row_cannot_take_are_left_out(void **state)
{
    static const struct {
        const char *info;
        const char *metric;
        const char *expected; // "": absent
    } cases[] = {
        {"used_memory:1\r\n", "redis_memory_used_bytes", "1"},
        {"used_memory:\r\n", "redis_memory_used_bytes", ""},
        {"used_memory:nan\r\n", "redis_memory_used_bytes", ""},
        {"used_memory:-nan\r\n", "redis_memory_used_bytes", ""},
        {"used_memory:inf\r\n", "redis_memory_used_bytes", ""},
        {"used_memory:-inf\r\n", "redis_memory_used_bytes", ""},
        {"used_memory:NaN\r\n", "redis_memory_used_bytes", ""},
        {"used_memory:1.5M\r\n", "redis_memory_used_bytes", ""},
        {"used_memory:0x10\r\n", "redis_memory_used_bytes", ""},
        {"used_memory:1,5\r\n", "redis_memory_used_bytes", ""},
        {"used_memory: 1\r\n", "redis_memory_used_bytes", ""},
        {"used_memory:1\"} 1\r\n", "redis_memory_used_bytes", ""},
        {"used_memory:1 1700000000000\r\n", "redis_memory_used_bytes", ""},
        {"used_memory:50%\r\n", "redis_memory_used_bytes", ""},
        {"used_memory:18446744073709551615\r\n", "redis_memory_used_bytes", "18446744073709551615"},
        {"used_memory_dataset_perc:67.69%\r\n", "redis_memory_used_dataset_ratio", "0.6769"},
        {"used_memory_dataset_perc:67.69\r\n", "redis_memory_used_dataset_ratio", "0.6769"},
        {"used_memory_dataset_perc:67.69%%\r\n", "redis_memory_used_dataset_ratio", ""},
        {"used_memory_dataset_perc:%\r\n", "redis_memory_used_dataset_ratio", ""},
        {"used_memory_dataset_perc:nan%\r\n", "redis_memory_used_dataset_ratio", ""},
        {"used_memory_dataset_perc:-3.1%\r\n", "redis_memory_used_dataset_ratio", "-0.031"},
        {"current_fork_perc:12.50\r\n", "redis_current_fork_ratio", "0.125"},
        {"total_commands_processed:-1\r\n", "redis_commands_processed_total", ""},
        {"total_commands_processed:-0.5\r\n", "redis_commands_processed_total", ""},
        {"master_last_io_seconds_ago:-1\r\n", "redis_master_last_io_seconds_ago", "-1"},
        {"master_link_down_since_seconds:5\r\n", "redis_master_link_down_since_seconds", "5"},
        {"mem_fragmentation_bytes:-3000\r\n", "redis_mem_fragmentation_bytes", "-3000"},
        {"master_link_status:down\r\n", "redis_master_link_up", "0"},
        {"used_memory:1\r\nused_memory:2\r\n", "redis_memory_used_bytes", "2"},
        {"used_memoryx:1\r\nused_memor:2\r\n", "redis_memory_used_bytes", ""},
        {"cluster_state:ok\r\n", "redis_cluster_state", ""}, // that is CLUSTER INFO's
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct samples *samples = samples_of(FROM_INFO, cases[i].info);
        check_value(samples, cases[i].metric, cases[i].expected);
        samples_free(samples);
    }
}

// Prometheus refuses the whole page for one number beyond the range of a double.
static void number_beyond_the_range_of_a_double_is_left_out(void **state)
{
    (void)state;
    struct samples *samples = samples_of(FROM_INFO, "used_memory:1e999\r\n");
    size_t length = value_of(samples, "redis_memory_used_bytes").length;
    samples_free(samples);
    assert_int_equal(length, 0);
}

// Since 6.2.2 the server says -1 of a link that was never up; before, it counts from 1970, which is
// passed on.
static void link_that_was_never_up_has_no_duration(void **state)
{
    const char *name = "redis_master_link_down_since_seconds";
    (void)state;
    struct samples *samples = samples_of(FROM_INFO, "master_link_down_since_seconds:-1\r\n");
    check_value(samples, name, "");
    samples_free(samples);
    samples = samples_of(FROM_INFO, "master_link_down_since_seconds:1795462371\r\n");
    check_value(samples, name, "");
    samples_free(samples);
}

static void missing_sections_leave_the_rest(void **state)
{
    struct samples *samples =
        samples_of(FROM_INFO, "# Memory\r\nused_memory:1\r\n\r\n# Keyspace\r\ndb0:keys=1\r\n");
    (void)state;
    assert_span(value_of(samples, "redis_memory_used_bytes"), "1");
    assert_int_equal(value_of(samples, "redis_connected_clients").length, 0);
    check_dbs(samples, "db0 1 - - - -");
    check_replicas(samples, "");
    samples_free(samples);
}

static void empty_reply_gives_nothing(void **state)
{
    struct samples *samples = samples_of(FROM_INFO, "");
    (void)state;
    samples_read(samples, FROM_CLUSTER_INFO, span_make(NULL, 0));
    for (size_t i = 0; i < reply_metric_count; i++) {
        if (reply_metrics[i].group == GROUP_NONE) {
            assert_int_equal(samples_value(samples, &reply_metrics[i]).length, 0);
        }
    }
    for (int group = 0; group < GROUP_COUNT; group++) {
        assert_int_equal(samples->group[group].count, 0);
    }
    samples_free(samples);
    samples_free(NULL);
}

static void several_databases_have_a_line_each(void **state)
{
    struct samples *samples =
        samples_of(FROM_INFO, "db0:keys=1,expires=2,avg_ttl=3,subexpiry=4\r\n"
                              "db15:keys=5,expires=6,avg_ttl=7,keys_with_volatile_items=8,new=9\r\n"
                              "db0_distrib_strings_sizes:0=28,1=330\r\n"
                              "dbx:keys=1\r\ndb:keys=1\r\n");
    (void)state;
    check_dbs(samples, "db0 1 2 3 4 -; db15 5 6 7 - 8");
    samples_free(samples);
}

// A page must not repeat a series; which of the two lines counts is the server's fault.
static void repeated_lines_make_no_repeated_series(void **state)
{
    struct samples *samples =
        samples_of(FROM_INFO, "db0:keys=1\r\ndb1:keys=2\r\ndb0:keys=3\r\n"
                              "slave0:ip=a,port=1,state=online,offset=5,lag=0\r\n"
                              "slave1:ip=a,port=1,state=online,offset=9,lag=9\r\n"
                              "cmdstat_get:calls=1\r\ncmdstat_get:calls=1\r\n"
                              "errorstat_ERR:count=1\r\nerrorstat_ERR:count=1\r\n");
    (void)state;
    samples_read(samples, FROM_CLUSTER_INFO,
                 guarded_text("cluster_stats_messages_ping_sent:1\r\n"
                              "cluster_stats_messages_ping_sent:1\r\n"));
    assert_int_equal(samples->group[GROUP_DB].count, 2);
    assert_int_equal(samples->group[GROUP_REPLICA].count, 1);
    assert_int_equal(samples->group[GROUP_COMMAND].count, 1);
    assert_int_equal(samples->group[GROUP_ERROR].count, 1);
    assert_int_equal(samples->group[GROUP_BUS_MESSAGES].count, 1);
    samples_free(samples);
}

static void bad_parts_of_a_database_are_left_out(void **state)
{
    struct samples *samples =
        samples_of(FROM_INFO, "db0:keys=nan,expires=2,avg_ttl=\r\ndb1:\r\ndb2:garbage,keys=4\r\n");
    (void)state;
    check_dbs(samples, "db0 - 2 - - -; db1 - - - - -; db2 4 - - - -");
    samples_free(samples);
}

static void replicas_are_told_apart_by_address(void **state)
{
    struct samples *samples = samples_of(
        FROM_INFO, "slave0:ip=::1,port=1,state=online,offset=5,lag=0\r\n"
                   "slave1:ip=::1,port=2,state=wait_bgsave,offset=0,lag=0,type=replica\r\n"
                   "slave_repl_offset:77\r\nslave:ip=x\r\n");
    (void)state;
    check_replicas(samples, "::1 1 5 0 online; ::1 2 0 0 wait_bgsave");
    assert_span(value_of(samples, "redis_slave_repl_offset"), "77");
    samples_free(samples);
}

static void extra_channel_of_a_replica_is_no_replica(void **state)
{
    static const char *const infos[] = {
        "slave0:ip=a,port=1,state=send_bulk,offset=9,lag=9,type=rdb-channel\r\n"
        "slave1:ip=a,port=1,state=bg_transfer,offset=3,lag=0,type=main-channel\r\n",
        "slave0:ip=a,port=1,state=bg_transfer,offset=3,lag=0,type=main-channel\r\n"
        "slave1:ip=a,port=1,state=send_bulk,offset=9,lag=9,type=rdb-channel\r\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(infos); i++) {
        struct samples *samples = samples_of(FROM_INFO, infos[i]);
        check_replicas(samples, "a 1 3 0 bg_transfer");
        samples_free(samples);
    }
}

static void bus_lines_that_are_none_are_left_out(void **state)
{
    struct samples *samples =
        samples_of(FROM_CLUSTER_INFO, "cluster_stats_messages_auth-req_sent:1\r\n"
                                      "cluster_stats_messages__sent:3\r\n"
                                      "cluster_stats_messages_ping:4\r\n"
                                      "cluster_stats_messages_ping_lost:5\r\n"
                                      "cluster_stats_messages_pong_sent:-6\r\n"
                                      "cluster_stats_messages_sent:7\r\n"
                                      "cluster_stats_bytes_sent:8\r\n"
                                      "cluster_stats_pubsub_octets_sent:9\r\n"
                                      "cluster_stats__bytes_sent:10\r\n"
                                      "cluster_stats_pubsub_bytes_lost:11\r\n"
                                      "cluster_stats_:12\r\n");
    (void)state;
    check_group(samples, bus_messages, 1, "auth-req sent 1; pong sent -");
    check_group(samples, bus_bytes, 1, "");
    assert_span(value_of(samples, "redis_cluster_messages_sent_total"), "7");
    samples_free(samples);
}

static void fields_of_one_source_are_not_those_of_another(void **state)
{
    struct samples *samples = samples_of(FROM_CLUSTER_INFO, "used_memory:1\r\ndb0:keys=1\r\n"
                                                            "slave0:ip=a,port=1\r\n"
                                                            "cluster_state:ok\r\n");
    (void)state;
    assert_int_equal(value_of(samples, "redis_memory_used_bytes").length, 0);
    check_dbs(samples, "");
    check_replicas(samples, "");
    assert_span(value_of(samples, "redis_cluster_state"), "ok");
    samples_free(samples);
}

// Wherever a reply was cut off, nothing beyond it is read.
static void reply_may_be_cut_anywhere(void **state)
{
    size_t length;
    char *info = capture("valkey-9.1.2", "info_all", &length);
    (void)state;
    for (size_t kept = 0; kept < length; kept += kept < 2000 || kept + 300 > length ? 1 : 37) {
        struct samples *samples = samples_new();
        samples_read(samples, FROM_INFO, guarded(span_make(info, kept)));
        assert_true(value_of(samples, "redis_memory_used_bytes").length <= 7);
        samples_free(samples);
        guards_release();
    }
    free(info);
}

// What was learned from one reply must not show in the next one that is otherwise.
static void reply_that_differs_from_the_one_before_is_read_as_it_stands(void **state)
{
    static const char *const texts[] = {
        "cmdstat_get:calls=1,usec=2\r\ncmdstat_set:calls=3,usec=4\r\n",
        "cmdstat_set:calls=3,usec=4\r\ncmdstat_get:calls=1,usec=2\r\n", // another order
        "cmdstat_get:usec=2,calls=1\r\ncmdstat_set:calls=3,usec=4\r\n", // of parts too
        "cmdstat_get:calls=1,usec=2\r\nused_memory:7\r\ncmdstat_set:usec=4,strange=1,calls=3\r\n",
        "cmdstat_gets:calls=9\r\n", // longer than what is expected
        "cmdstat_ge:calls=8\r\n",
        "cmdstat_get:callsx=9,calls\r\n",
        "cmdstat_get:calls=,usec=5\r\n",
        "cmdstat_get:calls=-1,usec=x\r\n",
    };
    static const char *const expected[] = {
        "get 1 2; set 3 4", "set 3 4; get 1 2", "get 1 2; set 3 4", "get 1 2; set 3 4", "gets 9 -",
        "ge 8 -",           "get - -",          "get - 5",          "get - -",
    };
    static const char *const rows[] = {"redis_commands_total",
                                       "redis_commands_duration_seconds_total"};
    (void)state;
    for (size_t first = 0; first < COUNT(texts); first++) {
        for (size_t second = 0; second < COUNT(texts); second++) {
            samples_free(samples_of(FROM_INFO, texts[first]));
            struct samples *samples = samples_of(FROM_INFO, texts[second]);
            check_group(samples, rows, COUNT(rows), expected[second]);
            samples_free(samples);
        }
    }
}

static void check_rendered(const struct samples *samples, enum group group, const char *expected)
{
    struct buf out = BUF_EMPTY;
    for (size_t i = 0; i < samples->group[group].count; i++) {
        buf_text(&out, i > 0 ? "; " : "");
        buf_span(&out, samples_rendered(samples, group, i));
    }
    assert_span(buf_view(&out), expected);
    buf_free(&out);
}

// The labels are made for the number of a part, so they must not be taken for another quantile.
static void rendered_quantiles_are_those_of_the_line(void **state)
{
    struct samples *usual =
        samples_of(FROM_INFO, "latency_percentiles_usec_get:p50=1,p99=2,p99.9=3\r\n");
    struct samples *other =
        samples_of(FROM_INFO, "latency_percentiles_usec_get:p90=1,p99=2,p99=7\r\n");
    (void)state;
    check_rendered(usual, GROUP_QUANTILE,
                   "cmd=\"get\",quantile=\"0.5\"; cmd=\"get\",quantile=\"0.99\"; "
                   "cmd=\"get\",quantile=\"0.999\"");
    check_rendered(other, GROUP_QUANTILE, "; cmd=\"get\",quantile=\"0.99\"");
    check_group(other, quantile_rows, COUNT(quantile_rows), "get 90 1; get 99 7");
    samples_free(usual);
    samples_free(other);
}

// INFO and then, for some collectors, another part of INFO: of the same node, with other nodes'
// replies read in between.
static void second_reply_repeats_no_series(void **state)
{
    const char *text = "cmdstat_get:calls=1\r\nlatency_percentiles_usec_get:p50=1\r\n"
                       "db0:keys=1\r\nerrorstat_ERR:count=1\r\n";
    struct samples *samples = samples_of(FROM_INFO, text);
    (void)state;
    samples_free(samples_of(FROM_INFO, text));
    samples_read(samples, FROM_INFO, guarded_text(text));
    assert_int_equal(samples->group[GROUP_COMMAND].count, 1);
    assert_int_equal(samples->group[GROUP_QUANTILE].count, 1);
    assert_int_equal(samples->group[GROUP_DB].count, 1);
    assert_int_equal(samples->group[GROUP_ERROR].count, 1);
    samples_free(samples);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_versions_info_gives_its_values, release),
        cmocka_unit_test_teardown(values_that_all_servers_have_are_never_absent, release),
        cmocka_unit_test_teardown(each_row_takes_its_own_field, release),
        cmocka_unit_test_teardown(each_versions_databases_are_read, release),
        cmocka_unit_test_teardown(each_versions_replicas_are_read, release),
        cmocka_unit_test_teardown(bus_messages_are_read_by_type_and_direction, release),
        cmocka_unit_test_teardown(bus_bytes_are_read_by_kind_and_direction, release),
        cmocka_unit_test_teardown(commandstats_are_read_for_each_command, release),
        cmocka_unit_test_teardown(errorstats_are_read_by_prefix, release),
        cmocka_unit_test_teardown(latency_quantiles_are_read_as_percentiles, release),
        cmocka_unit_test_teardown(repeated_quantiles_are_one_series_however_many_there_are,
                                  release),
        cmocka_unit_test(many_quantiles_of_a_command_cost_no_more_than_of_many_commands),
        cmocka_unit_test(lines_of_a_group_have_a_limit),
        cmocka_unit_test(values_can_be_set_one_by_one),
        cmocka_unit_test(command_has_one_histogram),
        cmocka_unit_test_teardown(values_that_a_row_cannot_take_are_left_out, release),
        cmocka_unit_test_teardown(number_beyond_the_range_of_a_double_is_left_out, release),
        cmocka_unit_test_teardown(link_that_was_never_up_has_no_duration, release),
        cmocka_unit_test_teardown(missing_sections_leave_the_rest, release),
        cmocka_unit_test_teardown(empty_reply_gives_nothing, release),
        cmocka_unit_test_teardown(several_databases_have_a_line_each, release),
        cmocka_unit_test_teardown(repeated_lines_make_no_repeated_series, release),
        cmocka_unit_test_teardown(bad_parts_of_a_database_are_left_out, release),
        cmocka_unit_test_teardown(replicas_are_told_apart_by_address, release),
        cmocka_unit_test_teardown(extra_channel_of_a_replica_is_no_replica, release),
        cmocka_unit_test_teardown(bus_lines_that_are_none_are_left_out, release),
        cmocka_unit_test_teardown(fields_of_one_source_are_not_those_of_another, release),
        cmocka_unit_test_teardown(reply_may_be_cut_anywhere, release),
        cmocka_unit_test_teardown(reply_that_differs_from_the_one_before_is_read_as_it_stands,
                                  release),
        cmocka_unit_test_teardown(rendered_quantiles_are_those_of_the_line, release),
        cmocka_unit_test_teardown(second_reply_repeats_no_series, release),
    };
    return cmocka_run_group_tests_name("sample", tests, NULL, NULL);
}
