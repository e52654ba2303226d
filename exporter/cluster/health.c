#include "cluster/health.h"

#include <stdlib.h>

#include "base/mem.h"
#include "cluster/blocs.h"
#include "cluster/judgement.h"

// What peers say about a node: what it is (master, or replica of whom), or where.
struct opinion {
    const struct view_line *line;
    size_t votes;
};

enum { OPINIONS_MAX = 4 }; // different ones about one node; more are not counted

struct opinions {
    struct opinion opinion[OPINIONS_MAX];
    size_t count;
    size_t votes; // in all
};

// What the views say about one node, counted.
struct tally {
    struct opinions claims;
    struct opinions places;
    size_t listed;
    size_t last_bloc;     // that lists it, its number plus 1
    size_t master_voters; // readable masters other than itself that list it
    size_t master_fail;
    size_t master_pfail;
    size_t voters; // the same, of all readable nodes
    size_t fail;
    size_t pfail;
    size_t noaddr;
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
}

static struct blocs collect_blocs(struct judgement *all)
{
    const struct view **view = mem_new(all->count, sizeof(view[0]));
    for (size_t i = 0; i < all->count; i++) {
        view[i] = all->input[i].view;
    }
    struct blocs blocs = blocs_new(view, all->count);
    free(view);
    for (size_t i = 0; i < blocs.count; i++) {
        add_unasked(all, blocs.bloc[i].view);
    }
    return blocs;
}

// --- groups of nodes that know each other ---

static size_t group_of(const struct judgement *all, size_t node)
{
    struct node_verdict *verdicts = all->health->node;
    while (verdicts[node].group != node) {
        verdicts[node].group = verdicts[verdicts[node].group].group;
        node = verdicts[node].group;
    }
    return node;
}

static void unite(struct judgement *all, size_t a, size_t b)
{
    size_t low = group_of(all, a);
    size_t high = group_of(all, b);
    all->health->node[low > high ? low : high].group = low > high ? high : low;
}

// --- what the views say about each node ---

static bool same_claim(const struct node_line *a, const struct node_line *b)
{
    return (a->flags & NODE_REPLICA) == (b->flags & NODE_REPLICA) &&
           strcmp(a->master_id, b->master_id) == 0;
}

static bool same_place(const struct node_line *a, const struct node_line *b)
{
    return a->port == b->port && span_equals(a->host, b->host);
}

// Of two lines that say the same: by epoch, else by whatever differs, so that the order of the
// views does not matter.
static bool is_better(const struct node_line *a, const struct node_line *b)
{
    int hosts = span_order(a->host, b->host);
    int names = span_order(a->hostname, b->hostname);
    if (a->config_epoch != b->config_epoch) {
        return a->config_epoch > b->config_epoch;
    }
    if (hosts != 0 || names != 0) {
        return hosts != 0 ? hosts > 0 : names > 0;
    }
    return a->port != b->port ? a->port > b->port : a->flags > b->flags;
}

static void add_opinion(struct opinions *opinions, const struct view_line *line, size_t votes,
                        bool (*same)(const struct node_line *a, const struct node_line *b))
{
    size_t i = 0;
    while (i < opinions->count && !same(&opinions->opinion[i].line->node, &line->node)) {
        i++;
    }
    opinions->votes += votes;
    if (i == OPINIONS_MAX) {
        return;
    }
    struct opinion *opinion = &opinions->opinion[i];
    if (i == opinions->count) {
        opinions->count++;
        *opinion = (struct opinion){line, 0};
    }
    opinion->votes += votes;
    if (is_better(&line->node, &opinion->line->node)) {
        opinion->line = line;
    }
}

// By votes, then epoch, then id, so that the order of the views does not matter.
static bool is_stronger(const struct opinion *a, const struct opinion *b)
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
    const struct opinion *best = NULL;
    for (size_t i = 0; i < tally->claims.count; i++) {
        if (best == NULL || is_stronger(&tally->claims.opinion[i], best)) {
            best = &tally->claims.opinion[i];
        }
    }
    return best != NULL ? best->line : NULL;
}

// Where most peers hold that the node is; NULL when no majority agrees.
static const struct node_line *agreed_place(const struct tally *tally)
{
    for (size_t i = 0; i < tally->places.count; i++) {
        if (is_majority(tally->places.opinion[i].votes, tally->places.votes)) {
            return &tally->places.opinion[i].line->node;
        }
    }
    return NULL;
}

static bool is_link_down(const struct node_line *line)
{
    return !line->link_connected && !(line->flags & (NODE_FAIL | NODE_PFAIL | NODE_NOADDR));
}

static void count_link_down(struct judgement *all, const struct bloc *bloc, size_t subject)
{
    for (size_t i = 0; i < bloc->count; i++) {
        all->health->node[bloc->teller[i]].links_down += bloc->teller[i] != subject;
    }
}

static bool is_master(const struct view *view)
{
    return view->self->node.flags & NODE_MASTER;
}

// What a bloc says of one node; what the node itself says of it is no vote.
static void count_votes(struct judgement *all, const struct blocs *blocs, size_t number,
                        size_t subject, const struct view_line *line)
{
    const struct bloc *bloc = &blocs->bloc[number];
    struct tally *tally = &all->tally[subject];
    unsigned flags = line->node.flags;
    size_t votes = bloc_votes(blocs, number, subject);
    size_t masters = bloc->masters - (votes < bloc->count && is_master(all->input[subject].view));
    bool fail = flags & NODE_FAIL;
    bool pfail = !fail && (flags & NODE_PFAIL);
    if (line->node.host.length > 0 && !(flags & NODE_NOADDR)) {
        add_opinion(&tally->places, line, votes, same_place);
    }
    if (is_link_down(&line->node)) {
        count_link_down(all, bloc, subject);
    }
    add_opinion(&tally->claims, line, votes, same_claim);
    tally->noaddr += flags & NODE_NOADDR ? votes : 0;
    tally->voters += votes;
    tally->fail += fail ? votes : 0;
    tally->pfail += pfail ? votes : 0;
    tally->master_voters += masters;
    tally->master_fail += fail ? masters : 0;
    tally->master_pfail += pfail ? masters : 0;
}

// Views that list a node more than once have one vote each about it all the same: their first.
static void count_line(struct judgement *all, const struct blocs *blocs, size_t number,
                       const struct view_line *line)
{
    const struct bloc *bloc = &blocs->bloc[number];
    int subject = ids_get(all->ids, line->node.id);
    struct tally *tally = subject != IDS_NONE ? &all->tally[subject] : NULL;
    if (tally == NULL || tally->last_bloc == number + 1) {
        return;
    }
    tally->last_bloc = number + 1;
    tally->listed += bloc->count;
    unite(all, bloc->teller[0], (size_t)subject);
    if (bloc_votes(blocs, number, (size_t)subject) > 0) {
        count_votes(all, blocs, number, (size_t)subject, line);
    }
}

static void count_bloc(struct judgement *all, const struct blocs *blocs, size_t number)
{
    const struct bloc *bloc = &blocs->bloc[number];
    all->health->views += bloc->count;
    for (size_t i = 1; i < bloc->count; i++) {
        unite(all, bloc->teller[0], bloc->teller[i]);
    }
    for (size_t i = 0; i < bloc->view->count; i++) {
        count_line(all, blocs, number, &bloc->view->line[i]);
    }
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

static void judge_place(struct node_verdict *verdict, const struct health_input *input,
                        const struct tally *tally)
{
    const struct node_line *own = input->view != NULL ? &input->view->self->node : NULL;
    CHECK(verdict->line != NULL); // it is known
    const struct node_line *place = agreed_place(tally);
    verdict->address_mismatch = UNKNOWN;
    if (own != NULL && own->host.length > 0 && place != NULL) {
        verdict->address_mismatch = same_place(own, place) ? NO : YES;
    }
    verdict->host = place != NULL ? place->host : verdict->line->node.host;
    if (verdict->host.length == 0 && input->host != NULL) {
        verdict->host = span_of(input->host);
    }
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
    verdict->master = NO_NODE;
    verdict->address_mismatch = UNKNOWN;
    verdict->seen_by = tally->listed;
    verdict->fail_reporters = tally->master_fail;
    verdict->pfail_reporters = tally->master_pfail;
    verdict->master_reporters = tally->master_voters;
    if (!verdict->known) {
        return;
    }
    judge_place(verdict, input, tally);
    bool replica = (verdict->line->node.flags & NODE_REPLICA) != 0;
    verdict->role = replica ? ROLE_REPLICA : ROLE_MASTER;
    verdict->health = judge_health(input, tally, verdict);
    verdict->master = replica ? ids_get(all->ids, verdict->line->node.master_id) : NO_NODE;
    all->health->nodes[verdict->role][verdict->health]++;
}

struct health *health_judge(const struct health_input *input, size_t count)
{
    struct judgement *all = mem_new(1, sizeof(*all));
    struct health *health = mem_new(1, sizeof(*health));
    collect_nodes(all, input, count);
    struct blocs blocs = collect_blocs(all);
    all->tally = mem_new(all->count, sizeof(all->tally[0]));
    all->health = health;
    health->given = count;
    health->count = all->count;
    health->node = mem_new(all->count, sizeof(health->node[0]));
    health->id = mem_new(all->count, sizeof(health->id[0]));
    for (size_t i = 0; i < all->count; i++) {
        health->id[i] = all->input[i].id;
    }
    for (size_t i = 0; i < all->count; i++) {
        health->node[i].group = i;
    }
    for (size_t i = 0; i < blocs.count; i++) {
        count_bloc(all, &blocs, i);
    }
    for (size_t i = 0; i < all->count; i++) {
        judge_node(all, i);
    }
    for (size_t i = 0; i < all->count; i++) {
        health->node[i].group = group_of(all, i);
    }
    judge_slots(all);
    judge_agreement(all);
    judge_replication(all);
    judge_redundancy(all);
    judge_fleet(all);
    blocs_free(&blocs);
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
        free(health->id);
        free(health->conflicting);
        free(health->open);
        free(health->host);
        free(health);
    }
}
