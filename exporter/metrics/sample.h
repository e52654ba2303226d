// What one node's replies say, sorted into the catalog's rows: slices of the replies, no copies.
#pragma once

#include "base/arena.h"
#include "metrics/metric.h"
#include "metrics/series.h"

// The lines of one group: each has its label values and one cell for each of the group's rows.
struct group_samples {
    struct span *cell; // [line * stride + 0..GROUP_LABELS_MAX-1] labels, the same rendered, then
                       // the rows' values
    size_t count;
    size_t capacity;
    uint32_t *slot; // hash of the labels -> line + 1, made when it is needed
    size_t slot_count;
    size_t indexed; // lines that it has
};

// One command's latency histogram on the common bounds.
struct histogram {
    struct span command;
    uint64_t bucket[LATENCY_BUCKETS]; // cumulative
    uint64_t count;
};

struct samples {
    uint64_t number;         // of these samples, no others have had it
    bool read[SOURCE_COUNT]; // by samples_read
    struct span *value;      // one for each row and further field; length 0: absent
    struct group_samples group[GROUP_COUNT];
    size_t line_count; // of all groups
    struct histogram *histogram;
    size_t histogram_count;
    size_t histogram_capacity;
    struct series_set series; // of labelled sources
    struct arena arena;       // for values that no reply's text holds
};

struct samples *samples_new(void);
void samples_free(struct samples *samples); // NULL is fine

// Sorts a reply of key:value lines in. Borrows `text`, which must outlive the samples. Values that
// their row cannot take (no number where one is wanted) are left out.
void samples_read(struct samples *samples, enum source source, struct span text);

// The value of a row without labels; length 0 when absent.
struct span samples_value(const struct samples *samples, const struct metric *row);

// The same, by where the row is read from, and of further_fields too; length 0 also when there is
// neither.
struct span samples_field(const struct samples *samples, enum source source, struct span field);

// Line `index` of a group's row: the label values, one for each label name of the group, and the
// value, which may be absent.
const struct span *samples_labels(const struct samples *samples, enum group group, size_t index);
// The line with these labels: label values, then cells. NULL when there is none.
const struct span *samples_find_line(struct samples *samples, enum group group,
                                     const struct span *labels);

struct span samples_cell(const struct samples *samples, const struct metric *row, size_t index);

// The value of a line whose group has one row; may be absent.
struct span samples_line_value(const struct span *line);

// The labels of line `index` as a page of ours has them, or empty where they are not rendered yet.
struct span samples_rendered(const struct samples *samples, enum group group, size_t index);

// Sets the row of that source and field, if there is one and it can take the value. The value must
// outlive the samples, or be in their arena.
void samples_set(struct samples *samples, enum source source, struct span field, struct span value);

// Adds a sample to the row of that labelled source and field, if there is one and it can take the
// value. `labels` are rendered. Copies.
void samples_add_labelled(struct samples *samples, enum source source, struct span field,
                          struct span labels, struct span value);

// Sets one part of the group's line with these labels, which is added when it is new; `second` is
// empty where the group has one label. As above for lifetimes.
void samples_set_part(struct samples *samples, enum group group, struct span first,
                      struct span second, struct span part, struct span value);

// Adds an empty histogram; NULL when the command has one. Valid until the next one is added.
struct histogram *samples_add_histogram(struct samples *samples, struct span command);

// The value of one part of line `index` of a group; length 0 when absent.
struct span samples_part(const struct samples *samples, enum group group, size_t index,
                         struct span part);

// The value of a command's part of the commandstats, for sums: length 0 when absent.
struct span samples_command_part(struct samples *samples, struct span command, struct span part);
