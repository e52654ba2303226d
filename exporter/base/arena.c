#include "base/arena.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"

enum { BLOCK_BYTES = 4096 };

struct arena_block {
    struct arena_block *older;
    size_t used;
    size_t size;
    char bytes[];
};

static struct arena_block *block_with_room(struct arena *arena, size_t length)
{
    struct arena_block *block = arena->block;
    if (block != NULL && block->size - block->used >= length) {
        return block;
    }
    size_t size = length > BLOCK_BYTES ? length : BLOCK_BYTES;
    block = mem_new(1, sizeof(*block) + size);
    block->older = arena->block;
    block->size = size;
    arena->block = block;
    return block;
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

struct span arena_i64(struct arena *arena, int64_t value)
{
    struct buf text = BUF_EMPTY;
    buf_i64(&text, value);
    struct span copy = arena_copy(arena, buf_view(&text));
    buf_free(&text);
    return copy;
}

struct span arena_u64(struct arena *arena, uint64_t value)
{
    struct buf text = BUF_EMPTY;
    buf_format(&text, "%" PRIu64, value);
    struct span copy = arena_copy(arena, buf_view(&text));
    buf_free(&text);
    return copy;
}

void arena_free(struct arena *arena)
{
    while (arena->block != NULL) {
        struct arena_block *older = arena->block->older;
        free(arena->block);
        arena->block = older;
    }
}
