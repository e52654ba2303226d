#include "scrape/render.h"

#include <stdlib.h>

#include "base/mem.h"
#include "redis/lines.h"
#include "scrape/computed.h"

struct table {
    const char *title;
    const struct metric *row;
    const size_t *count;
};

static const struct table tables[] = {
    {"Computed by the exporter", computed_metrics, &computed_metric_count},
    {"Merged over all nodes", merged_metrics, &merged_metric_count},
    {"Read from each node", reply_metrics, &reply_metric_count},
    {"Of redis_exporter alone", rx_metrics, &rx_metric_count},
    {"The exporter itself", process_metrics, &process_metric_count},
};

enum { TABLE_COUNT = sizeof(tables) / sizeof(tables[0]) };

// The server's percent as a fraction: 99.9 is 0.999. `text` gives it room.
static struct span as_fraction(struct span percent, struct buf *text)
{
    text->length = 0;
    buf_shifted(text, percent, -2);
    return buf_view(text);
}

static const struct metric *find_row(enum group group, const char *field)
{
    size_t i = 0;
    while (reply_metrics[i].group != group || strcmp(reply_metrics[i].field, field) != 0) {
        i++;
        CHECK(i < reply_metric_count);
    }
    return &reply_metrics[i];
}

static struct span replica_state(const struct samples *samples, size_t index)
{
    return samples_cell(samples, find_row(GROUP_REPLICA, "state"), index);
}

// The summary of redis_exporter has a sum and a count, from the commandstats.
static void emit_rx_sums(struct emitter *to, const struct node_snapshot *node)
{
    const struct group_samples *commands = &node->samples->group[GROUP_COMMAND];
    for (size_t i = 0; i < commands->count; i++) {
        struct label label = {"cmd", samples_labels(node->samples, GROUP_COMMAND, i)[0]};
        double sum;
        double count;
        if (span_f64(samples_command_part(node->samples, label.value, SPAN("usec")), &sum) &&
            span_f64(samples_command_part(node->samples, label.value, SPAN("calls")), &count) &&
            node->samples->group[GROUP_QUANTILE].count > 0) {
            emit_part(to, "_sum", &label, 1, sum);
            emit_part(to, "_count", &label, 1, count);
        }
    }
}

static void emit_line(struct emitter *to, const struct node_snapshot *node, size_t index)
{
    const struct metric *row = to->metric;
    const struct group_labels *names = &group_labels[row->group];
    const struct span *values = samples_labels(node->samples, row->group, index);
    struct buf fraction = BUF_EMPTY;
    struct label labels[GROUP_LABELS_MAX + 1] = {{NULL, {NULL, 0}}};
    size_t count = 0;
    while (count < GROUP_LABELS_MAX && names->name[count] != NULL) {
        labels[count] = (struct label){names->name[count], values[count]};
        count++;
    }
    if (row->group == GROUP_QUANTILE && to->dialect == DIALECT_NATIVE) {
        labels[1].value = as_fraction(labels[1].value, &fraction);
    }
    if (row->group == GROUP_REPLICA && to->dialect == DIALECT_RX) {
        labels[count++] = (struct label){"slave_state", replica_state(node->samples, index)};
    }
    emit_text(to, labels, count, samples_cell(node->samples, row, index));
    buf_free(&fraction);
}

// The dialect of redis_exporter has quantiles as the server writes them.
static void emit_group(struct emitter *to, const struct node_snapshot *node)
{
    const struct metric *row = to->metric;
    bool has_own_labels = row->group == GROUP_QUANTILE && to->dialect == DIALECT_RX;
    for (size_t i = 0; i < node->samples->group[row->group].count; i++) {
        struct span cell = samples_cell(node->samples, row, i);
        struct span rendered = samples_rendered(node->samples, row->group, i);
        if (cell.length > 0 && rendered.length > 0 && !has_own_labels) {
            emit_rendered(to, rendered, cell);
        } else if (cell.length > 0) {
            emit_line(to, node, i);
        }
    }
}

// Counters that a server does not list while they are 0, and that matter from the first event on: a
// series that begins with 1 is no increase to Prometheus.
static const struct {
    enum group group;
    const char *first;
    const char *second;
} silent_zeros[] = {
    {GROUP_ERROR, "MOVED", ""},
    {GROUP_ERROR, "ASK", ""},
    {GROUP_ERROR, "TRYAGAIN", ""},
    {GROUP_ERROR, "CLUSTERDOWN", ""},
    {GROUP_BUS_MESSAGES, "auth-req", "sent"},
    {GROUP_BUS_MESSAGES, "auth-req", "received"},
    {GROUP_BUS_MESSAGES, "auth-ack", "sent"},
    {GROUP_BUS_MESSAGES, "auth-ack", "received"},
    {GROUP_BUS_MESSAGES, "fail", "sent"},
    {GROUP_BUS_MESSAGES, "fail", "received"},
};

static bool tells_group(const struct node_snapshot *node, enum group group)
{
    const uint32_t since = group == GROUP_ERROR ? 60200 : 40000;
    return node->server.cluster_mode && node->server.redis_version >= since &&
           (group == GROUP_ERROR || node->cluster_summary.known);
}

static void emit_silent_zeros(struct emitter *to, const struct node_snapshot *node)
{
    enum group group = to->metric->group;
    for (size_t i = 0; i < sizeof(silent_zeros) / sizeof(silent_zeros[0]); i++) {
        const struct span values[] = {span_of(silent_zeros[i].first),
                                      span_of(silent_zeros[i].second)};
        const struct label labels[] = {{group_labels[group].name[0], values[0]},
                                       {group_labels[group].name[1], values[1]}};
        if (silent_zeros[i].group == group && tells_group(node, group) &&
            samples_find_line(node->samples, group, values) == NULL) {
            emit_labelled(to, labels, values[1].length > 0 ? 2 : 1, 0);
        }
    }
}

// The text of each bound, made once for each unit; it lives as long as the process.
static const struct span *bound_texts(int shift)
{
    static struct span texts[2][LATENCY_BUCKETS];
    struct span *text = texts[shift == 0 ? 0 : 1];
    for (size_t i = 0; text[LATENCY_BUCKETS - 1].at == NULL && i < LATENCY_BUCKETS; i++) {
        struct buf digits = BUF_EMPTY;
        struct buf bound = BUF_EMPTY;
        double value = 0;
        buf_i64(&digits, latency_bounds_us[i]);
        span_f64_shifted(buf_view(&digits), shift, &value);
        buf_bound(&bound, value);
        size_t length = bound.length;
        text[i] = span_make(buf_take(&bound), length);
        buf_free(&digits);
    }
    return text;
}

// The sum is that of the commandstats: the histogram has none. Sum and count go together, and a
// command's first call may come between the two replies.
static void emit_histogram(struct emitter *to, const struct node_snapshot *node,
                           const struct histogram *histogram)
{
    struct label labels[2] = {{"cmd", histogram->command}, {"le", SPAN("+Inf")}};
    int shift = emit_shift(to);
    const struct span *bounds = bound_texts(shift);
    double sum;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        labels[1].value = bounds[i];
        emit_part(to, "_bucket", labels, 2, (double)histogram->bucket[i]);
    }
    labels[1].value = SPAN("+Inf");
    emit_part(to, "_bucket", labels, 2, (double)histogram->count);
    if (span_f64_shifted(samples_command_part(node->samples, histogram->command, SPAN("usec")),
                         shift, &sum)) {
        emit_part(to, "_sum", labels, 1, sum);
        emit_part(to, "_count", labels, 1, (double)histogram->count);
    }
}

static void emit_histograms(struct emitter *to, const struct node_snapshot *node)
{
    for (size_t i = 0; i < node->samples->histogram_count; i++) {
        emit_histogram(to, node, &node->samples->histogram[i]);
    }
}

static void emit_modules(struct emitter *to, const struct node_snapshot *node)
{
    static const char *const names[] = {"name", "ver", "api", "filters", "usedby", "using"};
    enum { COUNT = sizeof(names) / sizeof(names[0]) };
    for (size_t i = 0; i < node->samples->group[GROUP_MODULE].count; i++) {
        struct span module = samples_cell(node->samples, to->metric, i);
        struct label labels[COUNT] = {{NULL, {NULL, 0}}};
        for (size_t part = 0; part < COUNT; part++) {
            labels[part].name = names[part];
            lines_find_part(module, span_of(names[part]), &labels[part].value);
        }
        emit_labelled(to, labels, COUNT, 1);
    }
}

static void emit_rx_extra(struct emitter *to, const struct node_snapshot *node)
{
    const struct metric *row = to->metric;
    bool counts_keys = row->group == GROUP_DB &&
                       (strcmp(row->field, "keys") == 0 || strcmp(row->field, "expires") == 0);
    if (row->group == GROUP_QUANTILE) {
        emit_rx_sums(to, node);
    } else if (counts_keys) {
        rx_emit_empty_databases(to, node);
    }
}

static void emit_with_master(struct emitter *to, const struct node_snapshot *node,
                             struct span value)
{
    const struct label master[] = {{"master_host", node_field(node, SPAN("master_host"))},
                                   {"master_port", node_field(node, SPAN("master_port"))}};
    emit_text(to, master, 2, value);
}

static void emit_scalar(struct emitter *to, const struct node_snapshot *node, struct span value)
{
    const struct metric *row = to->metric;
    bool rx = to->dialect == DIALECT_RX;
    if (value.length == 0) {
        if (rx && row->rx_zero) {
            emit(to, 0);
        }
    } else if (rx && row->rx_master) {
        emit_with_master(to, node, value);
    } else {
        emit_rendered(to, SPAN(""), value);
    }
}

static void emit_series(struct emitter *to, const struct node_snapshot *node)
{
    const struct series_set *set = &node->samples->series;
    size_t row = (size_t)(to->metric - reply_metrics);
    for (size_t i = 0; i < set->name.count; i++) {
        if (set->name.entry[i].number == row) {
            emit_rendered(to, set->name.entry[i].text, set->value[i]);
        }
    }
}

// What a row without a function of its own has of one node that answered.
static void emit_lines(struct emitter *to, const struct node_snapshot *node)
{
    const struct metric *row = to->metric;
    if (source_is_labelled(row->source)) {
        emit_series(to, node);
    } else if (row->group == GROUP_HISTOGRAM) {
        emit_histograms(to, node);
    } else if (row->group == GROUP_MODULE) {
        emit_modules(to, node);
    } else {
        emit_group(to, node);
        if (to->dialect == DIALECT_RX) {
            emit_rx_extra(to, node);
        } else {
            emit_silent_zeros(to, node);
        }
    }
}

// What nearly every row wants of a node. A page is written row by row, each over all nodes, so
// these stand side by side.
struct shown_node {
    const struct snapshot *snapshot;
    const struct node_snapshot *node;
    struct span labels;
    const struct span *value; // of the rows without labels; NULL: it did not answer
};

struct shown {
    const struct snapshot *const *snapshot;
    size_t snapshot_count;
    struct shown_node *node; // of all snapshots
    size_t count;
};

static struct shown collect_nodes(const struct snapshot *const *snapshot, size_t count)
{
    struct shown shown = {snapshot, count, NULL, 0};
    for (size_t i = 0; i < count; i++) {
        shown.count += snapshot[i]->count;
    }
    shown.node = mem_new(shown.count, sizeof(shown.node[0]));
    struct shown_node *next = shown.node;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < snapshot[i]->count; j++) {
            const struct node_snapshot *node = snapshot[i]->node[j];
            const struct span *value = node->outcome == OUTCOME_OK ? node->samples->value : NULL;
            *next++ = (struct shown_node){snapshot[i], node, span_of(node->labels), value};
        }
    }
    return shown;
}

// With a thousand nodes, what a row needs of each is not in the processor's caches. So it is asked
// for while other nodes' samples are written: first where the value is, then its text.
static void fetch_ahead(const struct shown *shown, size_t index, size_t row)
{
    enum { AHEAD = 6 };
    const struct shown_node *node = shown->node;
    size_t near = index + AHEAD;
    size_t far = near + AHEAD;
    if (far < shown->count && node[far].value != NULL) {
        __builtin_prefetch(&node[far].value[row]);
        __builtin_prefetch(node[far].labels.at);
    }
    if (near < shown->count && node[near].value != NULL) {
        __builtin_prefetch(node[near].value[row].at);
    }
}

static void emit_scalars(struct emitter *to, const struct shown *shown)
{
    size_t row = (size_t)(to->metric - reply_metrics);
    for (size_t i = 0; i < shown->count; i++) {
        const struct shown_node *node = &shown->node[i];
        fetch_ahead(shown, i, row);
        if (node->value != NULL) {
            to->labels = node->labels;
            emit_scalar(to, node->node, node->value[row]);
        }
    }
}

static void emit_nodes(struct emitter *to, const struct shown *shown)
{
    for (size_t i = 0; i < shown->count; i++) {
        const struct shown_node *node = &shown->node[i];
        to->labels = node->labels;
        if (to->metric->node != NULL) {
            to->metric->node(to, node->snapshot, node->node);
        } else if (node->value != NULL) {
            emit_lines(to, node->node);
        }
    }
}

static bool is_scalar(const struct metric *row)
{
    return row->node == NULL && row->group == GROUP_NONE && !source_is_labelled(row->source);
}

static void emit_row(struct emitter *to, const struct shown *shown)
{
    const struct metric *row = to->metric;
    if (row->process != NULL) {
        to->labels = span_make("", 0);
        row->process(to);
    } else if (row->cluster != NULL) {
        for (size_t i = 0; i < shown->snapshot_count; i++) {
            to->labels = span_of(shown->snapshot[i]->labels);
            row->cluster(to, shown->snapshot[i]);
        }
    } else if (is_scalar(row)) {
        emit_scalars(to, shown);
    } else {
        emit_nodes(to, shown);
    }
}

bool render_page(struct buf *out, const struct render_options *options,
                 const struct snapshot *const *snapshot, size_t count)
{
    uint64_t size_max = options->size_max > 0 ? options->size_max : UINT64_MAX;
    struct emitter to = page_begin(out, options->format, options->dialect);
    struct shown shown = collect_nodes(snapshot, count);
    to.gzip = options->gzip;
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        for (size_t j = 0; j < *tables[i].count && page_length(&to) <= size_max; j++) {
            const struct metric *row = &tables[i].row[j];
            bool wanted = (options->collectors & collector_bit(row->collector)) != 0 &&
                          (tables[i].row != process_metrics || options->with_process);
            if (wanted && page_metric(&to, row)) {
                emit_row(&to, &shown);
            }
        }
    }
    if (options->dialect == DIALECT_RX) {
        rx_emit_bus(&to, snapshot, count);
    }
    page_end(&to);
    free(shown.node);
    return page_length(&to) <= size_max;
}

static void add_labels(struct buf *out, const struct metric *row)
{
    const struct group_labels *names = &group_labels[row->group];
    const char *identity = row->cluster != NULL ? "redis_cluster" : "redis_cluster, redis_node";
    const char *separator = row->process != NULL ? "" : ", ";
    buf_text(out, row->process != NULL ? "" : identity);
    for (size_t i = 0; i < GROUP_LABELS_MAX && names->name[i] != NULL; i++) {
        buf_format(out, "%s%s", separator, names->name[i]);
    }
    const char *labels = row->labels != NULL ? row->labels : source_labels(row->source);
    if (labels != NULL) {
        buf_format(out, "%s%s", separator, labels);
    }
}

static void add_source(struct buf *out, const struct metric *row)
{
    static const char *const group_keys[GROUP_COUNT] = {
        [GROUP_DB] = "dbN",
        [GROUP_REPLICA] = "slaveN",
        [GROUP_BUS_MESSAGES] = "cluster_stats_messages_TYPE_DIRECTION",
        [GROUP_BUS_BYTES] = "cluster_stats_KIND_bytes_DIRECTION",
        [GROUP_COMMAND] = "cmdstat_COMMAND",
        [GROUP_ERROR] = "errorstat_ERROR",
        [GROUP_QUANTILE] = "latency_percentiles_usec_COMMAND",
        [GROUP_EVENT] = "LATEST",
        [GROUP_HISTOGRAM] = "HISTOGRAM",
        [GROUP_BUFFER_LIMIT] = "client-output-buffer-limit",
        [GROUP_CONFIG] = "*",
        [GROUP_CLIENTS] = "KIND",
        [GROUP_MODULE] = "module",
        [GROUP_LINK] = "DIRECTION",
        [GROUP_MIGRATION] = "STATE",
        [GROUP_SLOT] = "SLOT",
        [GROUP_SLOT_NETWORK] = "SLOT",
    };
    if (row->source == FROM_EXPORTER) {
        return;
    }
    buf_format(out, "%s ", source_word(row->source));
    if (row->group != GROUP_NONE) {
        buf_format(out, "`%s` ", group_keys[row->group]);
    }
    if (row->field[0] != '\0') {
        buf_format(out, "`%s`", row->field);
    }
}

static void add_row(struct buf *out, const struct metric *row)
{
    const char *unit = metric_unit(row);
    const char *rx = row->rx_name == NULL ? "same" : row->rx_name;
    const char *name = row->name[0] != '\0' ? row->name : rx;
    buf_format(out, "| `%s` | %s | %s | ", name, metric_type_name(row->type),
               unit != NULL ? unit : "");
    add_labels(out, row);
    buf_text(out, " | ");
    add_source(out, row);
    buf_format(out, " | %s | %s | %s |\n", row->since != NULL ? row->since : "", row->help, rx);
}

static void add_collectors(struct buf *out)
{
    buf_text(out, "\n## Samples\n\n"
                  "With the default collectors a page has at most 380 samples a node on a cluster "
                  "of six nodes of Redis 7.0 that\nserves some 20 different commands, and at most "
                  "110 that are not about a node.\n\n| collector | default | samples a node |\n"
                  "|---|---|---|\n");
    for (int i = 0; i < COLLECTOR_COUNT; i++) {
        const struct collector_row *row = &collectors[i];
        buf_format(out, "| %s | %s | %s |\n", row->name != NULL ? row->name : "(base)",
                   row->on ? "on" : "off", row->samples);
    }
}

void render_reference(struct buf *out)
{
    buf_text(out, "# Metrics\n\n"
                  "This page is what `redis_cluster_exporter --print-metrics` prints. A field that "
                  "a server does not send gives no sample.\nThe column \"needs\" tells the first "
                  "version known to have the metric, later ones included; nothing stands for every "
                  "server\nfrom Redis 3.2 on, and every Valkey has what Redis 7.2 has.\nThe last "
                  "column is the name in redis_exporter, where it has the metric; this dialect is "
                  "what `/scrape` speaks.\n");
    add_collectors(out);
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        buf_format(out,
                   "\n## %s\n\n| name | type | unit | labels | source | needs | meaning | "
                   "redis_exporter |\n|---|---|---|---|---|---|---|---|\n",
                   tables[i].title);
        for (size_t row = 0; row < *tables[i].count; row++) {
            add_row(out, &tables[i].row[row]);
        }
    }
}
