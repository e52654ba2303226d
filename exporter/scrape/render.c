#include "scrape/render.h"

#include "scrape/computed.h"

struct table {
    const char *title;
    const struct metric *row;
    const size_t *count;
};

static const struct table tables[] = {
    {"Computed by the exporter", computed_metrics, &computed_metric_count},
    {"Read from each node", reply_metrics, &reply_metric_count},
    {"The exporter itself", process_metrics, &process_metric_count},
};

enum { TABLE_COUNT = sizeof(tables) / sizeof(tables[0]) };

static void emit_group(struct emitter *to, const struct node_snapshot *node)
{
    const struct metric *row = to->metric;
    const struct group_labels *names = &group_labels[row->group];
    for (size_t i = 0; i < node->samples->group[row->group].count; i++) {
        const struct span *values = samples_labels(node->samples, row->group, i);
        struct span cell = samples_cell(node->samples, row, i);
        struct label labels[GROUP_LABELS_MAX];
        size_t count = 0;
        while (count < GROUP_LABELS_MAX && names->name[count] != NULL) {
            labels[count] = (struct label){names->name[count], values[count]};
            count++;
        }
        if (cell.length > 0) {
            emit_text(to, labels, count, cell);
        }
    }
}

static void emit_node(struct emitter *to, const struct snapshot *snapshot,
                      const struct node_snapshot *node)
{
    const struct metric *row = to->metric;
    to->labels = span_of(node->labels);
    if (row->node != NULL) {
        row->node(to, snapshot, node);
    } else if (node->samples != NULL && row->group != GROUP_NONE) {
        emit_group(to, node);
    } else if (node->samples != NULL) {
        struct span value = samples_value(node->samples, row);
        if (value.length > 0) {
            emit_text(to, NULL, 0, value);
        }
    }
}

static void emit_row(struct emitter *to, const struct metric *row,
                     const struct snapshot *const *snapshot, size_t count)
{
    page_metric(to, row);
    if (row->process != NULL) {
        to->labels = span_make("", 0);
        row->process(to);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (row->cluster != NULL) {
            to->labels = span_of(snapshot[i]->labels);
            row->cluster(to, snapshot[i]);
            continue;
        }
        for (size_t j = 0; j < snapshot[i]->count; j++) {
            emit_node(to, snapshot[i], snapshot[i]->node[j]);
        }
    }
}

void render_page(struct buf *out, enum page_format format, const struct snapshot *const *snapshot,
                 size_t count)
{
    struct emitter to = page_begin(out, format);
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        for (size_t row = 0; row < *tables[i].count; row++) {
            emit_row(&to, &tables[i].row[row], snapshot, count);
        }
    }
    page_end(&to);
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
    if (row->labels != NULL) {
        buf_format(out, "%s%s", separator, row->labels);
    }
}

static void add_source(struct buf *out, const struct metric *row)
{
    static const char *const group_keys[GROUP_COUNT] = {
        [GROUP_DB] = "dbN",
        [GROUP_REPLICA] = "slaveN",
        [GROUP_BUS_MESSAGES] = "cluster_stats_messages_TYPE_DIRECTION",
        [GROUP_BUS_BYTES] = "cluster_stats_KIND_bytes_DIRECTION",
    };
    if (row->source == FROM_EXPORTER) {
        return;
    }
    buf_text(out, row->source == FROM_INFO ? "INFO " : "CLUSTER INFO ");
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
    buf_format(out, "| `%s` | %s | %s | ", row->name, metric_type_name(row->type),
               unit != NULL ? unit : "");
    add_labels(out, row);
    buf_text(out, " | ");
    add_source(out, row);
    buf_format(out, " | %s | %s |\n", row->help, rx);
}

void render_reference(struct buf *out)
{
    buf_text(out, "# Metrics\n\n"
                  "This page is what `redis_cluster_exporter --print-metrics` prints. A field that "
                  "a server does not send gives no sample.\nThe last column is the name in "
                  "redis_exporter, where it has the metric.\n");
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        buf_format(out,
                   "\n## %s\n\n| name | type | unit | labels | source | meaning | "
                   "redis_exporter |\n|---|---|---|---|---|---|---|\n",
                   tables[i].title);
        for (size_t row = 0; row < *tables[i].count; row++) {
            add_row(out, &tables[i].row[row]);
        }
    }
}
