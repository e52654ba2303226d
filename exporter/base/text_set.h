// A set of texts, each with a number that tells texts of different kinds apart. It copies what it
// takes, keeps the order, and is freed whole.
#pragma once

#include "base/arena.h"

struct text_entry {
    size_t number;
    struct span text;
};

struct text_set {
    struct text_entry *entry;
    size_t count;
    size_t capacity;
    uint32_t *slot; // hash -> index + 1
    size_t slot_count;
    struct arena arena;
};

// False when it was in the set already.
bool text_set_add(struct text_set *set, size_t number, struct span text);
bool text_set_has(const struct text_set *set, size_t number, struct span text);

// Leaves it empty, for use again.
void text_set_clear(struct text_set *set);
