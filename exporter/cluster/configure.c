// Other options for a cluster that goes on.
#include <stdlib.h>

#include "base/mem.h"
#include "cluster/cluster.h"
#include "cluster/labels.h"

static bool is_at(const struct member *member, const struct address *address)
{
    bool by_name =
        strcmp(member->hostname, address->host) == 0 && member->address.port == address->port;
    return by_name || address_equal(&member->address, address) ||
           address_equal(&member->dial, address);
}

static const struct seed *find_seed(const struct cluster_options *options,
                                    const struct address *address)
{
    for (size_t i = 0; i < options->seed_count; i++) {
        if (address_equal(&options->seed[i].address, address)) {
            return &options->seed[i];
        }
    }
    return NULL;
}

static bool has_same_seeds(const struct cluster_options *a, const struct cluster_options *b)
{
    bool same = a->seed_count == b->seed_count;
    for (size_t i = 0; same && i < a->seed_count; i++) {
        same = find_seed(b, &a->seed[i].address) != NULL;
    }
    return same;
}

// The same ones may stand in another order.
static void carry_told(struct cluster *cluster, const struct cluster_options *options)
{
    const struct cluster_options *before = &cluster->options;
    bool *told = mem_new(options->seed_count, sizeof(told[0]));
    for (size_t i = 0; i < options->seed_count; i++) {
        const struct seed *known = find_seed(before, &options->seed[i].address);
        told[i] = known != NULL && cluster->seed_told[known - before->seed];
    }
    free(cluster->seed_told);
    cluster->seed_told = told;
}

static void mark_seeds(struct cluster *cluster, const struct cluster_options *options)
{
    free(cluster->seed_told);
    cluster->seed_told = mem_new(options->seed_count, sizeof(cluster->seed_told[0]));
    for (size_t i = 0; i < cluster->count; i++) {
        cluster->member[i]->is_seed = false;
    }
    for (size_t i = 0; i < options->seed_count; i++) {
        for (size_t j = 0; j < cluster->count; j++) {
            if (is_at(cluster->member[j], &options->seed[i].address)) {
                cluster->member[j]->is_seed = true;
                cluster->seed_told[i] = cluster->member[j]->id[0] != '\0';
            }
        }
    }
}

// Whether a configured address still leads to it, or to one of its company.
static bool is_led_to(const struct cluster *cluster, const struct member *member)
{
    for (size_t i = 0; i < cluster->count; i++) {
        const struct member *other = cluster->member[i];
        if (other->is_seed &&
            (other == member || (member->group != 0 && other->group == member->group))) {
            return true;
        }
    }
    return false;
}

// Other seeds may be another way to the same nodes, or lead elsewhere. Nodes to which none leads
// are let go; where they belong to it all the same, the next scrape finds them again.
static void change_seeds(struct cluster *cluster, const struct cluster_options *options)
{
    bool *stays = mem_new(cluster->count, sizeof(stays[0]));
    size_t kept = 0;
    mark_seeds(cluster, options);
    for (size_t i = 0; i < cluster->count; i++) {
        stays[i] = is_led_to(cluster, cluster->member[i]);
    }
    for (size_t i = 0; i < cluster->count; i++) {
        struct member *member = cluster->member[i];
        if (stays[i]) {
            cluster->member[kept++] = member;
        } else {
            member_free(member);
        }
    }
    cluster->count = kept;
    cluster->incomplete = true; // so that the new seeds are asked
    free(stays);
}

// Those that were found where none may be asked any more.
static void let_go_of_forbidden(struct cluster *cluster)
{
    size_t kept = 0;
    for (size_t i = 0; i < cluster->count; i++) {
        struct member *member = cluster->member[i];
        if (member->is_seed || cluster_may_ask(cluster, &member->address)) {
            cluster->member[kept++] = member;
        } else {
            member_free(member);
        }
    }
    cluster->count = kept;
}

static bool has_same_checks(const struct cluster_options *a, const struct cluster_options *b)
{
    return a->collect != NULL && b->collect != NULL &&
           key_checks_equal(&a->collect->checks, &b->collect->checks);
}

void cluster_configure(struct cluster *cluster, const struct cluster_options *options,
                       bool reconnect)
{
    CHECK(cluster->scrape == NULL && options->seed_count > 0);
    bool same_checks = has_same_checks(&cluster->options, options);
    if (has_same_seeds(&cluster->options, options)) {
        carry_told(cluster, options);
    } else {
        change_seeds(cluster, options);
    }
    cluster->options = *options;
    cluster->cap_reported = false;
    cluster->fence_reported = false;
    let_go_of_forbidden(cluster);
    for (size_t i = 0; i < cluster->count; i++) {
        struct member *member = cluster->member[i];
        if (reconnect) {
            conn_free(member->conn);
            member->conn = NULL;
        }
        if (reconnect || !same_checks) {
            key_walks_free(member->walks);
            member->walks = NULL;
        }
    }
    labels_settle(cluster);
}
