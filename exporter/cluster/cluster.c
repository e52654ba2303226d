#include "cluster/cluster.h"

#include <stdlib.h>

#include "base/glob.h"
#include "base/log.h"
#include "base/mem.h"
#include "cluster/blocs.h"
#include "cluster/labels.h"

struct cluster *cluster_new(const struct cluster_options *options)
{
    CHECK(options->seed_count > 0);
    struct cluster *cluster = mem_new(1, sizeof(*cluster));
    cluster->options = *options;
    cluster->history = options->single ? NULL : history_new();
    cluster->seed_told = mem_new(options->seed_count, sizeof(cluster->seed_told[0]));
    return cluster;
}

void member_free(struct member *member)
{
    conn_free(member->conn);
    key_walks_free(member->walks);
    free(member->label);
    free(member);
}

void cluster_free(struct cluster *cluster)
{
    if (cluster == NULL) {
        return;
    }
    for (size_t i = 0; i < cluster->count; i++) {
        member_free(cluster->member[i]);
    }
    free(cluster->member);
    history_free(cluster->history);
    if (cluster->idle != NULL) {
        event_free(cluster->idle);
    }
    free(cluster->seed_told);
    free(cluster);
}

static struct member *add_member(struct cluster *cluster, const char *id,
                                 const struct address *address)
{
    struct buf label = BUF_EMPTY;
    struct member *member = mem_new(1, sizeof(*member));
    span_copy(span_of(id), member->id, sizeof(member->id));
    member->cluster = cluster;
    member->address = *address;
    member->dial = *address;
    address_add(&label, address->host, address->port);
    member->label = buf_take(&label); // until cluster_settle knows better
    cluster->member =
        mem_grow(cluster->member, cluster->count, &cluster->capacity, sizeof(cluster->member[0]));
    cluster->member[cluster->count++] = member;
    return member;
}

static struct member *find_at(const struct cluster *cluster, const struct address *address)
{
    for (size_t i = 0; i < cluster->count; i++) {
        if (address_equal(&cluster->member[i]->address, address) ||
            address_equal(&cluster->member[i]->dial, address)) {
            return cluster->member[i];
        }
    }
    return NULL;
}

static size_t count_named(const struct cluster *cluster)
{
    size_t count = 0;
    for (size_t i = 0; i < cluster->count; i++) {
        count += cluster->member[i]->id[0] != '\0';
    }
    return count;
}

static void add_seed(struct cluster *cluster, const struct address *address)
{
    struct member *member = find_at(cluster, address);
    if (member == NULL || (member->id[0] != '\0' && member->result == OUTCOME_WRONG_NODE)) {
        member = add_member(cluster, "", address);
    }
    member->is_seed = true;
}

void cluster_prepare(struct cluster *cluster)
{
    const struct cluster_options *options = &cluster->options;
    bool lost = cluster->count == 0 || cluster->lost;
    bool few = cluster->incomplete || count_named(cluster) < options->seed_count;
    for (size_t i = 0; i < options->seed_count; i++) {
        if (lost || (few && !cluster->seed_told[i])) {
            add_seed(cluster, &options->seed[i].address);
        }
    }
}

// Where the line says that the node is; false when it does not say.
static bool line_address(const struct node_line *line, struct address *out)
{
    struct span host = line->host.length > 0 ? line->host : line->hostname;
    out->port = line->port;
    return line->port != 0 && !(line->flags & NODE_NOADDR) && host.length > 0 &&
           span_copy(host, out->host, sizeof(out->host));
}

static struct ids *index_members(const struct cluster *cluster)
{
    struct ids *ids = ids_new(cluster->count + 16);
    for (size_t i = 0; i < cluster->count; i++) {
        if (!cluster->member[i]->superseded) {
            ids_put(ids, cluster->member[i]->id, (int)i);
        }
    }
    return ids;
}

static void report_cap(struct cluster *cluster)
{
    if (!cluster->cap_reported) {
        log_warn("the cluster names more nodes than are asked at most, by --cluster.max-nodes",
                 "cluster", cluster->options.name);
        cluster->cap_reported = true;
    }
}

static bool is_seed_address(const struct cluster *cluster, const struct address *address)
{
    bool found = false;
    for (size_t i = 0; !found && i < cluster->options.seed_count; i++) {
        found = address_equal(&cluster->options.seed[i].address, address);
    }
    return found;
}

bool cluster_may_ask(struct cluster *cluster, const struct address *address)
{
    const char *patterns = cluster->options.allow_nodes;
    if (patterns == NULL || is_seed_address(cluster, address)) {
        return true;
    }
    struct buf text = BUF_EMPTY;
    address_add(&text, address->host, address->port);
    char *name = buf_take(&text);
    bool allowed = glob_matches_any(patterns, name);
    if (!allowed && !cluster->fence_reported) {
        log_warn("a node is said to be where --cluster.allow-nodes lets none be asked", "cluster",
                 cluster->options.name, "address", name);
        cluster->fence_reported = true;
    }
    free(name);
    return allowed;
}

// A seed that has not answered yet may be this very node: it takes the id, so that the node is not
// asked twice.
static struct member *adopt_seed(struct cluster *cluster, const struct address *address,
                                 const char *id)
{
    struct member *seed = find_at(cluster, address);
    if (seed == NULL || seed->id[0] != '\0' || seed->superseded) {
        return NULL;
    }
    span_copy(span_of(id), seed->id, sizeof(seed->id));
    return seed;
}

static void learn_line(struct cluster *cluster, struct ids *ids, const struct node_line *line)
{
    struct address address;
    if ((line->flags & NODE_HANDSHAKE) || ids_get(ids, line->id) != IDS_NONE ||
        !line_address(line, &address) || !cluster_may_ask(cluster, &address)) {
        return;
    }
    size_t limit = cluster->options.max_nodes > 0 ? cluster->options.max_nodes : MAX_NODES_DEFAULT;
    if (cluster->count >= limit) {
        report_cap(cluster);
        return;
    }
    struct member *member = adopt_seed(cluster, &address, line->id);
    if (member == NULL) {
        member = add_member(cluster, line->id, &address);
    }
    span_copy(line->hostname, member->hostname, sizeof(member->hostname)); // its certificate's
    ids_put(ids, member->id, 0);                                           // only that it is known
}

static void note_seed_told(struct cluster *cluster, const struct member *member)
{
    for (size_t i = 0; i < cluster->options.seed_count; i++) {
        if (address_equal(&cluster->options.seed[i].address, &member->dial)) {
            cluster->seed_told[i] = true;
        }
    }
}

enum outcome cluster_learn(struct cluster *cluster, struct member *from, const struct view *view)
{
    const char *id = view->self->node.id;
    if (from->id[0] != '\0' && strcmp(from->id, id) != 0) {
        return OUTCOME_WRONG_NODE;
    }
    note_seed_told(cluster, from);
    if (from->id[0] != '\0' && view->opinion == cluster->learned) {
        return OUTCOME_OK; // another has said all this
    }
    struct ids *ids = index_members(cluster);
    if (from->id[0] == '\0') {
        from->superseded = ids_get(ids, id) != IDS_NONE; // for now; see settle_double
        span_copy(span_of(id), from->id, sizeof(from->id));
        ids_put(ids, from->id, 0);
    }
    for (size_t i = 0; i < view->count; i++) {
        learn_line(cluster, ids, &view->line[i].node);
    }
    cluster->learned = view->opinion;
    ids_free(ids);
    return OUTCOME_OK;
}

// --- the same node twice ---

// Of two members with one id, the one that answers stays, and keeps what was known of the other.
static void settle_double(struct cluster *cluster, struct member *seed)
{
    for (size_t i = 0; i < cluster->count; i++) {
        struct member *other = cluster->member[i];
        if (other->superseded || strcmp(other->id, seed->id) != 0) {
            continue;
        }
        other->is_seed = true;
        if (other->result == OUTCOME_OK || seed->result != OUTCOME_OK) {
            return;
        }
        seed->superseded = false;
        other->superseded = true;
        seed->address = other->address;
        seed->group = other->group;
        seed->seen = other->seen;
        seed->outcome = other->outcome;
        seed->refused = other->refused;
        seed->walks = other->walks;
        other->walks = NULL;
        return;
    }
}

static void settle_doubles(struct cluster *cluster)
{
    for (size_t i = 0; i < cluster->count; i++) {
        struct member *member = cluster->member[i];
        if (!member->superseded) {
            continue;
        }
        note_seed_told(cluster, member);
        if (member->id[0] != '\0') {
            settle_double(cluster, member);
        }
    }
}

// --- what the views say about each member ---

struct evidence {
    size_t listed;                     // by others
    size_t parent;                     // the same component; itself: the root of one
    const struct node_line *candidate; // for the address: a running majority vote of the peers
    size_t lead;
};

static bool same_place(const struct node_line *a, const struct node_line *b)
{
    return a->port == b->port && span_equals(a->host, b->host) &&
           span_equals(a->hostname, b->hostname);
}

static void weigh_line(struct evidence *evidence, const struct node_line *line, size_t votes)
{
    struct address address;
    evidence->listed += votes;
    if (!line_address(line, &address)) {
        return;
    }
    if (evidence->candidate != NULL && same_place(evidence->candidate, line)) {
        evidence->lead += votes;
    } else if (evidence->lead >= votes) {
        evidence->lead -= votes;
    } else {
        evidence->candidate = line;
        evidence->lead = votes - evidence->lead;
    }
}

static size_t root_of(struct evidence *evidence, size_t index)
{
    while (evidence[index].parent != index) {
        evidence[index].parent = evidence[evidence[index].parent].parent;
        index = evidence[index].parent;
    }
    return index;
}

// A superseded member says what its double says.
static const struct view *view_of(const struct member *member)
{
    return member->superseded ? NULL : member->view;
}

static void weigh_bloc(const struct blocs *blocs, size_t number, const struct ids *ids,
                       struct evidence *evidence)
{
    const struct bloc *bloc = &blocs->bloc[number];
    for (size_t i = 0; i < bloc->view->count; i++) {
        const struct node_line *line = &bloc->view->line[i].node;
        int subject = ids_get(ids, line->id);
        if (subject != IDS_NONE && !(line->flags & NODE_HANDSHAKE)) {
            size_t votes = bloc_votes(blocs, number, (size_t)subject);
            evidence[root_of(evidence, (size_t)subject)].parent =
                root_of(evidence, bloc->teller[0]);
            if (votes > 0) {
                weigh_line(&evidence[subject], line, votes);
            }
        }
    }
}

static void weigh_views(const struct cluster *cluster, struct evidence *evidence)
{
    struct ids *ids = index_members(cluster);
    const struct view **view = mem_new(cluster->count, sizeof(view[0]));
    for (size_t i = 0; i < cluster->count; i++) {
        evidence[i].parent = i;
        view[i] = view_of(cluster->member[i]);
    }
    struct blocs blocs = blocs_new(view, cluster->count);
    for (size_t i = 0; i < blocs.count; i++) {
        weigh_bloc(&blocs, i, ids, evidence);
    }
    blocs_free(&blocs);
    free(view);
    ids_free(ids);
}

// What the peers hold is right where a node does not know its own address, or still tells an old
// one. Without any, the member keeps the address at which it was reached.
static void settle_address(struct cluster *cluster, struct member *member,
                           const struct evidence *evidence)
{
    const struct view *view = view_of(member);
    const struct node_line *own = view != NULL ? &view->self->node : NULL;
    const struct node_line *line = evidence->candidate != NULL ? evidence->candidate : own;
    struct address address;
    if (line == NULL || !line_address(line, &address) || !cluster_may_ask(cluster, &address)) {
        return;
    }
    const struct node_line *named = own != NULL ? own : line;
    member->address = address;
    span_copy(named->hostname, member->hostname, sizeof(member->hostname));
}

void cluster_locate(struct cluster *cluster)
{
    if (cluster->options.single) {
        return; // what it says of a cluster does not matter
    }
    settle_doubles(cluster);
    struct evidence *evidence = mem_new(cluster->count, sizeof(evidence[0]));
    weigh_views(cluster, evidence);
    for (size_t i = 0; i < cluster->count; i++) {
        struct member *member = cluster->member[i];
        bool placed = evidence[i].listed > 0 || view_of(member) != NULL;
        member->listed = evidence[i].listed;
        member->component = placed ? root_of(evidence, i) + 1 : 0;
        settle_address(cluster, member, &evidence[i]);
    }
    free(evidence);
}

// --- who stays ---

// The others of a member's group, as it was before this scrape.
struct company {
    bool readable;
    bool is_seed;
};

static struct company company_of(const struct cluster *cluster, const struct member *member)
{
    struct company company = {false, member->is_seed};
    for (size_t i = 0; member->group != 0 && i < cluster->count; i++) {
        const struct member *other = cluster->member[i];
        if (other != member && other->group == member->group) {
            company.readable = company.readable || view_of(other) != NULL;
            company.is_seed = company.is_seed || other->is_seed;
        }
    }
    return company;
}

// For a member with an id that no readable one lists. Its group has forgotten it when anybody there
// can be read. A group that cannot be read stays as long as a configured address has led to it. A
// seed that answers stays in any case: it is to be seen that it is on its own.
static bool is_to_be_kept(const struct cluster *cluster, const struct member *member)
{
    if (member->view != NULL && member->is_seed) {
        return true;
    }
    struct company company = company_of(cluster, member);
    return !company.readable &&
           (member->view != NULL || (company.is_seed && member->result != OUTCOME_WRONG_NODE));
}

static bool shall_stay(const struct cluster *cluster, const struct member *member, size_t views,
                       size_t named)
{
    if (member->superseded) {
        return false;
    }
    if (member->id[0] == '\0') { // a seed, of use only while it answers or is all there is
        return member->result == OUTCOME_OK || named == 0;
    }
    return views == 0 || member->listed > 0 || is_to_be_kept(cluster, member);
}

static size_t count_views(const struct cluster *cluster, const bool *counted)
{
    size_t views = 0;
    for (size_t i = 0; i < cluster->count; i++) {
        views += view_of(cluster->member[i]) != NULL && (counted == NULL || counted[i]);
    }
    return views;
}

static void choose_members(const struct cluster *cluster, bool *stays)
{
    size_t views = count_views(cluster, NULL);
    size_t named = count_named(cluster);
    for (size_t i = 0; i < cluster->count; i++) {
        stays[i] = shall_stay(cluster, cluster->member[i], views, named);
    }
    if (count_views(cluster, stays) > 0) {
        return;
    }
    // All have forgotten each other: none of them is more of a member than the others.
    for (size_t i = 0; i < cluster->count; i++) {
        stays[i] = stays[i] || view_of(cluster->member[i]) != NULL;
    }
}

static void drop(struct cluster *cluster, const bool *stays,
                 void (*dropped)(void *owner, struct member *member), void *owner)
{
    size_t kept = 0;
    for (size_t i = 0; i < cluster->count; i++) {
        struct member *member = cluster->member[i];
        if (stays[i]) {
            cluster->member[kept++] = member;
            continue;
        }
        if (!member->superseded && member->id[0] != '\0') {
            log_info("node has left the cluster", "cluster", cluster->options.name, "node",
                     member->label);
        }
        dropped(owner, member);
        member_free(member);
    }
    cluster->count = kept;
}

static int by_label(const void *a, const void *b)
{
    const struct member *const *left = a;
    const struct member *const *right = b;
    return strverscmp((*left)->label, (*right)->label);
}

void cluster_settle(struct cluster *cluster, void (*dropped)(void *owner, struct member *member),
                    void *owner)
{
    bool *stays = mem_new(cluster->count, sizeof(stays[0]));
    size_t count = cluster->count;
    cluster->learned = 0; // members may go
    choose_members(cluster, stays);
    drop(cluster, stays, dropped, owner);
    free(stays);
    for (size_t i = 0; i < cluster->count; i++) {
        struct member *member = cluster->member[i];
        member->group = member->component > 0 ? cluster->groups + member->component : member->group;
    }
    cluster->groups += count;
    labels_settle(cluster);
    qsort(cluster->member, cluster->count, sizeof(cluster->member[0]), by_label);
}
