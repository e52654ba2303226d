// What a line's key means is the dictionary's business; here its value is taken apart. A group's
// lines are told apart by their labels: keys of one reply differ, so those that were not read
// before need no look-up. The order of a value's parts is learned, as that of the lines is.
#include "metrics/sample.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "metrics/dictionary.h"
#include "redis/lines.h"

enum {
    GROUP_ROWS_MAX = 8,
    LINES_MAX = 10000,         // of a group and node; a server has some hundred commands
    LINES_OF_NODE_MAX = 20000, // of all groups
    HISTOGRAMS_MAX = 1000,     // of a node; each is some twenty samples
    FEW_LINES = 32,            // that are looked through one by one
    PARTS_LEARNED = 12,
    PART_BYTES_MAX = 24,
    RENDERED = GROUP_LABELS_MAX, // the cell of a line with its labels as a page has them
    CELLS_BEFORE,                // what a row has follows
};

struct group_rows {
    size_t row[GROUP_ROWS_MAX];
    size_t count;
};

enum { NO_COLUMN = -1 };

// A part's name at one place of a value, as it was read there before.
struct part {
    char name[PART_BYTES_MAX]; // with '='
    size_t length;             // 0: not learned
    int column;                // of the group's rows, or NO_COLUMN
    bool is_percentile;        // of GROUP_QUANTILE
};

static struct group_rows group_rows[GROUP_COUNT];
static size_t *column_of; // of a group's row, by row number
static struct part learned[GROUP_COUNT][PARTS_LEARNED];
static size_t usual_lines[GROUP_COUNT]; // of the last node

static void index_groups(void)
{
    column_of = mem_new(reply_metric_count, sizeof(column_of[0]));
    for (size_t row = 0; row < reply_metric_count; row++) {
        const struct metric *metric = &reply_metrics[row];
        if (metric->group != GROUP_NONE) {
            struct group_rows *rows = &group_rows[metric->group];
            CHECK(rows->count < GROUP_ROWS_MAX);
            column_of[row] = rows->count;
            rows->row[rows->count++] = row;
        }
    }
}

struct samples *samples_new(void)
{
    static uint64_t number;
    if (column_of == NULL) {
        index_groups();
    }
    struct samples *samples = mem_new(1, sizeof(*samples));
    samples->value = mem_new(dictionary_values(), sizeof(samples->value[0]));
    samples->number = ++number;
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

// What follows a key. Most values are plain numbers, which any row takes.
struct value {
    struct span text;
    bool is_number; // a plain one; otherwise it is not known what it is
};

static struct value unknown(struct span text)
{
    return (struct value){text, false};
}

// Takes the plain number off the front of `rest` that ends where something of `ends` begins, and
// that too. False where there is none, or where something else ends it.
static bool cut_number(struct span *rest, const char *ends, struct value *out)
{
    size_t length = span_number_length(*rest);
    struct span end = span_of(ends);
    if (length == 0 || !span_starts(span_skip(*rest, length), end)) {
        return false;
    }
    *out = (struct value){span_make(rest->at, length), true};
    *rest = span_skip(*rest, length + end.length);
    return true;
}

// What the row can make a sample of: the text itself, or nothing.
static struct span accept(const struct metric *row, struct value given)
{
    struct span nothing = {NULL, 0};
    struct span value = given.text;
    if (given.is_number || row->match != NULL || row->type == INFO) {
        return value;
    }
    size_t number_length = span_number_length(value);
    if (number_length == value.length && number_length > 0) {
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
    return CELLS_BEFORE + group_rows[group].count;
}

// --- a group's lines, by their labels ---

static bool has_labels(const struct span *cells, struct span first, struct span second)
{
    return span_equals(cells[0], first) && span_equals(cells[1], second);
}

static uint32_t *find_slot(const struct group_samples *lines, size_t width, struct span first,
                           struct span second)
{
    size_t mask = lines->slot_count - 1;
    size_t at = hash_text(second, hash_text(first, 0)) & mask;
    while (lines->slot[at] != 0 &&
           !has_labels(&lines->cell[(lines->slot[at] - 1) * width], first, second)) {
        at = (at + 1) & mask;
    }
    return &lines->slot[at];
}

// Brings the hash up to date with lines that were added without a look-up.
static void index_lines(struct group_samples *lines, size_t width)
{
    if (lines->count * 2 >= lines->slot_count) {
        free(lines->slot);
        lines->slot_count = lines->slot_count > 0 ? lines->slot_count : FEW_LINES;
        while (lines->count * 2 >= lines->slot_count) {
            lines->slot_count *= 4;
        }
        lines->slot = mem_new(lines->slot_count, sizeof(lines->slot[0]));
        lines->indexed = 0;
    }
    for (; lines->indexed < lines->count; lines->indexed++) {
        const struct span *labels = &lines->cell[lines->indexed * width];
        *find_slot(lines, width, labels[0], labels[1]) = (uint32_t)lines->indexed + 1;
    }
}

static struct span *find_line(struct group_samples *lines, size_t width, struct span first,
                              struct span second)
{
    if (lines->count > FEW_LINES) {
        index_lines(lines, width);
        uint32_t line = *find_slot(lines, width, first, second);
        return line != 0 ? &lines->cell[(line - 1) * width] : NULL;
    }
    for (size_t i = 0; i < lines->count; i++) {
        if (has_labels(&lines->cell[i * width], first, second)) {
            return &lines->cell[i * width];
        }
    }
    return NULL;
}

// A new line, whose labels no other has. NULL beyond the limit.
static struct span *add_line(struct samples *samples, enum group group, struct span first,
                             struct span second)
{
    struct group_samples *lines = &samples->group[group];
    size_t width = stride(group);
    size_t limit = group == GROUP_HISTOGRAM ? HISTOGRAMS_MAX : LINES_MAX;
    if (lines->count >= limit || samples->line_count >= LINES_OF_NODE_MAX) {
        return NULL;
    }
    samples->line_count++;
    if (lines->capacity == 0) {
        lines->capacity = usual_lines[group];
        lines->cell = mem_new(lines->capacity, width * sizeof(lines->cell[0]));
    }
    lines->cell =
        mem_grow(lines->cell, lines->count, &lines->capacity, width * sizeof(lines->cell[0]));
    struct span *cells = &lines->cell[lines->count++ * width];
    usual_lines[group] = lines->count;
    memset(cells, 0, width * sizeof(cells[0]));
    cells[0] = first;
    cells[1] = second;
    return cells;
}

// The line with these labels, new or not: a page must not repeat a series, whatever the node sends.
// NULL beyond the limit.
static struct span *line_with(struct samples *samples, enum group group, struct span first,
                              struct span second)
{
    struct span *cells = find_line(&samples->group[group], stride(group), first, second);
    return cells != NULL ? cells : add_line(samples, group, first, second);
}

// --- the parts of a line's value ---

static int find_column(enum group group, struct span part)
{
    const struct group_rows *rows = &group_rows[group];
    for (size_t i = 0; i < rows->count; i++) {
        if (span_is(part, reply_metrics[rows->row[i]].field)) {
            return (int)i;
        }
    }
    return NO_COLUMN;
}

static void set_cell(struct span *cells, enum group group, int column, struct value value)
{
    if (column != NO_COLUMN) {
        const struct metric *row = &reply_metrics[group_rows[group].row[column]];
        cells[CELLS_BEFORE + column] = accept(row, value);
    }
}

void samples_set_part(struct samples *samples, enum group group, struct span first,
                      struct span second, struct span part, struct span value)
{
    struct span *cells = line_with(samples, group, first, second);
    if (cells != NULL) {
        set_cell(cells, group, find_column(group, part), unknown(value));
    }
}

// "p99.9", as a server writes it: 0 to 100, without needless zeros or an exponent. Otherwise two of
// them, such as p50 and p50.0, would be one series.
static bool is_percentile(struct span key)
{
    double percent;
    struct buf text = BUF_EMPTY;
    if (key.length < 2 || key.at[0] != 'p') {
        return false;
    }
    struct span number = span_skip(key, 1);
    if (span_number_length(number) != number.length || !span_f64(number, &percent) ||
        percent > 100) {
        return false;
    }
    buf_f64(&text, percent);
    bool plain = span_equals(buf_view(&text), number);
    buf_free(&text);
    return plain;
}

// Takes the next part off the front of `rest`, the one of that number of its value; NULL at the
// end. What is known about its name comes back: it was read at the same place before, as a rule.
static const struct part *next_part(enum group group, size_t number, struct span *rest,
                                    struct span *out_name, struct value *out)
{
    static struct part stranger;
    struct part *part = number < PARTS_LEARNED ? &learned[group][number] : &stranger;
    if (part->length > 0 && span_starts(*rest, span_make(part->name, part->length))) {
        *out_name = span_make(rest->at, part->length - 1);
        *rest = span_skip(*rest, part->length);
        if (!cut_number(rest, ",", out)) {
            *out = unknown(span_make(rest->at, 0));
            span_cut(rest, ',', &out->text);
        }
        return part;
    }
    struct line line;
    if (!lines_next_part(rest, &line)) {
        return NULL;
    }
    *out_name = line.key;
    *out = unknown(line.value);
    // Quantiles are learned once: labels are rendered for the number of a part.
    if (line.key.length == 0 || line.key.length >= PART_BYTES_MAX ||
        (group == GROUP_QUANTILE && part->length > 0)) {
        part = &stranger;
    }
    *part = (struct part){.column = find_column(group, line.key),
                          .is_percentile = group == GROUP_QUANTILE && is_percentile(line.key)};
    if (part != &stranger) {
        memcpy(part->name, line.key.at, line.key.length);
        part->name[line.key.length] = '=';
        part->length = line.key.length + 1;
    }
    return part;
}

// A line whose value is "part=number,part=number".
static void set_parts(struct span *cells, enum group group, struct span parts)
{
    struct span name;
    struct value value;
    const struct part *part;
    for (size_t i = 0; cells != NULL; i++) {
        if ((part = next_part(group, i, &parts, &name, &value)) == NULL) {
            break;
        }
        set_cell(cells, group, part->column, value);
    }
}

// A replica that syncs over two channels has two lines; the one of type rdb-channel is the extra.
static void read_replica(struct samples *samples, struct span value)
{
    struct span ip = {NULL, 0};
    struct span port = {NULL, 0};
    struct span type = {NULL, 0};
    lines_find_part(value, SPAN("ip"), &ip);
    lines_find_part(value, SPAN("port"), &port);
    lines_find_part(value, SPAN("type"), &type);
    if (!span_is(type, "rdb-channel")) {
        set_parts(line_with(samples, GROUP_REPLICA, ip, port), GROUP_REPLICA, value);
    }
}

static void read_module(struct samples *samples, struct span value)
{
    struct span name;
    if (lines_find_part(value, SPAN("name"), &name)) {
        samples_set_part(samples, GROUP_MODULE, name, SPAN(""), SPAN(""), value);
    }
}

// The server's percent as a fraction, as a label of ours has it: 99.9 is 0.999.
static struct span render_quantile(struct key *key, size_t number, struct span percent)
{
    struct buf fraction = BUF_EMPTY;
    if (number < KEY_RENDERED_MAX && key->rendered[number].length > 0) {
        return key->rendered[number];
    }
    buf_shifted(&fraction, percent, -2);
    struct span rendered = dictionary_render(key, number, buf_view(&fraction));
    buf_free(&fraction);
    return rendered;
}

// Whether the lines from that number on surely lack this percent: many are not looked through.
static bool lacks_percent(const struct samples *samples, size_t from, struct span percent)
{
    const struct group_samples *lines = &samples->group[GROUP_QUANTILE];
    size_t end = from + FEW_LINES;
    while (from < lines->count && from < end &&
           !span_equals(lines->cell[from * stride(GROUP_QUANTILE) + 1], percent)) {
        from++;
    }
    return from == lines->count;
}

// One line a quantile. `is_new`: there is none of this command yet.
static void read_quantiles(struct samples *samples, struct key *key, bool is_new, struct span parts)
{
    struct span name;
    struct value value;
    const struct part *part;
    size_t before = samples->group[GROUP_QUANTILE].count;
    for (size_t i = 0; (part = next_part(GROUP_QUANTILE, i, &parts, &name, &value)) != NULL; i++) {
        if (!part->is_percentile) {
            continue;
        }
        struct span percent = span_skip(name, 1);
        struct span *cells = is_new && lacks_percent(samples, before, percent)
                                 ? add_line(samples, GROUP_QUANTILE, key->label[0], percent)
                                 : line_with(samples, GROUP_QUANTILE, key->label[0], percent);
        if (cells == NULL) {
            return;
        }
        set_cell(cells, GROUP_QUANTILE, 0, value);
        cells[RENDERED] = part->length > 0 ? render_quantile(key, i, percent) : cells[RENDERED];
    }
}

// --- lines ---

// Whether these samples have no line of this key yet; asked once for each line. A second reply of
// the same source may repeat any.
static bool is_new_key(const struct samples *samples, struct key *key, bool again)
{
    bool is_new = key->kept && !again && key->reader != samples->number;
    key->reader = samples->number;
    return is_new;
}

static struct span *line_of(struct samples *samples, struct key *key, bool is_new)
{
    struct span *cells = is_new ? add_line(samples, key->group, key->label[0], key->label[1])
                                : line_with(samples, key->group, key->label[0], key->label[1]);
    if (cells != NULL) {
        cells[RENDERED] = dictionary_render(key, 0, SPAN(""));
    }
    return cells;
}

static void read_group(struct samples *samples, struct key *key, bool again, struct value value)
{
    bool is_new = is_new_key(samples, key, again);
    if (key->group == GROUP_QUANTILE) {
        read_quantiles(samples, key, is_new, value.text);
    } else if (key->group == GROUP_REPLICA) {
        read_replica(samples, value.text);
    } else if (key->group == GROUP_MODULE) {
        read_module(samples, value.text);
    } else if (key->source == FROM_INFO) {
        set_parts(line_of(samples, key, is_new), key->group, value.text);
    } else {
        struct span *cells = line_of(samples, key, is_new);
        if (cells != NULL) {
            set_cell(cells, key->group, 0, value);
        }
    }
}

static void set_value(struct samples *samples, size_t row, struct value value)
{
    samples->value[row] =
        row < reply_metric_count ? accept(&reply_metrics[row], value) : value.text;
}

// Takes the next line off the front of `rest`. What the dictionary expects after `before` is
// compared first. NULL at the end.
static struct key *next_line(enum source source, struct key *before, struct span *rest,
                             struct value *out)
{
    struct key *guess = before->follower;
    struct line line;
    while (rest->length > 0 && (rest->at[0] == '\r' || rest->at[0] == '\n')) {
        *rest = span_skip(*rest, 1);
    }
    if (guess != NULL && rest->length > guess->text.length && rest->at[guess->text.length] == ':' &&
        span_starts(*rest, guess->text)) {
        struct span after = span_skip(*rest, guess->text.length + 1);
        *rest = after;
        if (cut_number(rest, "\r\n", out)) {
            return guess;
        }
        *out = unknown(after);
        span_cut(rest, '\n', &out->text);
        out->text.length -= out->text.length > 0 && span_last(out->text) == '\r' ? 1 : 0;
        return guess;
    }
    if (!lines_next(rest, &line)) {
        return NULL;
    }
    struct key *key = dictionary_learn(source, line.key);
    before->follower = key->kept ? key : before->follower;
    *out = unknown(line.value);
    return key;
}

void samples_read(struct samples *samples, enum source source, struct span text)
{
    struct key *key = dictionary_start(source);
    struct value value;
    bool again = samples->read[source];
    samples->read[source] = true;
    while ((key = next_line(source, key, &text, &value)) != NULL) {
        if (key->kind == KEY_ROW) {
            set_value(samples, key->row, value);
        } else if (key->kind == KEY_GROUP) {
            read_group(samples, key, again, value);
        }
    }
}

void samples_set(struct samples *samples, enum source source, struct span field, struct span value)
{
    size_t row = dictionary_row(source, field);
    if (row != DICTIONARY_NONE) {
        set_value(samples, row, unknown(value));
    }
}

void samples_add_labelled(struct samples *samples, enum source source, struct span field,
                          struct span labels, struct span value)
{
    size_t row = dictionary_row(source, field);
    struct span accepted =
        row < reply_metric_count ? accept(&reply_metrics[row], unknown(value)) : span_make(NULL, 0);
    if (accepted.length > 0) {
        series_add(&samples->series, row, labels, accepted);
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
    size_t row = dictionary_row(source, field);
    return row != DICTIONARY_NONE ? samples->value[row] : span_make(NULL, 0);
}

const struct span *samples_labels(const struct samples *samples, enum group group, size_t index)
{
    return &samples->group[group].cell[index * stride(group)];
}

struct span samples_cell(const struct samples *samples, const struct metric *row, size_t index)
{
    return samples_labels(samples, row->group,
                          index)[CELLS_BEFORE + column_of[row - reply_metrics]];
}

struct span samples_rendered(const struct samples *samples, enum group group, size_t index)
{
    return samples_labels(samples, group, index)[RENDERED];
}

const struct span *samples_find_line(struct samples *samples, enum group group,
                                     const struct span *labels)
{
    return find_line(&samples->group[group], stride(group), labels[0], labels[1]);
}

struct span samples_line_value(const struct span *line)
{
    return line[CELLS_BEFORE];
}

// The cell of a line whose row has this field; length 0 when absent.
static struct span part_of(const struct span *line, enum group group, struct span part)
{
    int column = line != NULL ? find_column(group, part) : NO_COLUMN;
    return column != NO_COLUMN ? line[CELLS_BEFORE + column] : span_make(NULL, 0);
}

struct span samples_part(const struct samples *samples, enum group group, size_t index,
                         struct span part)
{
    return part_of(samples_labels(samples, group, index), group, part);
}

struct span samples_command_part(struct samples *samples, struct span command, struct span part)
{
    struct span labels[GROUP_LABELS_MAX] = {command, {NULL, 0}};
    return part_of(samples_find_line(samples, GROUP_COMMAND, labels), GROUP_COMMAND, part);
}
