#include "base/arena.h"

#include <stdalign.h>
#include <stdlib.h>

#include "base/mem.h"

enum { BLOCK_BYTES = 4096 };

struct arena_block {
    struct arena_block *older;
    size_t used;
    size_t size;
    alignas(max_align_t) char bytes[];
};

static size_t round_up(size_t size)
{
    const size_t unit = alignof(max_align_t);
    return (size + unit - 1) / unit * unit;
}

static struct arena_block *block_with_room(struct arena *arena, size_t length)
{
    struct arena_block *block = arena->block;
    if (block != NULL && block->size - block->used >= length) {
        return block;
    }
    size_t size = length > BLOCK_BYTES ? round_up(length) : BLOCK_BYTES;
    block = mem_new(1, sizeof(*block) + size);
    block->older = arena->block;
    block->size = size;
    arena->block = block;
    return block;
}

void *arena_new(struct arena *arena, size_t size)
{
    if (arena->block != NULL) {
        arena->block->used = round_up(arena->block->used);
    }
    struct arena_block *block = block_with_room(arena, size);
    void *at = block->bytes + block->used;
    block->used += size;
    return at;
}

struct span arena_copy(struct arena *arena, struct span text)
{
    struct arena_block *block = block_with_room(arena, text.length);
    char *copy = block->bytes + block->used;
    if (text.length > 0) {
        memcpy(copy, text.at, text.length);
    }
    block->used += text.length;
    return span_make(copy, text.length);
}

static struct span copy_digits(struct arena *arena, uint64_t magnitude, bool negative)
{
    char digits[21];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude > 0);
    if (negative) {
        digits[--at] = '-';
    }
    return arena_copy(arena, span_make(digits + at, sizeof(digits) - at));
}

struct span arena_i64(struct arena *arena, int64_t value)
{
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    return copy_digits(arena, magnitude, value < 0);
}

struct span arena_u64(struct arena *arena, uint64_t value)
{
    return copy_digits(arena, value, false);
}

void arena_free(struct arena *arena)
{
    while (arena->block != NULL) {
        struct arena_block *older = arena->block->older;
        free(arena->block);
        arena->block = older;
    }
}
