#include "base/edit_distance.h"

enum { LENGTH_MAX = 64 };

// Rows of the table of distances between beginnings of the two words: of the one before the last,
// the last, and this one.
struct rows {
    size_t older[LENGTH_MAX + 1];
    size_t old[LENGTH_MAX + 1];
    size_t now[LENGTH_MAX + 1];
};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void fill_row(struct rows *rows, struct span a, struct span b, size_t i)
{
    rows->now[0] = i;
    for (size_t j = 1; j <= b.length; j++) {
        size_t changed = rows->old[j - 1] + (a.at[i - 1] != b.at[j - 1] ? 1 : 0);
        rows->now[j] = least(changed, least(rows->old[j], rows->now[j - 1]) + 1);
        bool swapped = i > 1 && j > 1 && a.at[i - 1] == b.at[j - 2] && a.at[i - 2] == b.at[j - 1];
        if (swapped) {
            rows->now[j] = least(rows->now[j], rows->older[j - 2] + 1);
        }
    }
    memcpy(rows->older, rows->old, sizeof(rows->old));
    memcpy(rows->old, rows->now, sizeof(rows->now));
}

size_t edit_distance(struct span a, struct span b, size_t limit)
{
    struct rows rows = {.older = {0}};
    if (a.length > LENGTH_MAX || b.length > LENGTH_MAX) {
        return limit + 1;
    }
    for (size_t j = 0; j <= b.length; j++) {
        rows.old[j] = j;
    }
    for (size_t i = 1; i <= a.length; i++) {
        fill_row(&rows, a, b, i);
    }
    return least(rows.old[b.length], limit + 1);
}
