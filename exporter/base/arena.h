// Memory that is given out in pieces and freed at once.
#pragma once

#include "base/span.h"

struct arena_block;

struct arena {
    struct arena_block *block; // the newest; NULL while nothing was asked for
};

// Gives `size` zeroed bytes, aligned for anything, that stay until arena_free.
void *arena_new(struct arena *arena, size_t size);

// Gives a copy of the text that stays where it is until arena_free.
struct span arena_copy(struct arena *arena, struct span text);

// The same of a number's decimal text.
struct span arena_i64(struct arena *arena, int64_t value);
struct span arena_u64(struct arena *arena, uint64_t value);

void arena_free(struct arena *arena);
