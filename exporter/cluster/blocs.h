// Views that say the same of every node count together: where a cluster is well, all are one bloc.
#pragma once

#include "cluster/view.h"

#define BLOC_NONE SIZE_MAX

struct bloc {
    const struct view *view; // one of them
    const size_t *teller;    // who gave them, by number
    size_t count;
    size_t masters; // of the tellers, by what each says of itself
};

struct blocs {
    struct bloc *bloc; // in the order of their first views
    size_t count;
    size_t *of;   // the bloc of each view, by number; BLOC_NONE where there is none
    size_t views; // the length of that
    size_t *teller;
};

// Borrows the views, of which some may be NULL.
struct blocs blocs_new(const struct view *const *view, size_t count);
void blocs_free(struct blocs *blocs);

// How many of a bloc speak of that node as of another one; its number may be beyond the views.
size_t bloc_votes(const struct blocs *blocs, size_t bloc, size_t subject);
