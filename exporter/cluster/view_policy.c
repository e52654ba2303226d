#include "cluster/view_policy.h"

#include <stdlib.h>

#include "base/mem.h"

bool view_policy_is_partial(const struct cluster *cluster)
{
    return cluster->options.full_views > 0 && cluster->count > cluster->options.full_views;
}

static int by_last_view(const void *a, const void *b)
{
    const struct member *left = *(struct member *const *)a;
    const struct member *right = *(struct member *const *)b;
    return left->view_scrape < right->view_scrape ? -1 : left->view_scrape > right->view_scrape;
}

// Odd views and others have half of the limit each, so that neither waits for the other.
void view_policy_plan(struct cluster *cluster)
{
    bool partial = view_policy_is_partial(cluster);
    for (size_t i = 0; i < cluster->count; i++) {
        cluster->member[i]->asks_view = !partial;
    }
    if (!partial) {
        return;
    }
    size_t left[] = {(cluster->options.full_views + 1) / 2, cluster->options.full_views / 2};
    struct member **order = mem_new(cluster->count, sizeof(order[0]));
    memcpy(order, cluster->member, cluster->count * sizeof(order[0]));
    qsort(order, cluster->count, sizeof(order[0]), by_last_view);
    for (size_t i = 0; i < cluster->count; i++) {
        size_t *room = &left[order[i]->odd_view ? 1 : 0];
        order[i]->asks_view = *room > 0;
        *room -= *room > 0;
    }
    free(order);
}

// The running majority vote of Boyer and Moore: right where there is a majority, and any of the
// candidates where there is none.
static const struct cluster_info *find_common(const struct cluster_info *info, size_t count)
{
    const struct cluster_info *common = NULL;
    size_t lead = 0;
    for (size_t i = 0; i < count; i++) {
        if (!info[i].known) {
            continue;
        }
        if (lead == 0) {
            common = &info[i];
            lead = 1;
        } else {
            lead += cluster_info_agree(common, &info[i]) ? 1 : (size_t)-1;
        }
    }
    return common;
}

size_t view_policy_find_odd(const struct cluster_info *info, size_t count, bool *out)
{
    const struct cluster_info *common = find_common(info, count);
    size_t odd = 0;
    for (size_t i = 0; i < count; i++) {
        out[i] = info[i].known && !cluster_info_agree(common, &info[i]);
        odd += out[i];
    }
    return odd;
}

uint64_t view_policy_common_map(const struct health_input *input, size_t count)
{
    uint64_t common = 0;
    size_t lead = 0;
    for (size_t i = 0; i < count; i++) {
        if (input[i].view == NULL) {
            continue;
        }
        if (lead == 0) {
            common = input[i].view->slot_map;
            lead = 1;
        } else {
            lead += common == input[i].view->slot_map ? 1 : (size_t)-1;
        }
    }
    return common;
}

void view_policy_note(struct member *member, const struct view *view, uint64_t common_slot_map)
{
    member->odd_view = view->slot_map != common_slot_map || view->open_count > 0;
    member->view_scrape = member->cluster->scrapes + 1;
}
