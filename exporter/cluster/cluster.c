#include "cluster/cluster.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "cluster/labels.h"

// A reply can name more nodes than any cluster has; Valkey advertises 2000.
enum { MEMBERS_MAX = 5000 };

struct cluster *cluster_new(const struct cluster_options *options)
{
    CHECK(options->seed_count > 0);
    struct cluster *cluster = mem_new(1, sizeof(*cluster));
    cluster->options = *options;
    cluster->history = options->single ? NULL : history_new();
    return cluster;
}

static void free_member(struct member *member)
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
        free_member(cluster->member[i]);
    }
    free(cluster->member);
    history_free(cluster->history);
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
        if (address_equal(&cluster->member[i]->address, address)) {
            return cluster->member[i];
        }
    }
    return NULL;
}

void cluster_prepare(struct cluster *cluster)
{
    if (cluster->count > 0 && !cluster->lost) {
        return;
    }
    for (size_t i = 0; i < cluster->options.seed_count; i++) {
        const struct address *address = &cluster->options.seed[i].address;
        const struct member *known = find_at(cluster, address);
        if (known == NULL || (known->id[0] != '\0' && known->outcome == OUTCOME_WRONG_NODE)) {
            add_member(cluster, "", address);
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

static struct member *find_id(const struct cluster *cluster, const struct ids *ids, const char *id)
{
    int number = ids_get(ids, id);
    return number != IDS_NONE ? cluster->member[number] : NULL;
}

static struct ids *index_members(const struct cluster *cluster)
{
    struct ids *ids = ids_new(cluster->count + 16);
    for (size_t i = 0; i < cluster->count; i++) {
        ids_put(ids, cluster->member[i]->id, (int)i);
    }
    return ids;
}

static void report_cap(struct cluster *cluster)
{
    if (!cluster->cap_reported) {
        log_warn("the cluster names more nodes than are asked at most", "cluster",
                 cluster->options.name);
        cluster->cap_reported = true;
    }
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
        !line_address(line, &address)) {
        return;
    }
    if (cluster->count >= MEMBERS_MAX) {
        report_cap(cluster);
        return;
    }
    struct member *member = adopt_seed(cluster, &address, line->id);
    if (member == NULL) {
        member = add_member(cluster, line->id, &address);
        ids_put(ids, member->id, (int)(cluster->count - 1));
    }
}

enum outcome cluster_learn(struct cluster *cluster, struct member *from, const struct view *view)
{
    const char *id = view->self->node.id;
    if (from->id[0] != '\0' && strcmp(from->id, id) != 0) {
        return OUTCOME_WRONG_NODE;
    }
    struct ids *ids = index_members(cluster);
    if (from->id[0] == '\0') {
        struct member *same = find_id(cluster, ids, id);
        from->superseded = same != NULL;
        if (same == NULL) {
            span_copy(span_of(id), from->id, sizeof(from->id));
            ids_put(ids, from->id, 0); // only that it is known
        }
    }
    for (size_t i = 0; i < view->count; i++) {
        learn_line(cluster, ids, &view->line[i].node);
    }
    ids_free(ids);
    return OUTCOME_OK;
}

// What the readable views of one scrape say about each member.
struct evidence {
    size_t listed_by_others;
    const struct node_line *candidate; // for the address: a running majority vote of the peers
    size_t lead;
};

static bool same_place(const struct node_line *a, const struct node_line *b)
{
    return a->port == b->port && span_equals(a->host, b->host) &&
           span_equals(a->hostname, b->hostname);
}

static void weigh_line(struct evidence *evidence, const struct node_line *line)
{
    struct address address;
    evidence->listed_by_others++;
    if (!line_address(line, &address)) {
        return;
    }
    if (evidence->lead == 0) {
        evidence->candidate = line;
        evidence->lead = 1;
    } else if (same_place(evidence->candidate, line)) {
        evidence->lead++;
    } else {
        evidence->lead--;
    }
}

static void weigh_views(const struct cluster *cluster, const struct ids *ids,
                        struct evidence *evidence)
{
    for (size_t i = 0; i < cluster->count; i++) {
        const struct view *view = cluster->member[i]->view;
        for (size_t j = 0; view != NULL && j < view->count; j++) {
            const struct node_line *line = &view->line[j].node;
            int subject = ids_get(ids, line->id);
            if (subject != IDS_NONE && (size_t)subject != i && !(line->flags & NODE_HANDSHAKE)) {
                weigh_line(&evidence[subject], line);
            }
        }
    }
}

// A readable member that no other readable one lists. It was forgotten when it knows a readable
// peer, which then does not know it, or when it knows nobody (it was reset); but when it knows only
// unreadable peers, it may be the last one alive of its group.
static bool was_forgotten(const struct cluster *cluster, const struct ids *ids,
                          const struct member *member)
{
    bool knows_any = false;
    for (size_t i = 0; i < member->view->count; i++) {
        const struct node_line *line = &member->view->line[i].node;
        if ((line->flags & (NODE_MYSELF | NODE_HANDSHAKE)) != 0) {
            continue;
        }
        const struct member *peer = find_id(cluster, ids, line->id);
        knows_any = true;
        if (peer != NULL && peer->view != NULL) {
            return true;
        }
    }
    return !knows_any;
}

static bool knows_any_id(const struct cluster *cluster)
{
    for (size_t i = 0; i < cluster->count; i++) {
        if (cluster->member[i]->id[0] != '\0') {
            return true;
        }
    }
    return false;
}

static bool shall_stay(const struct cluster *cluster, const struct ids *ids, size_t index,
                       const struct evidence *evidence, size_t views)
{
    const struct member *member = cluster->member[index];
    if (member->superseded) {
        return false;
    }
    if (member->id[0] == '\0') { // a seed, of use only while it answers or is all there is
        return member->result == OUTCOME_OK || !knows_any_id(cluster);
    }
    if (views == 0 || evidence[index].listed_by_others > 0) {
        return true;
    }
    bool others = views > (member->view != NULL ? 1 : 0);
    return member->view != NULL && (!others || !was_forgotten(cluster, ids, member));
}

static size_t count_views(const struct cluster *cluster)
{
    size_t views = 0;
    for (size_t i = 0; i < cluster->count; i++) {
        views += cluster->member[i]->view != NULL;
    }
    return views;
}

// Nodes that do not know each other at all, each a seed (before CLUSTER MEET): all of them stay.
static void keep_strangers(const struct cluster *cluster, bool *stays)
{
    for (size_t i = 0; i < cluster->count; i++) {
        if (stays[i] && cluster->member[i]->view != NULL) {
            return;
        }
    }
    for (size_t i = 0; i < cluster->count; i++) {
        stays[i] =
            stays[i] || (cluster->member[i]->view != NULL && !cluster->member[i]->superseded);
    }
}

// What the peers hold is right where a node does not know its own address, or still tells an old
// one. Without any, the member keeps the address at which it was reached.
static void settle_address(struct member *member, const struct evidence *evidence)
{
    const struct node_line *own = member->view != NULL ? &member->view->self->node : NULL;
    const struct node_line *line = evidence->candidate != NULL ? evidence->candidate : own;
    struct address address;
    if (line == NULL || !line_address(line, &address)) {
        return;
    }
    const struct node_line *named = own != NULL ? own : line;
    member->address = address;
    span_copy(named->hostname, member->hostname, sizeof(member->hostname));
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
        free_member(member);
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
    struct ids *ids = index_members(cluster);
    struct evidence *evidence = mem_new(cluster->count, sizeof(evidence[0]));
    bool *stays = mem_new(cluster->count, sizeof(stays[0]));
    size_t views = count_views(cluster);
    weigh_views(cluster, ids, evidence);
    for (size_t i = 0; i < cluster->count; i++) {
        stays[i] = shall_stay(cluster, ids, i, evidence, views);
        settle_address(cluster->member[i], &evidence[i]);
    }
    keep_strangers(cluster, stays);
    drop(cluster, stays, dropped, owner);
    labels_settle(cluster);
    qsort(cluster->member, cluster->count, sizeof(cluster->member[0]), by_label);
    ids_free(ids);
    free(evidence);
    free(stays);
}
