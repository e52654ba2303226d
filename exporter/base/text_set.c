#include "base/text_set.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"

static uint32_t *find(const struct text_set *set, size_t number, struct span text)
{
    size_t at = hash_text(text, number) & (set->slot_count - 1);
    while (set->slot[at] != 0) {
        const struct text_entry *known = &set->entry[set->slot[at] - 1];
        if (known->number == number && span_equals(known->text, text)) {
            break;
        }
        at = (at + 1) & (set->slot_count - 1);
    }
    return &set->slot[at];
}

static void make_room(struct text_set *set)
{
    if ((set->count + 1) * 2 <= set->slot_count) {
        return;
    }
    free(set->slot);
    set->slot_count = set->slot_count > 0 ? set->slot_count * 4 : 64;
    set->slot = mem_new(set->slot_count, sizeof(set->slot[0]));
    for (size_t i = 0; i < set->count; i++) {
        *find(set, set->entry[i].number, set->entry[i].text) = (uint32_t)i + 1;
    }
}

bool text_set_add(struct text_set *set, size_t number, struct span text)
{
    make_room(set);
    uint32_t *slot = find(set, number, text);
    if (*slot != 0) {
        return false;
    }
    set->entry = mem_grow(set->entry, set->count, &set->capacity, sizeof(set->entry[0]));
    set->entry[set->count++] = (struct text_entry){number, arena_copy(&set->arena, text)};
    *slot = (uint32_t)set->count;
    return true;
}

bool text_set_has(const struct text_set *set, size_t number, struct span text)
{
    return set->count > 0 && *find(set, number, text) != 0;
}

void text_set_clear(struct text_set *set)
{
    free(set->entry);
    free(set->slot);
    arena_free(&set->arena);
    *set = (struct text_set){.count = 0};
}
