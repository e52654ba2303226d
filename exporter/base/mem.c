#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

_Noreturn void check_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "redis_cluster_exporter: internal error: %s at %s:%d\n", condition, file, line);
    abort();
}

// Nothing that runs at exit could do without memory.
_Noreturn void mem_exhausted(void)
{
    fputs("redis_cluster_exporter: out of memory\n", stderr);
    _exit(EXIT_NO_MEMORY);
}

static void *or_die(void *memory, size_t bytes)
{
    if (memory == NULL) {
        fprintf(stderr, "redis_cluster_exporter: out of memory: no %zu bytes to be had\n", bytes);
        _exit(EXIT_NO_MEMORY);
    }
    return memory;
}

// Blocks larger than any usual reply still come from the system and go back at once; growing, they
// are moved without being copied.
void mem_keep_freed(void)
{
#ifdef __GLIBC__
    enum { LARGE_BLOCK = 1 << 20, KEPT_AT_MOST = 1 << 30 };
    mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
    mallopt(M_TRIM_THRESHOLD, KEPT_AT_MOST);
    mallopt(M_TOP_PAD, 1 << 20);
#endif
}

void mem_give_back(void)
{
#ifdef __GLIBC__
    enum { WORTH_THE_TROUBLE = 4 << 20 };
    if (mallinfo2().fordblks > WORTH_THE_TROUBLE) {
        malloc_trim(0);
    }
#endif
}

void *mem_new(size_t count, size_t size)
{
    return or_die(calloc(count > 0 ? count : 1, size), count * size);
}

void *mem_resize(void *old, size_t count, size_t size)
{
    CHECK(size == 0 || count <= SIZE_MAX / size);
    size_t bytes = count * size;
    return or_die(realloc(old, bytes > 0 ? bytes : 1), bytes);
}

char *mem_copy(const char *text, size_t length)
{
    char *copy = or_die(malloc(length + 1), length + 1);
    if (length > 0) {
        memcpy(copy, text, length);
    }
    copy[length] = '\0';
    return copy;
}

void *mem_grow(void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) {
        return array;
    }
    *capacity = *capacity > 0 ? *capacity * 2 : 8;
    return mem_resize(array, *capacity, size);
}
