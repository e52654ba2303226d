#include "cluster/blocs.h"

#include <stdlib.h>

#include "base/mem.h"

static size_t bloc_of(struct blocs *blocs, const struct view *view)
{
    size_t i = 0;
    while (i < blocs->count && blocs->bloc[i].view->opinion != view->opinion) {
        i++;
    }
    if (i == blocs->count) {
        blocs->bloc[blocs->count++] = (struct bloc){.view = view};
    }
    return i;
}

// The tellers of one bloc stand side by side.
static void group_tellers(struct blocs *blocs)
{
    size_t *next = mem_new(blocs->count, sizeof(next[0]));
    size_t used = 0;
    for (size_t i = 0; i < blocs->count; i++) {
        blocs->bloc[i].teller = &blocs->teller[used];
        next[i] = used;
        used += blocs->bloc[i].count;
    }
    for (size_t i = 0; i < blocs->views; i++) {
        if (blocs->of[i] != BLOC_NONE) {
            blocs->teller[next[blocs->of[i]]++] = i;
        }
    }
    free(next);
}

struct blocs blocs_new(const struct view *const *view, size_t count)
{
    struct blocs blocs = {.bloc = mem_new(count, sizeof(blocs.bloc[0])),
                          .of = mem_new(count, sizeof(blocs.of[0])),
                          .views = count,
                          .teller = mem_new(count, sizeof(blocs.teller[0]))};
    for (size_t i = 0; i < count; i++) {
        blocs.of[i] = view[i] != NULL ? bloc_of(&blocs, view[i]) : BLOC_NONE;
        if (view[i] != NULL) {
            blocs.bloc[blocs.of[i]].count++;
            blocs.bloc[blocs.of[i]].masters += (view[i]->self->node.flags & NODE_MASTER) != 0;
        }
    }
    group_tellers(&blocs);
    return blocs;
}

void blocs_free(struct blocs *blocs)
{
    free(blocs->bloc);
    free(blocs->of);
    free(blocs->teller);
}

size_t bloc_votes(const struct blocs *blocs, size_t bloc, size_t subject)
{
    bool tells_itself = subject < blocs->views && blocs->of[subject] == bloc;
    return blocs->bloc[bloc].count - (tells_itself ? 1 : 0);
}
