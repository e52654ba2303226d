// Look-up: a hash over the field names of each source, made once from the catalog. Groups are found
// by the beginning of their key.
#include "metrics/sample.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "redis/lines.h"

enum {
    FIELDS_CAPACITY = 2048, // a power of two, well above the number of rows
    GROUP_ROWS_MAX = 8,
    LINES_MAX = 10000, // of a group and node; a server has some hundred commands
};

struct field {
    struct span name; // of a row; NULL: free
    enum source source;
    size_t row;
};

struct group_rows {
    size_t row[GROUP_ROWS_MAX];
    size_t count;
};

static struct field fields[FIELDS_CAPACITY];
static struct group_rows group_rows[GROUP_COUNT];
static size_t column_of[FIELDS_CAPACITY]; // of a group's row, by row number

static struct field *find_field(enum source source, struct span name)
{
    size_t at = hash_text(name, source) & (FIELDS_CAPACITY - 1);
    while (fields[at].name.at != NULL &&
           (fields[at].source != source || !span_equals(fields[at].name, name))) {
        at = (at + 1) & (FIELDS_CAPACITY - 1);
    }
    return &fields[at];
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
        *field = (struct field){span_of(metric->field), metric->source, row};
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
        free(samples->group[i].slot);
    }
    free(samples->value);
    free(samples->histogram);
    series_free(&samples->series);
    arena_free(&samples->arena);
    free(samples);
}

// What the row can make a sample of: the text itself, or nothing.
static struct span accept(const struct metric *row, struct span value)
{
    struct span nothing = {NULL, 0};
    if (row->match != NULL || row->type == INFO) {
        return value;
    }
    if (row->percent && value.length > 0 && value.at[value.length - 1] == '%') {
        value.length--;
    }
    if (!span_is_number(value)) {
        return nothing;
    }
    return value.at[0] == '-' && row->type == COUNTER ? nothing : value;
}

static size_t stride(enum group group)
{
    return GROUP_LABELS_MAX + group_rows[group].count;
}

static uint32_t *find_slot(const struct group_samples *lines, size_t width, struct span first,
                           struct span second)
{
    size_t mask = lines->slot_count - 1;
    size_t at = hash_text(second, hash_text(first, 0)) & mask;
    while (lines->slot[at] != 0) {
        const struct span *known = &lines->cell[(lines->slot[at] - 1) * width];
        if (span_equals(known[0], first) && span_equals(known[1], second)) {
            break;
        }
        at = (at + 1) & mask;
    }
    return &lines->slot[at];
}

static void grow_slots(struct group_samples *lines, size_t width)
{
    if (lines->count * 2 < lines->slot_count) {
        return;
    }
    free(lines->slot);
    lines->slot_count = lines->slot_count > 0 ? lines->slot_count * 4 : 32;
    lines->slot = mem_new(lines->slot_count, sizeof(lines->slot[0]));
    for (size_t i = 0; i < lines->count; i++) {
        const struct span *labels = &lines->cell[i * width];
        *find_slot(lines, width, labels[0], labels[1]) = (uint32_t)i + 1;
    }
}

// The line with these labels, new or not: a page must not repeat a series, whatever the node sends.
// NULL beyond the limit.
static struct span *line_with(struct samples *samples, enum group group, struct span first,
                              struct span second)
{
    struct group_samples *lines = &samples->group[group];
    size_t width = stride(group);
    grow_slots(lines, width);
    uint32_t *slot = find_slot(lines, width, first, second);
    if (*slot != 0) {
        return &lines->cell[(*slot - 1) * width];
    }
    if (lines->count >= LINES_MAX) {
        return NULL;
    }
    lines->cell =
        mem_grow(lines->cell, lines->count, &lines->capacity, width * sizeof(lines->cell[0]));
    struct span *cells = &lines->cell[lines->count++ * width];
    memset(cells, 0, width * sizeof(cells[0]));
    cells[0] = first;
    cells[1] = second;
    *slot = (uint32_t)lines->count;
    return cells;
}

static void set_cell(struct span *cells, enum group group, struct span part, struct span value)
{
    const struct group_rows *rows = &group_rows[group];
    for (size_t i = 0; i < rows->count; i++) {
        const struct metric *row = &reply_metrics[rows->row[i]];
        if (span_is(part, row->field)) {
            cells[GROUP_LABELS_MAX + i] = accept(row, value);
        }
    }
}

void samples_set_part(struct samples *samples, enum group group, struct span first,
                      struct span second, struct span part, struct span value)
{
    struct span *cells = line_with(samples, group, first, second);
    if (cells != NULL) {
        set_cell(cells, group, part, value);
    }
}

// A line whose value is "part=number,part=number".
static void set_parts(struct samples *samples, enum group group, struct span first,
                      struct span second, struct span value)
{
    struct span *cells = line_with(samples, group, first, second);
    struct line part;
    while (cells != NULL && lines_next_part(&value, &part)) {
        set_cell(cells, group, part.key, part.value);
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
    if (!span_is(type, "rdb-channel")) {
        set_parts(samples, GROUP_REPLICA, ip, port, line->value);
    }
}

// "p99.9", as a server writes it: 0 to 100, without needless zeros. Otherwise two of them, such as
// p50 and p50.0, would be one series.
static bool is_percentile(struct span key)
{
    double percent;
    struct buf text = BUF_EMPTY;
    if (key.length < 2 || key.at[0] != 'p' || !span_f64(span_skip(key, 1), &percent) ||
        percent < 0 || percent > 100) {
        return false;
    }
    buf_f64(&text, percent);
    bool plain = span_equals(buf_view(&text), span_skip(key, 1));
    buf_free(&text);
    return plain;
}

static void read_quantiles(struct samples *samples, struct span command, struct span value)
{
    struct line part;
    while (lines_next_part(&value, &part)) {
        if (is_percentile(part.key)) {
            samples_set_part(samples, GROUP_QUANTILE, command, span_skip(part.key, 1), SPAN(""),
                             part.value);
        }
    }
}

// TYPE SUFFIX _sent | _received, the TYPE being the first label.
static void read_bus(struct samples *samples, enum group group, struct span middle,
                     struct span suffix, struct span value)
{
    struct span type;
    struct span direction;
    if (!span_split_last(middle, '_', &type, &direction) || type.length <= suffix.length ||
        !(span_is(direction, "sent") || span_is(direction, "received"))) {
        return;
    }
    type.length -= suffix.length;
    if (memcmp(type.at + type.length, suffix.at, suffix.length) == 0) {
        samples_set_part(samples, group, type, direction, SPAN(""), value);
    }
}

// Whether `key` begins so; the rest of it is then what varies.
static bool has_prefix(struct span key, struct span prefix, struct span *out_rest)
{
    if (!span_starts(key, prefix) || key.length == prefix.length) {
        return false;
    }
    *out_rest = span_skip(key, prefix.length);
    return true;
}

static void read_module(struct samples *samples, struct span value)
{
    struct span name;
    if (lines_find_part(value, SPAN("name"), &name)) {
        samples_set_part(samples, GROUP_MODULE, name, SPAN(""), SPAN(""), value);
    }
}

static void read_info_group(struct samples *samples, const struct line *line)
{
    struct span none = {NULL, 0};
    struct span rest;
    uint64_t number;
    if (has_prefix(line->key, SPAN("cmdstat_"), &rest)) {
        set_parts(samples, GROUP_COMMAND, rest, none, line->value);
    } else if (has_prefix(line->key, SPAN("latency_percentiles_usec_"), &rest)) {
        read_quantiles(samples, rest, line->value);
    } else if (has_prefix(line->key, SPAN("errorstat_"), &rest)) {
        set_parts(samples, GROUP_ERROR, rest, none, line->value);
    } else if (has_prefix(line->key, SPAN("db"), &rest) && span_u64(rest, &number)) {
        set_parts(samples, GROUP_DB, line->key, none, line->value);
    } else if (has_prefix(line->key, SPAN("slave"), &rest) && span_u64(rest, &number)) {
        read_replica(samples, line);
    } else if (span_is(line->key, "module")) {
        read_module(samples, line->value);
    }
}

static void read_cluster_group(struct samples *samples, const struct line *line)
{
    struct span rest;
    struct span messages;
    if (!has_prefix(line->key, SPAN("cluster_stats_"), &rest)) {
        return;
    }
    if (has_prefix(rest, SPAN("messages_"), &messages)) {
        read_bus(samples, GROUP_BUS_MESSAGES, messages, SPAN(""), line->value);
    } else {
        read_bus(samples, GROUP_BUS_BYTES, rest, SPAN("_bytes"), line->value);
    }
}

void samples_read(struct samples *samples, enum source source, struct span text)
{
    struct line line;
    while (lines_next(&text, &line)) {
        const struct field *field = find_field(source, line.key);
        if (field->name.at != NULL) {
            samples->value[field->row] = accept(&reply_metrics[field->row], line.value);
        } else if (source == FROM_INFO) {
            read_info_group(samples, &line);
        } else {
            read_cluster_group(samples, &line);
        }
    }
}

void samples_set(struct samples *samples, enum source source, struct span field, struct span value)
{
    const struct field *found = find_field(source, field);
    if (found->name.at != NULL) {
        samples->value[found->row] = accept(&reply_metrics[found->row], value);
    }
}

void samples_add_labelled(struct samples *samples, enum source source, struct span field,
                          struct span labels, struct span value)
{
    const struct field *found = find_field(source, field);
    if (found->name.at == NULL) {
        return;
    }
    struct span accepted = accept(&reply_metrics[found->row], value);
    if (accepted.length > 0) {
        series_add(&samples->series, found->row, labels, accepted);
    }
}

struct histogram *samples_add_histogram(struct samples *samples, struct span command)
{
    struct span none = {NULL, 0};
    size_t known = samples->histogram_count;
    line_with(samples, GROUP_HISTOGRAM, command, none);
    if (samples->group[GROUP_HISTOGRAM].count == known) {
        return NULL; // repeated, or beyond the limit
    }
    samples->histogram = mem_grow(samples->histogram, known, &samples->histogram_capacity,
                                  sizeof(samples->histogram[0]));
    samples->histogram_count++;
    samples->histogram[known] = (struct histogram){.command = command};
    return &samples->histogram[known];
}

struct span samples_value(const struct samples *samples, const struct metric *row)
{
    return samples->value[row - reply_metrics];
}

struct span samples_field(const struct samples *samples, enum source source, struct span field)
{
    const struct field *found = find_field(source, field);
    return found->name.at != NULL ? samples->value[found->row] : span_make(NULL, 0);
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

const struct span *samples_find_line(const struct samples *samples, enum group group,
                                     const struct span *labels)
{
    const struct group_samples *lines = &samples->group[group];
    uint32_t line =
        lines->slot_count > 0 ? *find_slot(lines, stride(group), labels[0], labels[1]) : 0;
    return line != 0 ? &lines->cell[(line - 1) * stride(group)] : NULL;
}

// The cell of a line whose row has this field; length 0 when absent.
static struct span part_of(const struct span *line, enum group group, struct span part)
{
    const struct group_rows *rows = &group_rows[group];
    for (size_t i = 0; line != NULL && i < rows->count; i++) {
        if (span_is(part, reply_metrics[rows->row[i]].field)) {
            return line[GROUP_LABELS_MAX + i];
        }
    }
    return span_make(NULL, 0);
}

struct span samples_part(const struct samples *samples, enum group group, size_t index,
                         struct span part)
{
    return part_of(samples_labels(samples, group, index), group, part);
}

struct span samples_command_part(const struct samples *samples, struct span command,
                                 struct span part)
{
    struct span labels[GROUP_LABELS_MAX] = {command, {NULL, 0}};
    return part_of(samples_find_line(samples, GROUP_COMMAND, labels), GROUP_COMMAND, part);
}
