#include "cluster/health.h"

#include <stdlib.h>

#include "base/mem.h"
#include "cluster/ids.h"

// What the peers say that a node is: master, or replica of whom.
struct claim {
    const struct view_line *line;
    size_t votes;
};

enum { CLAIMS_MAX = 4 }; // different ones about one node; more are not counted

// What the views say about one node, counted.
struct tally {
    struct claim claim[CLAIMS_MAX];
    size_t claim_count;
    size_t listed;
    size_t master_voters; // readable masters other than itself that list it
    size_t master_fail;
    size_t master_pfail;
    size_t voters; // the same, of all readable nodes
    size_t fail;
    size_t pfail;
    size_t noaddr;
};

struct judgement {
    struct health_input *input; // those given, then nodes that only the views know
    size_t count;
    size_t capacity;
    struct ids *ids;
    struct tally *tally;
    struct health *health;
    int owner[SLOT_COUNT];
};

static const char *const role_names[] = {"master", "replica"};
static const char *const health_names[] = {"ok",     "pfail",       "fail",
                                           "noaddr", "unreachable", "loading"};

const char *node_role_name(enum node_role role)
{
    return role_names[role];
}

const char *node_health_name(enum node_health health)
{
    return health_names[health];
}

// Nodes without an address are never asked and so have no input, but they are nodes. Those that
// are still shaking hands are not: their ids are made up.
static void add_unasked(struct judgement *all, const struct view *view)
{
    for (size_t i = 0; i < view->count; i++) {
        const struct node_line *line = &view->line[i].node;
        if ((line->flags & NODE_HANDSHAKE) || ids_get(all->ids, line->id) != IDS_NONE) {
            continue;
        }
        all->input = mem_grow(all->input, all->count, &all->capacity, sizeof(all->input[0]));
        all->input[all->count] = (struct health_input){.id = line->id};
        ids_put(all->ids, line->id, (int)all->count++);
    }
}

static void collect_nodes(struct judgement *all, const struct health_input *input, size_t count)
{
    all->ids = ids_new(count);
    all->capacity = count + 1;
    all->input = mem_new(all->capacity, sizeof(all->input[0]));
    memcpy(all->input, input, count * sizeof(input[0]));
    all->count = count;
    for (size_t i = 0; i < count; i++) {
        ids_put(all->ids, input[i].id, (int)i);
    }
    for (size_t i = 0; i < count; i++) {
        if (input[i].view != NULL) {
            add_unasked(all, input[i].view);
        }
    }
}

static bool same_claim(const struct node_line *a, const struct node_line *b)
{
    return (a->flags & NODE_REPLICA) == (b->flags & NODE_REPLICA) &&
           strcmp(a->master_id, b->master_id) == 0;
}

static void add_claim(struct tally *tally, const struct view_line *line)
{
    size_t i = 0;
    while (i < tally->claim_count && !same_claim(&tally->claim[i].line->node, &line->node)) {
        i++;
    }
    if (i == CLAIMS_MAX) {
        return;
    }
    if (i == tally->claim_count) {
        tally->claim[tally->claim_count++] = (struct claim){line, 0};
    }
    struct claim *claim = &tally->claim[i];
    claim->votes++;
    if (line->node.config_epoch > claim->line->node.config_epoch) {
        claim->line = line;
    }
}

// By votes, then epoch, then id, so that the order of the views does not matter.
static bool is_stronger(const struct claim *a, const struct claim *b)
{
    const struct node_line *left = &a->line->node;
    const struct node_line *right = &b->line->node;
    if (a->votes != b->votes) {
        return a->votes > b->votes;
    }
    if (left->config_epoch != right->config_epoch) {
        return left->config_epoch > right->config_epoch;
    }
    return strcmp(left->master_id, right->master_id) < 0;
}

static const struct view_line *strongest_claim(const struct tally *tally)
{
    const struct claim *best = NULL;
    for (size_t i = 0; i < tally->claim_count; i++) {
        if (best == NULL || is_stronger(&tally->claim[i], best)) {
            best = &tally->claim[i];
        }
    }
    return best != NULL ? best->line : NULL;
}

static void count_line(struct judgement *all, size_t reporter, const struct view_line *line)
{
    int subject = ids_get(all->ids, line->node.id);
    if (subject == IDS_NONE) {
        return;
    }
    struct tally *tally = &all->tally[subject];
    unsigned flags = line->node.flags;
    bool by_master = all->input[reporter].view->self->node.flags & NODE_MASTER;
    tally->listed++;
    if ((size_t)subject == reporter) {
        return;
    }
    bool fail = flags & NODE_FAIL;
    bool pfail = !fail && (flags & NODE_PFAIL);
    add_claim(tally, line);
    tally->noaddr += flags & NODE_NOADDR ? 1 : 0;
    tally->voters++;
    tally->fail += fail;
    tally->pfail += pfail;
    tally->master_voters += by_master;
    tally->master_fail += by_master && fail;
    tally->master_pfail += by_master && pfail;
}

static void count_views(struct judgement *all)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct view *view = all->input[i].view;
        all->health->views += view != NULL;
        for (size_t j = 0; view != NULL && j < view->count; j++) {
            count_line(all, i, &view->line[j]);
        }
    }
}

static bool is_majority(size_t votes, size_t voters)
{
    return votes * 2 > voters;
}

static enum node_health judge_health(const struct health_input *input, const struct tally *tally,
                                     const struct node_verdict *verdict)
{
    if (verdict->failed) {
        return HEALTH_FAIL;
    }
    if (is_majority(tally->noaddr, tally->voters)) {
        return HEALTH_NOADDR;
    }
    if (verdict->suspected) {
        return HEALTH_PFAIL;
    }
    if (!input->reachable) {
        return HEALTH_UNREACHABLE;
    }
    return input->loading ? HEALTH_LOADING : HEALTH_OK;
}

// A failed node is suspected too, as far as the count of votes goes: the flags "fail?" of some
// masters and "fail" of others are one suspicion.
static void judge_node(struct judgement *all, size_t index)
{
    const struct health_input *input = &all->input[index];
    const struct tally *tally = &all->tally[index];
    struct node_verdict *verdict = &all->health->node[index];
    bool masters = tally->master_voters > 0;
    size_t voters = masters ? tally->master_voters : tally->voters;
    size_t fail = masters ? tally->master_fail : tally->fail;
    size_t pfail = masters ? tally->master_pfail : tally->pfail;
    verdict->known = tally->listed > 0;
    verdict->failed = is_majority(fail, voters);
    verdict->suspected = !verdict->failed && is_majority(fail + pfail, voters);
    verdict->line = input->view != NULL ? input->view->self : strongest_claim(tally);
    verdict->lag_bytes = -1;
    verdict->master = NO_NODE;
    if (!verdict->known) {
        return;
    }
    bool replica = (verdict->line->node.flags & NODE_REPLICA) != 0;
    verdict->role = replica ? ROLE_REPLICA : ROLE_MASTER;
    verdict->health = judge_health(input, tally, verdict);
    verdict->master = replica ? ids_get(all->ids, verdict->line->node.master_id) : NO_NODE;
    all->health->nodes[verdict->role][verdict->health]++;
}

static void claim_slots(struct judgement *all, const struct view_line *line, int owner)
{
    for (size_t i = 0; i < line->range_count; i++) {
        for (size_t slot = line->range[i].first; slot <= line->range[i].last; slot++) {
            int other = all->owner[slot];
            // Two masters that claim the same slot: the newer configuration is the one that wins.
            if (other == NO_NODE ||
                all->input[other].view->self->node.config_epoch < line->node.config_epoch) {
                all->owner[slot] = owner;
            }
        }
    }
}

static void take_own_claims(struct judgement *all)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct view *view = all->input[i].view;
        if (view != NULL && (view->self->node.flags & NODE_MASTER)) {
            claim_slots(all, view->self, (int)i);
        }
    }
}

struct vote {
    int owner;
    size_t votes;
    uint64_t epoch;
};

enum { VOTES_MAX = 8 }; // different owners that views name for one slot; more are not counted

struct ballot {
    struct vote vote[VOTES_MAX];
    size_t count;
};

static void cast(struct ballot *ballot, int owner, uint64_t epoch)
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
    ballot->vote[i].votes++;
    ballot->vote[i].epoch = epoch > ballot->vote[i].epoch ? epoch : ballot->vote[i].epoch;
}

// Votes for the slots that no readable master claims. A vote for a master that can be read and does
// not claim the slot is void: it knows better.
static void cast_votes(struct judgement *all, const struct view_line *line, struct ballot *ballots)
{
    int owner = ids_get(all->ids, line->node.id);
    if (owner == IDS_NONE || all->input[owner].view != NULL) {
        return;
    }
    for (size_t i = 0; i < line->range_count; i++) {
        for (size_t slot = line->range[i].first; slot <= line->range[i].last; slot++) {
            if (all->owner[slot] == NO_NODE) {
                cast(&ballots[slot], owner, line->node.config_epoch);
            }
        }
    }
}

static int winner(const struct ballot *ballot)
{
    const struct vote *best = NULL;
    for (size_t i = 0; i < ballot->count; i++) {
        const struct vote *vote = &ballot->vote[i];
        if (best == NULL || vote->votes > best->votes ||
            (vote->votes == best->votes && vote->epoch > best->epoch)) {
            best = vote;
        }
    }
    return best != NULL ? best->owner : NO_NODE;
}

static bool all_slots_are_claimed(const struct judgement *all)
{
    for (size_t slot = 0; slot < SLOT_COUNT; slot++) {
        if (all->owner[slot] == NO_NODE) {
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
    struct ballot *ballots = mem_new(SLOT_COUNT, sizeof(ballots[0]));
    for (size_t i = 0; i < all->count; i++) {
        const struct view *view = all->input[i].view;
        for (size_t j = 0; view != NULL && j < view->count; j++) {
            cast_votes(all, &view->line[j], ballots);
        }
    }
    for (size_t slot = 0; slot < SLOT_COUNT; slot++) {
        if (all->owner[slot] == NO_NODE) {
            all->owner[slot] = winner(&ballots[slot]);
        }
    }
    free(ballots);
}

static void count_slots(struct judgement *all)
{
    struct health *health = all->health;
    for (size_t slot = 0; slot < SLOT_COUNT; slot++) {
        int owner = all->owner[slot];
        if (owner == NO_NODE) {
            health->slots_unassigned++;
            continue;
        }
        struct node_verdict *verdict = &health->node[owner];
        bool reachable = all->input[owner].reachable;
        verdict->slots++;
        if (verdict->failed) {
            health->slots_owner_failed++;
        } else if (verdict->suspected && !reachable) {
            health->slots_owner_suspected++;
        } else {
            health->slots_covered++;
            health->slots_unreachable += !reachable;
        }
    }
}

static bool is_at(const struct replica_line *replica, const struct node_line *node)
{
    return replica->port == node->port && span_equals(replica->ip, node->host);
}

// The master's offset and the replica's acknowledged one stand in the same reply, so that no time
// passes between them. Only an online replica has an offset that means anything.
static int64_t lag_of(const struct replication *master, const struct node_line *node)
{
    struct span rest = master->text;
    struct replica_line replica;
    int64_t lag = -1;
    size_t matches = 0;
    while (replication_next(&rest, &replica)) {
        if (!is_at(&replica, node) || replica.channel_only) {
            continue;
        }
        if (++matches > 1) {
            return -1; // two replicas behind one address cannot be told apart
        }
        if (span_is(replica.state, "online") && replica.offset > 0 && master->master_offset >= 0) {
            int64_t behind = master->master_offset - replica.offset;
            lag = behind > 0 ? behind : 0;
        }
    }
    return lag;
}

static void measure_lag(struct judgement *all)
{
    for (size_t i = 0; i < all->count; i++) {
        struct node_verdict *verdict = &all->health->node[i];
        if (!verdict->known || verdict->role != ROLE_REPLICA || verdict->master == NO_NODE) {
            continue;
        }
        const struct replication *master = all->input[verdict->master].replication;
        if (master != NULL && !master->is_replica) {
            verdict->lag_bytes = lag_of(master, &verdict->line->node);
        }
    }
}

struct health *health_judge(const struct health_input *input, size_t count)
{
    struct judgement *all = mem_new(1, sizeof(*all));
    struct health *health = mem_new(1, sizeof(*health));
    collect_nodes(all, input, count);
    all->tally = mem_new(all->count, sizeof(all->tally[0]));
    all->health = health;
    health->count = all->count;
    health->node = mem_new(all->count, sizeof(health->node[0]));
    for (size_t slot = 0; slot < SLOT_COUNT; slot++) {
        all->owner[slot] = NO_NODE;
    }
    count_views(all);
    for (size_t i = 0; i < all->count; i++) {
        judge_node(all, i);
    }
    take_own_claims(all);
    fill_by_vote(all);
    count_slots(all);
    measure_lag(all);
    ids_free(all->ids);
    free(all->input);
    free(all->tally);
    free(all);
    return health;
}

void health_free(struct health *health)
{
    if (health != NULL) {
        free(health->node);
        free(health);
    }
}
