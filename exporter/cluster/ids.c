#include "cluster/ids.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

struct entry {
    const char *id; // NULL: free
    int number;
};

struct ids {
    struct entry *entry;
    size_t capacity; // a power of two, at least twice `count`
    size_t count;
};

static struct entry *find(const struct ids *ids, const char *id)
{
    size_t at = hash_text(span_of(id), 0) & (ids->capacity - 1);
    while (ids->entry[at].id != NULL && strcmp(ids->entry[at].id, id) != 0) {
        at = (at + 1) & (ids->capacity - 1);
    }
    return &ids->entry[at];
}

struct ids *ids_new(size_t count_expected)
{
    struct ids *ids = mem_new(1, sizeof(*ids));
    ids->capacity = 16;
    while (ids->capacity < count_expected * 2) {
        ids->capacity *= 2;
    }
    ids->entry = mem_new(ids->capacity, sizeof(ids->entry[0]));
    return ids;
}

void ids_free(struct ids *ids)
{
    if (ids != NULL) {
        free(ids->entry);
        free(ids);
    }
}

static void grow(struct ids *ids)
{
    struct ids larger = {.capacity = ids->capacity * 2};
    larger.entry = mem_new(larger.capacity, sizeof(larger.entry[0]));
    for (size_t i = 0; i < ids->capacity; i++) {
        if (ids->entry[i].id != NULL) {
            *find(&larger, ids->entry[i].id) = ids->entry[i];
        }
    }
    free(ids->entry);
    ids->entry = larger.entry;
    ids->capacity = larger.capacity;
}

void ids_put(struct ids *ids, const char *id, int number)
{
    if (id[0] == '\0') {
        return;
    }
    if ((ids->count + 1) * 2 > ids->capacity) {
        grow(ids);
    }
    struct entry *entry = find(ids, id);
    if (entry->id == NULL) {
        *entry = (struct entry){id, number};
        ids->count++;
    }
}

int ids_get(const struct ids *ids, const char *id)
{
    const struct entry *entry = find(ids, id);
    return entry->id != NULL ? entry->number : IDS_NONE;
}
