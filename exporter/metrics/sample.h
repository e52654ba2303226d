// What one node's replies say, sorted into the catalog's rows: slices of the replies, no copies.
#pragma once

#include "metrics/metric.h"

// The lines of one group: each has its label values and one cell for each of the group's rows.
struct group_samples {
    struct span *cell; // [line * stride + 0..GROUP_LABELS_MAX-1] labels, then the rows' values
    size_t count;
    size_t capacity;
};

struct samples {
    struct span *value; // one for each row; length 0: absent
    struct group_samples group[GROUP_COUNT];
};

struct samples *samples_new(void);
void samples_free(struct samples *samples); // NULL is fine

// Sorts a reply of key:value lines in. Borrows `text`, which must outlive the samples. Values that
// their row cannot take (no number where one is wanted) are left out.
void samples_read(struct samples *samples, enum source source, struct span text);

// The value of a row without labels; length 0 when absent.
struct span samples_value(const struct samples *samples, const struct metric *row);

// Line `index` of a group's row: the label values, one for each label name of the group, and the
// value, which may be absent.
const struct span *samples_labels(const struct samples *samples, enum group group, size_t index);
struct span samples_cell(const struct samples *samples, const struct metric *row, size_t index);
