#include "scrape/snapshot.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "metrics/page.h"
#include "scrape/followup.h"
#include "scrape/judge.h"

struct snapshot *snapshot_new(struct cluster *cluster)
{
    struct snapshot *snapshot = mem_new(1, sizeof(*snapshot));
    snapshot->cluster = cluster;
    snapshot->users = 1;
    return snapshot;
}

void snapshot_hold(struct snapshot *snapshot)
{
    snapshot->users++;
}

static void clear_node(struct node_snapshot *node)
{
    free(node->info);
    free(node->cluster_info);
    view_free(node->view);
    followups_free(node);
    samples_free(node->samples);
    free(node->labels);
}

static void free_node(struct node_snapshot *node)
{
    clear_node(node);
    free(node);
}

void snapshot_release(struct snapshot *snapshot)
{
    if (snapshot == NULL || --snapshot->users > 0) {
        return;
    }
    for (size_t i = 0; i < snapshot->count; i++) {
        if (snapshot->is_partial) {
            free(snapshot->node[i]->labels);
            free(snapshot->node[i]);
        } else {
            free_node(snapshot->node[i]);
        }
    }
    free(snapshot->node);
    health_free(snapshot->health);
    free(snapshot->input);
    free(snapshot->labels);
    free(snapshot);
}

struct node_snapshot *snapshot_add(struct snapshot *snapshot, struct member *member)
{
    struct node_snapshot *node = mem_new(1, sizeof(*node));
    node->member = member;
    node->samples = samples_new();
    snapshot->node =
        mem_grow(snapshot->node, snapshot->count, &snapshot->capacity, sizeof(snapshot->node[0]));
    snapshot->node[snapshot->count++] = node;
    return node;
}

void snapshot_renew(struct node_snapshot *node)
{
    clear_node(node);
    *node = (struct node_snapshot){.member = node->member, .started_us = node->started_us};
    node->samples = samples_new();
}

static void report_outcome(const struct cluster *cluster, const struct node_snapshot *node)
{
    const struct member *member = node->member;
    const char *detail = node->detail[0] != '\0' ? node->detail : NULL;
    if (member->seen && member->outcome == node->outcome) {
        return;
    }
    if (node->outcome != OUTCOME_OK) {
        log_warn("node cannot be read", "cluster", cluster->options.name, "node", member->label,
                 "reason", outcome_name(node->outcome), "detail", detail);
    } else if (member->seen) {
        log_info("node can be read again", "cluster", cluster->options.name, "node", member->label);
    } else {
        log_info(node->server.cluster_mode ? "node found"
                                           : "server without cluster mode, exported by itself",
                 "cluster", cluster->options.name, "node", member->label);
    }
}

// Commands that the server, or this user's rights, will not answer: told once, not once a
// connection.
static void report_refusals(const struct cluster *cluster, struct node_snapshot *node)
{
    struct member *member = node->member;
    if (node->outcome != OUTCOME_OK) {
        return; // the outcome says it all
    }
    for (int command = 0; command < COMMAND_COUNT; command++) {
        if (node->refused & ~member->refused & command_bit((enum command)command)) {
            log_warn("node refuses a command, its metrics are missing", "cluster",
                     cluster->options.name, "node", member->label, "command",
                     command_name((enum command)command));
        }
    }
    member->refused = (member->refused | node->refused) & ~node->answered;
    if (node->view_broken) {
        log_debug("CLUSTER NODES cannot be understood", "cluster", cluster->options.name, "node",
                  member->label);
    }
}

static void hand_over_results(struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->count; i++) {
        struct node_snapshot *node = snapshot->node[i];
        node->member->result = node->outcome;
        node->member->view = node->outcome == OUTCOME_OK ? node->view : NULL;
    }
}

static bool is_same_process(const struct node_snapshot *a, const struct node_snapshot *b)
{
    struct span run_id = node_field(a, SPAN("run_id"));
    return run_id.length > 0 && span_equals(run_id, node_field(b, SPAN("run_id")));
}

// A seed that did not tell its node id (it is loading, or may not, or has none) can be a server
// that is there already under another address: it must not count twice.
static void find_doubles(struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->count; i++) {
        const struct node_snapshot *seed = snapshot->node[i];
        for (size_t j = 0; seed->member->id[0] == '\0' && j < snapshot->count; j++) {
            const struct node_snapshot *other = snapshot->node[j];
            bool comes_first = other->member->id[0] != '\0' || j < i;
            if (comes_first && is_same_process(seed, other)) {
                seed->member->superseded = true;
            }
        }
    }
}

static void forget_node(void *owner, struct member *member)
{
    struct snapshot *snapshot = owner;
    size_t kept = 0;
    for (size_t i = 0; i < snapshot->count; i++) {
        if (snapshot->node[i]->member == member) {
            free_node(snapshot->node[i]);
        } else {
            snapshot->node[kept++] = snapshot->node[i];
        }
    }
    snapshot->count = kept;
}

static void keep_words(struct member *member, const struct node_snapshot *node)
{
    struct last_words *words = &member->words;
    struct span valkey = node_field(node, SPAN("valkey_version"));
    struct span redis = node_field(node, SPAN("redis_version"));
    const char *flavor = valkey.length > 0 ? "valkey" : redis.length > 0 ? "redis" : "";
    span_copy(valkey.length > 0 ? valkey : redis, words->version, sizeof(words->version));
    span_copy(span_of(flavor), words->flavor, sizeof(words->flavor));
    span_copy(node_field(node, SPAN("maxmemory_policy")), words->maxmemory_policy,
              sizeof(words->maxmemory_policy));
    span_copy(node_field(node, SPAN("availability_zone")), words->zone, sizeof(words->zone));
}

static void note_outcomes(struct snapshot *snapshot)
{
    struct cluster *cluster = snapshot->cluster;
    cluster->lost = true;
    for (size_t i = 0; i < snapshot->count; i++) {
        struct node_snapshot *node = snapshot->node[i];
        struct member *member = node->member;
        report_outcome(cluster, node);
        report_refusals(cluster, node);
        if (node->outcome == OUTCOME_OK) {
            keep_words(member, node);
        }
        member->outcome = node->outcome;
        member->seen = true;
        member->view = NULL; // it ends with the snapshot
        if (node->outcome == OUTCOME_WRONG_NODE) {
            conn_free(member->conn); // the next scrape looks at the address that holds by then
            member->conn = NULL;
        }
        cluster->failures[node->outcome]++;
        cluster->lost = cluster->lost && node->outcome != OUTCOME_OK;
        snapshot->has_cluster_mode |= node->server.cluster_mode || member->id[0] != '\0';
        snapshot->has_topology |= node->outcome == OUTCOME_OK && node->view != NULL;
    }
    if (snapshot->has_topology) {
        cluster->topology_us = clock_monotonic_us();
    }
    if (!cluster->lost) {
        cluster->is_single_server = !snapshot->has_cluster_mode;
    }
    cluster->members_known =
        snapshot->has_topology || (cluster->is_single_server && !cluster->lost);
    cluster->scraped_us = clock_monotonic_us();
    cluster->scrapes++;
}

static void render_labels(struct snapshot *snapshot)
{
    struct buf labels = BUF_EMPTY;
    bool single = snapshot->cluster->options.single;
    if (!single) {
        label_add(&labels, "redis_cluster", span_of(snapshot->cluster->options.name));
    }
    for (size_t i = 0; i < snapshot->count; i++) {
        struct buf both = BUF_EMPTY;
        buf_span(&both, buf_view(&labels));
        if (!single) {
            buf_char(&both, ',');
            label_add(&both, "redis_node", span_of(snapshot->node[i]->member->label));
        }
        snapshot->node[i]->labels = buf_take(&both);
    }
    snapshot->labels = buf_take(&labels);
}

void snapshot_gather(struct snapshot *snapshot)
{
    hand_over_results(snapshot);
    find_doubles(snapshot);
    cluster_locate(snapshot->cluster);
}

void snapshot_complete(struct snapshot *snapshot)
{
    cluster_settle(snapshot->cluster, forget_node, snapshot);
    note_outcomes(snapshot);
    snapshot_judge(snapshot);
    snapshot->cluster->incomplete = snapshot->health->slots_unassigned > 0;
    render_labels(snapshot);
}

// A node that has given its main replies is up; what follows from them may be missing.
static struct node_snapshot *copy_so_far(const struct node_snapshot *node)
{
    struct node_snapshot *copy = mem_new(1, sizeof(*copy));
    *copy = *node;
    if (node->done) {
        return copy;
    }
    if (!node->has_main_replies) {
        copy->duration_us = clock_monotonic_us() - node->started_us;
        copy->outcome = OUTCOME_TIMEOUT;
        return copy;
    }
    if (node->followups == NULL) {
        return copy;
    }
    for (int i = 0; i < COLLECTOR_COUNT; i++) {
        copy->cut_short |= collectors[i].further != 0 ? collector_bit((enum collector)i) : 0;
    }
    copy->cut_short &= node->member->cluster->options.collectors;
    return copy;
}

// Membership is not settled yet: seeds may be nodes that are there already, and labels not unique.
static bool is_distinct(const struct snapshot *partial, const struct ids *labels,
                        const struct node_snapshot *node)
{
    const struct member *member = node->member;
    bool nameless = member->id[0] == '\0' && !node->done && partial->has_topology;
    return !member->superseded && !nameless && ids_get(labels, member->label) == IDS_NONE;
}

static void copy_nodes(struct snapshot *partial, const struct snapshot *running)
{
    struct ids *labels = ids_new(running->count);
    partial->node = mem_new(running->count, sizeof(partial->node[0]));
    for (size_t i = 0; i < running->count; i++) {
        const struct node_snapshot *node = running->node[i];
        if (is_distinct(partial, labels, node)) {
            ids_put(labels, node->member->label, (int)i);
            partial->node[partial->count++] = copy_so_far(node);
        }
    }
    ids_free(labels);
}

struct snapshot *snapshot_so_far(const struct snapshot *running)
{
    struct snapshot *partial = snapshot_new(running->cluster);
    partial->is_partial = true;
    for (size_t i = 0; i < running->count; i++) {
        const struct node_snapshot *node = running->node[i];
        bool ok = node->done && node->outcome == OUTCOME_OK;
        partial->has_cluster_mode |= node->server.cluster_mode || node->member->id[0] != '\0';
        partial->has_topology |= ok && node->view != NULL;
    }
    copy_nodes(partial, running);
    snapshot_judge(partial);
    render_labels(partial);
    return partial;
}

struct span node_field(const struct node_snapshot *node, struct span name)
{
    return node->outcome == OUTCOME_OK ? samples_field(node->samples, FROM_INFO, name)
                                       : span_make(NULL, 0);
}
