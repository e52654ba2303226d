// Who owns each slot, which slots are served, and which are on their way.
#include <stdlib.h>

#include "base/mem.h"
#include "cluster/judgement.h"

static void note_conflict(struct health *health, size_t slot)
{
    if (health->conflicting == NULL) {
        health->conflicting = mem_new(SLOT_COUNT, sizeof(health->conflicting[0]));
    }
    health->slots_conflicting += !health->conflicting[slot];
    health->conflicting[slot] = true;
}

static const struct view_line *own_master_line(const struct judgement *all, int node)
{
    const struct view *view = node != NO_NODE ? all->input[node].view : NULL;
    return view != NULL && (view->self->node.flags & NODE_MASTER) ? view->self : NULL;
}

// Of two masters that claim the same slot: the newer configuration is the one that wins. Where all
// epochs are the same, the smaller id, as when servers settle a collision of epochs.
static bool outranks(const struct judgement *all, int a, int b)
{
    uint64_t left = all->health->node[a].line->node.config_epoch;
    uint64_t right = all->health->node[b].line->node.config_epoch;
    return left != right ? left > right : strcmp(all->input[a].id, all->input[b].id) < 0;
}

// `other` holds the slot so far. A master that the others have given up, and that can be read all
// the same, was cut off: its claim is void where they name a newer owner.
static bool is_void(const struct judgement *all, int claimant, int other)
{
    return all->health->node[claimant].failed && !all->health->node[other].failed &&
           all->health->node[claimant].line->node.config_epoch <=
               all->health->node[other].line->node.config_epoch;
}

// Another one has claimed it, or this one already.
static void contest_slot(struct judgement *all, size_t slot, int claimant)
{
    int *owner = &all->health->owner[slot];
    if (*owner == claimant || is_void(all, claimant, *owner)) {
        return;
    }
    if (own_master_line(all, *owner) != NULL) {
        note_conflict(all->health, slot);
    }
    if (outranks(all, claimant, *owner)) {
        *owner = claimant;
    }
}

static void take_line(struct judgement *all, int claimant, const struct view_line *own)
{
    int *owner = all->health->owner;
    for (size_t i = 0; i < own->range_count; i++) {
        for (size_t slot = own->range[i].first; slot <= own->range[i].last; slot++) {
            if (owner[slot] == NO_NODE) {
                owner[slot] = claimant;
            } else {
                contest_slot(all, slot, claimant);
            }
        }
    }
}

// What masters claim on their own lines; those that most others hold for failed come apart.
static void take_claims(struct judgement *all, bool failed)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct view_line *own = own_master_line(all, (int)i);
        if (own != NULL && all->health->node[i].failed == failed) {
            take_line(all, (int)i, own);
        }
    }
}

// Views of one and the same slot map, which vote together: of many views nearly all are.
struct bloc {
    const struct view *view; // one of them
    size_t votes;            // how many they are
};

struct vote {
    int owner;
    size_t last_bloc; // its number plus 1
    size_t votes;
};

enum { VOTES_MAX = 8 }; // different owners that views name for one slot; more are not counted

struct ballot {
    struct vote vote[VOTES_MAX];
    size_t count;
};

// What the votes are counted with.
struct poll {
    struct bloc *bloc;
    size_t bloc_count;
    struct ballot *ballot; // of each slot
    uint64_t *epoch;       // of each node, the highest that a view names
};

static void join_bloc(struct poll *poll, const struct view *view)
{
    size_t i = 0;
    while (i < poll->bloc_count && poll->bloc[i].view->slot_map != view->slot_map) {
        i++;
    }
    if (i == poll->bloc_count) {
        poll->bloc[poll->bloc_count++] = (struct bloc){view, 0};
    }
    poll->bloc[i].votes++;
}

// A view votes once, however often it names the owner.
static void cast(struct ballot *ballot, size_t bloc, size_t votes, int owner)
{
    size_t i = 0;
    while (i < ballot->count && ballot->vote[i].owner != owner) {
        i++;
    }
    if (i == VOTES_MAX) {
        return;
    }
    if (i == ballot->count) {
        ballot->vote[ballot->count++] = (struct vote){owner, 0, 0};
    }
    struct vote *vote = &ballot->vote[i];
    vote->votes += vote->last_bloc != bloc + 1 ? votes : 0;
    vote->last_bloc = bloc + 1;
}

// Whom the line votes for, or NO_NODE. A vote for a master that can be read and does not claim the
// slot is void: it knows better.
static int candidate(const struct judgement *all, const struct view_line *line)
{
    int owner = line->range_count > 0 ? ids_get(all->ids, line->node.id) : IDS_NONE;
    return owner == IDS_NONE || all->input[owner].view != NULL ? NO_NODE : owner;
}

// Votes for the slots that no readable master claims.
static void cast_votes(const struct judgement *all, struct poll *poll, size_t bloc,
                       const struct view_line *line)
{
    int owner = candidate(all, line);
    for (size_t i = 0; owner != NO_NODE && i < line->range_count; i++) {
        for (size_t slot = line->range[i].first; slot <= line->range[i].last; slot++) {
            if (all->health->owner[slot] == NO_NODE) {
                cast(&poll->ballot[slot], bloc, poll->bloc[bloc].votes, owner);
            }
        }
    }
}

static void note_epochs(const struct judgement *all, struct poll *poll, const struct view *view)
{
    for (size_t i = 0; i < view->count; i++) {
        const struct node_line *line = &view->line[i].node;
        int node = view->line[i].range_count > 0 ? ids_get(all->ids, line->id) : IDS_NONE;
        if (node != IDS_NONE && line->config_epoch > poll->epoch[node]) {
            poll->epoch[node] = line->config_epoch;
        }
    }
}

// Of two owners with as many votes.
static bool is_preferred(const struct judgement *all, const struct poll *poll, int a, int b)
{
    uint64_t left = poll->epoch[a];
    uint64_t right = poll->epoch[b];
    return left != right ? left > right : strcmp(all->input[a].id, all->input[b].id) < 0;
}

static bool is_stronger(const struct judgement *all, const struct poll *poll, const struct vote *a,
                        const struct vote *b)
{
    return a->votes != b->votes ? a->votes > b->votes : is_preferred(all, poll, a->owner, b->owner);
}

static int winner(const struct judgement *all, const struct poll *poll, size_t slot)
{
    const struct ballot *ballot = &poll->ballot[slot];
    const struct vote *best = NULL;
    for (size_t i = 0; i < ballot->count; i++) {
        if (best == NULL || is_stronger(all, poll, &ballot->vote[i], best)) {
            best = &ballot->vote[i];
        }
    }
    return best != NULL ? best->owner : NO_NODE;
}

static void count_votes(struct judgement *all, struct poll *poll)
{
    poll->ballot = mem_new(SLOT_COUNT, sizeof(poll->ballot[0]));
    for (size_t i = 0; i < poll->bloc_count; i++) {
        for (size_t j = 0; j < poll->bloc[i].view->count; j++) {
            cast_votes(all, poll, i, &poll->bloc[i].view->line[j]);
        }
    }
    for (size_t slot = 0; slot < SLOT_COUNT; slot++) {
        if (all->health->owner[slot] == NO_NODE) {
            all->health->owner[slot] = winner(all, poll, slot);
        }
    }
    free(poll->ballot);
}

static void follow_line(struct judgement *all, const struct poll *poll,
                        const struct view_line *line, const bool *open)
{
    int *owner = all->health->owner;
    int named = candidate(all, line);
    for (size_t i = 0; named != NO_NODE && i < line->range_count; i++) {
        for (size_t slot = line->range[i].first; slot <= line->range[i].last; slot++) {
            bool unnamed = owner[slot] == NO_NODE;
            if (open[slot] && (unnamed || is_preferred(all, poll, named, owner[slot]))) {
                owner[slot] = named;
            }
        }
    }
}

// Where all views agree, as they nearly always do, it is as this one says.
static void follow(struct judgement *all, const struct poll *poll, const struct view *view)
{
    bool *open = mem_new(SLOT_COUNT, sizeof(open[0])); // for whoever it names
    for (size_t slot = 0; slot < SLOT_COUNT; slot++) {
        open[slot] = all->health->owner[slot] == NO_NODE;
    }
    for (size_t i = 0; i < view->count; i++) {
        follow_line(all, poll, &view->line[i], open);
    }
    free(open);
}

static bool all_slots_are_claimed(const struct judgement *all)
{
    for (size_t slot = 0; slot < SLOT_COUNT; slot++) {
        if (all->health->owner[slot] == NO_NODE) {
            return false;
        }
    }
    return true;
}

static void fill_by_vote(struct judgement *all)
{
    if (all_slots_are_claimed(all)) {
        return;
    }
    struct poll poll = {.bloc = mem_new(all->count, sizeof(poll.bloc[0])),
                        .epoch = mem_new(all->count, sizeof(poll.epoch[0]))};
    for (size_t i = 0; i < all->count; i++) {
        if (all->input[i].view != NULL) {
            join_bloc(&poll, all->input[i].view);
            note_epochs(all, &poll, all->input[i].view);
        }
    }
    if (poll.bloc_count == 1) {
        follow(all, &poll, poll.bloc[0].view);
    } else if (poll.bloc_count > 1) {
        count_votes(all, &poll);
    }
    free(poll.bloc);
    free(poll.epoch);
}

// `slots` more that have this owner.
static void count_owned(struct judgement *all, int owner, size_t slots)
{
    struct health *health = all->health;
    struct node_verdict *verdict = &health->node[owner];
    bool reachable = all->input[owner].reachable;
    verdict->slots += slots;
    if (verdict->failed) {
        health->slots_owner_failed += slots;
    } else if (verdict->suspected && !reachable) {
        health->slots_owner_suspected += slots;
    } else {
        health->slots_covered += slots;
        health->slots_unreachable += reachable ? 0 : slots;
    }
}

static void count_slots(struct judgement *all)
{
    const int *owner = all->health->owner;
    size_t end;
    for (size_t first = 0; first < SLOT_COUNT; first = end) {
        end = first + 1;
        while (end < SLOT_COUNT && owner[end] == owner[first]) {
            end++;
        }
        if (owner[first] == NO_NODE) {
            all->health->slots_unassigned += end - first;
        } else {
            count_owned(all, owner[first], end - first);
        }
    }
}

// --- open slots ---

// Whether the other side can be read and does not know of it. A replica never does: it only
// repeats its master's.
static bool is_unpaired(const struct judgement *all, int node, const struct open_slot *open)
{
    int peer = ids_get(all->ids, open->peer);
    const struct view *view = peer != NO_NODE ? all->input[peer].view : NULL;
    if (view == NULL) {
        return false;
    }
    for (size_t i = 0; own_master_line(all, peer) != NULL && i < view->open_count; i++) {
        const struct open_slot *other = &view->open[i];
        if (other->slot == open->slot && other->importing != open->importing &&
            strcmp(other->peer, all->input[node].id) == 0) {
            return false;
        }
    }
    return true;
}

static void add_open(struct judgement *all, int node, const struct open_slot *open,
                     size_t *capacity)
{
    struct health *health = all->health;
    bool unpaired = is_unpaired(all, node, open);
    health->slots_importing += open->importing;
    health->slots_migrating += !open->importing;
    health->slots_unpaired += unpaired;
    health->open = mem_grow(health->open, health->open_count, capacity, sizeof(health->open[0]));
    health->open[health->open_count++] = (struct health_open){node, *open, unpaired};
}

// Of masters only: since Valkey 8 a replica's line repeats those of its master.
static void collect_open(struct judgement *all)
{
    size_t capacity = 0;
    for (size_t i = 0; i < all->count; i++) {
        const struct view *view = all->input[i].view;
        for (size_t j = 0; own_master_line(all, (int)i) != NULL && j < view->open_count; j++) {
            add_open(all, (int)i, &view->open[j], &capacity);
        }
    }
}

void judge_slots(struct judgement *all)
{
    for (size_t slot = 0; slot < SLOT_COUNT; slot++) {
        all->health->owner[slot] = NO_NODE;
    }
    take_claims(all, false);
    fill_by_vote(all);
    take_claims(all, true);
    count_slots(all);
    collect_open(all);
}
