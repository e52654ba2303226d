#include "metrics/series.h"

#include <stdlib.h>

#include "base/mem.h"

void series_add(struct series_set *set, size_t row, struct span labels, struct span value)
{
    size_t index = set->name.count;
    if (index >= SERIES_MAX || !text_set_add(&set->name, row, labels)) {
        return;
    }
    set->value = mem_grow(set->value, index, &set->capacity, sizeof(set->value[0]));
    set->value[index] = arena_copy(&set->name.arena, value);
}

void series_free(struct series_set *set)
{
    text_set_clear(&set->name);
    free(set->value);
}
