#include "cluster/key_walks.h"

#include <stdlib.h>

#include "base/mem.h"

struct key_walks *key_walks_new(const struct key_checks *checks)
{
    struct key_walks *walks = mem_new(1, sizeof(*walks));
    walks->walk = mem_new(checks->count, sizeof(walks->walk[0]));
    walks->count = checks->count;
    return walks;
}

static void clear(struct key_walks *walks)
{
    for (size_t i = 0; i < walks->count; i++) {
        text_set_clear(&walks->walk[i].found);
        text_set_clear(&walks->walk[i].keys);
        walks->walk[i] = (struct key_walk){.under_way = false};
    }
    key_walks_forget_refusals(walks);
}

void key_walks_free(struct key_walks *walks)
{
    if (walks != NULL) {
        clear(walks);
        free(walks->walk);
        free(walks);
    }
}

void key_walks_set_process(struct key_walks *walks, struct span run_id)
{
    if (!span_is(run_id, walks->run_id)) {
        clear(walks);
        span_copy(run_id, walks->run_id, sizeof(walks->run_id));
    }
}

void key_walks_deny(struct key_walks *walks, size_t number, struct span key)
{
    if (walks->denied.count >= DENIED_MAX) {
        text_set_clear(&walks->denied);
    }
    text_set_add(&walks->denied, number, key);
}

void key_walks_forget_refusals(struct key_walks *walks)
{
    text_set_clear(&walks->no_database);
    text_set_clear(&walks->denied);
}

size_t key_walks_found(const struct key_walks *walks)
{
    size_t found = 0;
    for (size_t i = 0; i < walks->count; i++) {
        const struct key_walk *walk = &walks->walk[i];
        found += walk->under_way ? walk->found.count : walk->keys.count;
    }
    return found;
}

void key_walk_begin(struct key_walk *walk, int64_t now_us)
{
    text_set_clear(&walk->found);
    walk->under_way = true;
    walk->matches = 0;
    walk->began_us = now_us;
    span_copy(SPAN("0"), walk->cursor, sizeof(walk->cursor));
}

void key_walk_complete(struct key_walk *walk, int64_t now_us)
{
    text_set_clear(&walk->keys);
    walk->keys = walk->found;
    walk->found = (struct text_set){.count = 0};
    walk->total = walk->matches;
    walk->duration_us = now_us - walk->began_us;
    walk->complete = true;
    walk->under_way = false;
}
