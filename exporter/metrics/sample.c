// Look-up: a hash over the field names of each source, made once from the catalog. Groups are found
// by the beginning of their key.
#include "metrics/sample.h"

#include <stdlib.h>

#include "base/mem.h"
#include "redis/lines.h"

enum {
    FIELDS_CAPACITY = 1024, // a power of two, well above the number of rows
    GROUP_ROWS_MAX = 8,
};

struct field {
    struct span name; // of a row; NULL: free
    size_t row;
};

struct group_rows {
    size_t row[GROUP_ROWS_MAX];
    size_t count;
};

static struct field fields[SOURCE_COUNT][FIELDS_CAPACITY];
static struct group_rows group_rows[GROUP_COUNT];
static size_t column_of[FIELDS_CAPACITY]; // of a group's row, by row number

static size_t hash(struct span name)
{
    uint32_t value = 2166136261u;
    for (size_t i = 0; i < name.length; i++) {
        value = (value ^ (unsigned char)name.at[i]) * 16777619u;
    }
    return (value ^ (value >> 15)) & (FIELDS_CAPACITY - 1);
}

static struct field *find_field(enum source source, struct span name)
{
    size_t at = hash(name);
    while (fields[source][at].name.at != NULL && !span_equals(fields[source][at].name, name)) {
        at = (at + 1) & (FIELDS_CAPACITY - 1);
    }
    return &fields[source][at];
}

static void index_catalog(void)
{
    CHECK(reply_metric_count < FIELDS_CAPACITY / 2);
    for (size_t row = 0; row < reply_metric_count; row++) {
        const struct metric *metric = &reply_metrics[row];
        if (metric->group != GROUP_NONE) {
            struct group_rows *rows = &group_rows[metric->group];
            CHECK(rows->count < GROUP_ROWS_MAX);
            column_of[row] = rows->count;
            rows->row[rows->count++] = row;
            continue;
        }
        struct field *field = find_field(metric->source, span_of(metric->field));
        CHECK(field->name.at == NULL); // one row a field
        *field = (struct field){span_of(metric->field), row};
    }
}

struct samples *samples_new(void)
{
    static bool indexed = false;
    if (!indexed) {
        index_catalog();
        indexed = true;
    }
    struct samples *samples = mem_new(1, sizeof(*samples));
    samples->value = mem_new(reply_metric_count, sizeof(samples->value[0]));
    return samples;
}

void samples_free(struct samples *samples)
{
    if (samples == NULL) {
        return;
    }
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        free(samples->group[i].cell);
    }
    free(samples->value);
    free(samples);
}

// What the row can make a sample of: the text itself, or nothing.
static struct span accept(const struct metric *row, struct span value)
{
    struct span nothing = {NULL, 0};
    if (row->match != NULL) {
        return value;
    }
    if (row->percent && value.length > 0 && value.at[value.length - 1] == '%') {
        value.length--;
    }
    if (!span_is_number(value)) {
        return nothing;
    }
    bool negative = value.at[0] == '-';
    return negative && (row->no_negative || row->type == COUNTER) ? nothing : value;
}

static size_t stride(enum group group)
{
    return GROUP_LABELS_MAX + group_rows[group].count;
}

// A new line with these labels; NULL when the node sent the same labels before, since a page must
// not repeat a series.
static struct span *add_line(struct samples *samples, enum group group, struct span first,
                             struct span second)
{
    struct group_samples *lines = &samples->group[group];
    size_t width = stride(group);
    for (size_t i = 0; i < lines->count; i++) {
        const struct span *known = &lines->cell[i * width];
        if (span_equals(known[0], first) && span_equals(known[1], second)) {
            return NULL;
        }
    }
    lines->cell =
        mem_grow(lines->cell, lines->count, &lines->capacity, width * sizeof(lines->cell[0]));
    struct span *cells = &lines->cell[lines->count++ * width];
    memset(cells, 0, width * sizeof(cells[0]));
    cells[0] = first;
    cells[1] = second;
    return cells;
}

// Fills the cells of a line whose value is "part=number,part=number".
static void fill_parts(struct span *cells, enum group group, struct span value)
{
    const struct group_rows *rows = &group_rows[group];
    struct line part;
    while (lines_next_part(&value, &part)) {
        for (size_t i = 0; i < rows->count; i++) {
            const struct metric *row = &reply_metrics[rows->row[i]];
            if (span_is(part.key, row->field)) {
                cells[GROUP_LABELS_MAX + i] = accept(row, part.value);
            }
        }
    }
}

static bool is_numbered(struct span key, struct span prefix)
{
    uint64_t number;
    return span_starts(key, prefix) && span_u64(span_skip(key, prefix.length), &number);
}

static void read_db(struct samples *samples, const struct line *line)
{
    struct span *cells = add_line(samples, GROUP_DB, line->key, span_make(NULL, 0));
    if (cells != NULL) {
        fill_parts(cells, GROUP_DB, line->value);
    }
}

// A replica that syncs over two channels has two lines; the one of type rdb-channel is the extra.
static void read_replica(struct samples *samples, const struct line *line)
{
    struct span ip = {NULL, 0};
    struct span port = {NULL, 0};
    struct span type = {NULL, 0};
    lines_find_part(line->value, SPAN("ip"), &ip);
    lines_find_part(line->value, SPAN("port"), &port);
    lines_find_part(line->value, SPAN("type"), &type);
    struct span *cells =
        span_is(type, "rdb-channel") ? NULL : add_line(samples, GROUP_REPLICA, ip, port);
    if (cells != NULL) {
        fill_parts(cells, GROUP_REPLICA, line->value);
    }
}

// PREFIX TYPE SUFFIX _sent | _received, the TYPE being the first label.
static void read_bus(struct samples *samples, enum group group, struct span middle,
                     struct span suffix, const struct line *line)
{
    struct span type;
    struct span direction;
    if (!span_split_last(middle, '_', &type, &direction) || type.length <= suffix.length ||
        !(span_is(direction, "sent") || span_is(direction, "received"))) {
        return;
    }
    type.length -= suffix.length;
    if (suffix.length > 0 && !span_starts(span_skip(type, type.length), suffix)) {
        return;
    }
    struct span *cells = add_line(samples, group, type, direction);
    if (cells != NULL) {
        cells[GROUP_LABELS_MAX] = accept(&reply_metrics[group_rows[group].row[0]], line->value);
    }
}

static void read_group(struct samples *samples, enum source source, const struct line *line)
{
    struct span stats = SPAN("cluster_stats_");
    struct span messages = SPAN("messages_");
    if (source == FROM_INFO && is_numbered(line->key, SPAN("db"))) {
        read_db(samples, line);
    } else if (source == FROM_INFO && is_numbered(line->key, SPAN("slave"))) {
        read_replica(samples, line);
    } else if (source == FROM_CLUSTER_INFO && span_starts(line->key, stats)) {
        struct span rest = span_skip(line->key, stats.length);
        if (span_starts(rest, messages)) {
            read_bus(samples, GROUP_BUS_MESSAGES, span_skip(rest, messages.length), SPAN(""), line);
        } else {
            read_bus(samples, GROUP_BUS_BYTES, rest, SPAN("_bytes"), line);
        }
    }
}

void samples_read(struct samples *samples, enum source source, struct span text)
{
    struct line line;
    while (lines_next(&text, &line)) {
        const struct field *field = find_field(source, line.key);
        if (field->name.at != NULL) {
            samples->value[field->row] = accept(&reply_metrics[field->row], line.value);
        } else {
            read_group(samples, source, &line);
        }
    }
}

struct span samples_value(const struct samples *samples, const struct metric *row)
{
    return samples->value[row - reply_metrics];
}

const struct span *samples_labels(const struct samples *samples, enum group group, size_t index)
{
    return &samples->group[group].cell[index * stride(group)];
}

struct span samples_cell(const struct samples *samples, const struct metric *row, size_t index)
{
    return samples_labels(samples, row->group,
                          index)[GROUP_LABELS_MAX + column_of[row - reply_metrics]];
}
