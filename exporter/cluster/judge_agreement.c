// Whether the views agree: on slots, on epochs, on who belongs to the cluster.
#include <stdlib.h>

#include "base/mem.h"
#include "cluster/judgement.h"

static int by_number(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static size_t count_distinct(uint64_t *numbers, size_t count)
{
    size_t distinct = 0;
    qsort(numbers, count, sizeof(numbers[0]), by_number);
    for (size_t i = 0; i < count; i++) {
        distinct += i == 0 || numbers[i] != numbers[i - 1];
    }
    return distinct;
}

static void count_slot_maps(struct judgement *all)
{
    uint64_t *maps = mem_new(all->count, sizeof(maps[0]));
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++) {
        const struct view *view = all->input[i].view;
        if (view != NULL) {
            maps[count++] = view->slot_map;
            all->health->handshakes = view->handshakes > all->health->handshakes
                                          ? view->handshakes
                                          : all->health->handshakes;
        }
    }
    all->health->slot_maps = count_distinct(maps, count);
    free(maps);
}

// Epoch 0 is what a master has before its first one. A service without epochs may give all masters
// the same: then all of them are equal, which is no collision of two.
static void count_epoch_collisions(struct judgement *all)
{
    uint64_t *epochs = mem_new(all->count, sizeof(epochs[0]));
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++) {
        const struct view *view = all->input[i].view;
        const struct node_line *self = view != NULL ? &view->self->node : NULL;
        if (self != NULL && (self->flags & NODE_MASTER) && self->config_epoch > 0) {
            epochs[count++] = self->config_epoch;
        }
    }
    size_t distinct = count_distinct(epochs, count); // it sorts them
    for (size_t i = 0; i < count && !(distinct == 1 && count > 2); i++) {
        all->health->epoch_collisions +=
            (i > 0 && epochs[i] == epochs[i - 1]) || (i + 1 < count && epochs[i] == epochs[i + 1]);
    }
    free(epochs);
}

static bool knows_others(const struct view *view)
{
    for (size_t i = 0; i < view->count; i++) {
        if (!(view->line[i].node.flags & (NODE_MYSELF | NODE_HANDSHAKE))) {
            return true;
        }
    }
    return false;
}

// How many views each group has, by its number. One that lists nobody else, as of a node that was
// reset, says nothing about the others.
static size_t *count_group_views(const struct judgement *all)
{
    size_t *views = mem_new(all->count + 1, sizeof(views[0]));
    for (size_t i = 0; i < all->count; i++) {
        const struct view *view = all->input[i].view;
        views[all->health->node[i].group] += view != NULL && knows_others(view);
    }
    return views;
}

static void judge_membership(struct judgement *all)
{
    struct health *health = all->health;
    size_t *views = count_group_views(all);
    for (size_t i = 0; i < all->count; i++) {
        struct node_verdict *verdict = &health->node[i];
        const struct view *view = all->input[i].view;
        bool others = health->views > (view != NULL ? 1 : 0);
        bool alone = view != NULL && (!knows_others(view) || verdict->seen_by <= 1);
        health->groups += verdict->group == i && verdict->known;
        verdict->isolated = others && alone;
        verdict->partially_known =
            verdict->known && !verdict->isolated && verdict->seen_by < views[verdict->group];
        health->isolated += verdict->isolated;
        health->partially_known += verdict->partially_known;
    }
    free(views);
}

static void count_states(struct judgement *all)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct cluster_info *info = &all->input[i].info;
        bool master = all->health->node[i].known && all->health->node[i].role == ROLE_MASTER;
        all->health->states += info->known && master;
        all->health->states_fail += info->known && master && !info->state_ok;
    }
}

void judge_agreement(struct judgement *all)
{
    count_slot_maps(all);
    count_epoch_collisions(all);
    judge_membership(all);
    count_states(all);
}
