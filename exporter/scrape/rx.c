// What only redis_exporter has, for those who come from it: info series whose labels change with a
// failover, zeros for empty databases, a family for each type of bus message. Its own defects are
// not copied.
#include "scrape/computed.h"

#include <ctype.h>
#include <inttypes.h>

#include "base/clock.h"
#include "metrics/page.h"
#include "scrape/snapshot.h"

static bool is_ok(const struct node_snapshot *node)
{
    return node->outcome == OUTCOME_OK;
}

// Labels that are there only where the server sends the field.
static size_t add_optional(struct label *labels, size_t count, const struct node_snapshot *node,
                           const char *name)
{
    struct span value = node_field(node, span_of(name));
    if (value.length > 0) {
        labels[count++] = (struct label){name, value};
    }
    return count;
}

static void instance_info(struct emitter *to, const struct snapshot *snapshot,
                          const struct node_snapshot *node)
{
    static const char *const names[] = {
        "role",     "redis_version", "redis_build_id", "redis_mode",   "os", "maxmemory_policy",
        "tcp_port", "run_id",        "process_id",     "master_replid"};
    enum { COUNT = sizeof(names) / sizeof(names[0]) };
    struct label labels[COUNT + 2];
    size_t count = COUNT;
    (void)snapshot;
    if (!is_ok(node)) {
        return;
    }
    for (size_t i = 0; i < COUNT; i++) {
        labels[i] = (struct label){names[i], node_field(node, span_of(names[i]))};
    }
    count = add_optional(labels, count, node, "valkey_version");
    count = add_optional(labels, count, node, "valkey_release_stage");
    emit_labelled(to, labels, count, 1);
}

static void slave_info(struct emitter *to, const struct snapshot *snapshot,
                       const struct node_snapshot *node)
{
    const struct label labels[] = {
        {"master_host", node_field(node, SPAN("master_host"))},
        {"master_port", node_field(node, SPAN("master_port"))},
        {"read_only", node_field(node, SPAN("slave_read_only"))},
    };
    (void)snapshot;
    if (is_ok(node) && node->replication.is_replica) {
        emit_labelled(to, labels, 3, 1);
    }
}

static bool has_database(const struct samples *samples, struct span name)
{
    for (size_t i = 0; i < samples->group[GROUP_DB].count; i++) {
        if (span_equals(samples_labels(samples, GROUP_DB, i)[0], name)) {
            return true;
        }
    }
    return false;
}

// One in cluster mode; the server's default where its setting cannot be read.
static uint64_t database_count(const struct node_snapshot *node)
{
    enum { DEFAULT = 16, HIGHEST = 1000 };
    struct span setting = samples_field(node->samples, FROM_CONFIG, SPAN("databases"));
    uint64_t count;
    if (node->server.cluster_mode) {
        return 1;
    }
    if (!span_u64(setting, &count)) {
        return DEFAULT;
    }
    return count < HIGHEST ? count : HIGHEST;
}

// The configured databases that INFO does not list are empty.
void rx_emit_empty_databases(struct emitter *to, const struct node_snapshot *node)
{
    uint64_t count = database_count(node);
    for (uint64_t i = 0; i < count; i++) {
        struct buf name = BUF_EMPTY;
        buf_format(&name, "db%" PRIu64, i);
        struct label label = {"db", buf_view(&name)};
        if (!has_database(node->samples, label.value)) {
            emit_labelled(to, &label, 1, 0);
        }
        buf_free(&name);
    }
}

static void connect_time(struct emitter *to, const struct snapshot *snapshot,
                         const struct node_snapshot *node)
{
    (void)snapshot;
    emit_us(to, node->connect_us);
}

static void scrape_summary(struct emitter *to, const struct snapshot *snapshot)
{
    emit_part(to, "_sum", NULL, 0, (double)snapshot->duration_us / SECOND_US);
    emit_part(to, "_count", NULL, 0, 1);
}

static void io_thread_time(struct emitter *to, const struct snapshot *snapshot,
                           const struct node_snapshot *node)
{
    struct span prefix = SPAN("used_active_time_io_thread_");
    struct span rest = span_make(node->info, is_ok(node) ? node->info_length : 0);
    struct line line;
    (void)snapshot;
    while (lines_next(&rest, &line)) {
        double seconds;
        if (span_starts(line.key, prefix) && span_f64(line.value, &seconds)) {
            struct label thread = {"thread", span_skip(line.key, prefix.length)};
            emit_labelled(to, &thread, 1, seconds);
        }
    }
}

const struct metric rx_metrics[] = {
    {"", GAUGE, "", "What the server is.", "redis_instance_info", .source = FROM_EXPORTER,
     .node = instance_info},
    {"", GAUGE, "", "The master that this replica follows.", "redis_slave_info",
     .source = FROM_EXPORTER, .node = slave_info},
    {"", GAUGE, "", "How long connecting took; 0 on a kept connection.",
     "redis_exporter_last_scrape_connect_time_seconds", .source = FROM_EXPORTER,
     .node = connect_time},
    {"", SUMMARY, "", "How long scrapes took.", "redis_exporter_scrape_duration_seconds",
     .source = FROM_EXPORTER, .cluster = scrape_summary},
    {"", COUNTER, "", "Time for which an I/O thread was busy.",
     "redis_active_time_io_thread_seconds_total", .source = FROM_EXPORTER, .node = io_thread_time,
     .since = "Valkey 9.1"},
    {"", COUNTER, "", "Requests refused because of their target.",
     "redis_target_scrape_request_errors_total", .source = FROM_EXPORTER,
     .process = process_target_errors},
};

const size_t rx_metric_count = sizeof(rx_metrics) / sizeof(rx_metrics[0]);

// One line of one node's counts that no node before it had: its family is for all of them to share.
static bool is_first(const struct snapshot *const *snapshot, size_t s, size_t n, enum group group,
                     const struct span *labels)
{
    for (size_t i = 0; i <= s; i++) {
        size_t nodes = i < s ? snapshot[i]->count : n;
        for (size_t j = 0; j < nodes; j++) {
            if (samples_find_line(snapshot[i]->node[j]->samples, group, labels) != NULL) {
                return false;
            }
        }
    }
    return true;
}

static void emit_bus_family(struct emitter *to, const struct snapshot *const *snapshot,
                            size_t count, enum group group, const struct span *labels)
{
    static const struct metric row = {"", GAUGE, "", "Count of the cluster bus (CLUSTER INFO).",
                                      .source = FROM_EXPORTER};
    bool messages = group == GROUP_BUS_MESSAGES;
    struct buf name = BUF_EMPTY;
    buf_text(&name, messages ? "redis_cluster_stats_messages_" : "redis_cluster_stats_");
    for (size_t i = 0; i < labels[0].length; i++) {
        char c = labels[0].at[i];
        buf_char(&name, (char)(isalnum((unsigned char)c) ? c : '_'));
    }
    buf_format(&name, "%s_%.*s", messages ? "" : "_bytes", (int)labels[1].length, labels[1].at);
    buf_char(&name, '\0');
    page_family(to, &row, name.data);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < snapshot[i]->count; j++) {
            const struct node_snapshot *node = snapshot[i]->node[j];
            const struct span *line = samples_find_line(node->samples, group, labels);
            if (is_ok(node) && line != NULL && samples_line_value(line).length > 0) {
                to->labels = span_of(node->labels);
                emit_text(to, NULL, 0, samples_line_value(line));
            }
        }
    }
    to->name = NULL; // it ends with this function
    buf_free(&name);
}

static void emit_bus_group(struct emitter *to, const struct snapshot *const *snapshot, size_t count,
                           size_t s, enum group group)
{
    for (size_t n = 0; n < snapshot[s]->count; n++) {
        const struct samples *samples = snapshot[s]->node[n]->samples;
        for (size_t line = 0; line < samples->group[group].count; line++) {
            const struct span *labels = samples_labels(samples, group, line);
            if (is_first(snapshot, s, n, group, labels)) {
                emit_bus_family(to, snapshot, count, group, labels);
            }
        }
    }
}

void rx_emit_bus(struct emitter *to, const struct snapshot *const *snapshot, size_t count)
{
    for (size_t s = 0; s < count; s++) {
        emit_bus_group(to, snapshot, count, s, GROUP_BUS_MESSAGES);
        emit_bus_group(to, snapshot, count, s, GROUP_BUS_BYTES);
    }
}
