#include "redis/cluster_info.h"

#include <stddef.h>

struct place {
    const char *name;
    size_t offset;
};

#define AT(member) offsetof(struct cluster_info, member)

static const struct place places[] = {
    {"cluster_slots_assigned", AT(slots_assigned)}, {"cluster_slots_ok", AT(slots_ok)},
    {"cluster_slots_pfail", AT(slots_pfail)},       {"cluster_slots_fail", AT(slots_fail)},
    {"cluster_known_nodes", AT(known_nodes)},       {"cluster_size", AT(size)},
    {"cluster_current_epoch", AT(current_epoch)},   {"cluster_my_epoch", AT(my_epoch)},
};

enum { PLACES = sizeof(places) / sizeof(places[0]) };

static int64_t *field(struct cluster_info *info, size_t place)
{
    return (int64_t *)(void *)((char *)info + places[place].offset);
}

struct cluster_info cluster_info_parse(struct span text)
{
    struct cluster_info info = {.known = false};
    struct line line;
    for (size_t i = 0; i < PLACES; i++) {
        *field(&info, i) = -1;
    }
    while (lines_next(&text, &line)) {
        if (span_is(line.key, "cluster_state")) {
            info.known = true;
            info.state_ok = span_is(line.value, "ok");
        }
        for (size_t i = 0; i < PLACES; i++) {
            if (span_is(line.key, places[i].name)) {
                span_i64(line.value, field(&info, i));
            }
        }
    }
    return info;
}

bool cluster_info_agree(const struct cluster_info *a, const struct cluster_info *b)
{
    return a->known == b->known && a->state_ok == b->state_ok &&
           a->slots_assigned == b->slots_assigned && a->slots_ok == b->slots_ok &&
           a->slots_pfail == b->slots_pfail && a->slots_fail == b->slots_fail &&
           a->known_nodes == b->known_nodes && a->size == b->size &&
           a->current_epoch == b->current_epoch;
}
