// Samples whose labels come out of replies, for rows of which one node can have many: a key each, a
// stream each. Those with one or two labels, of which a whole line comes at once, are groups
// instead (sample.h).
#pragma once

#include "base/text_set.h"

struct series_set {
    struct text_set name; // the row of the catalog, and the rendered labels: name="value",...
    struct span *value;   // of each
    size_t capacity;
};

enum { SERIES_MAX = 100000 }; // of one node

// Copies labels and value. A page must not repeat a series: the first value stays. Nothing is added
// beyond SERIES_MAX.
void series_add(struct series_set *set, size_t row, struct span labels, struct span value);

void series_free(struct series_set *set);
