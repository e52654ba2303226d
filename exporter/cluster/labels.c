#include "cluster/labels.h"

#include <stdlib.h>

#include "base/mem.h"

static char *host_and_port(const char *host, uint16_t port)
{
    struct buf label = BUF_EMPTY;
    address_add(&label, host, port);
    return buf_take(&label);
}

static char *wanted_label(enum node_label policy, const struct member *member)
{
    bool named = member->hostname[0] != '\0';
    if (policy == LABEL_ID && member->id[0] != '\0') {
        return mem_copy(member->id, strlen(member->id));
    }
    if (policy == LABEL_HOSTNAME && named) {
        return mem_copy(member->hostname, strlen(member->hostname));
    }
    bool by_name = policy == LABEL_AUTO && named;
    return host_and_port(by_name ? member->hostname : member->address.host, member->address.port);
}

// A host name alone gets its port, everything else gives way to the node id.
static char *narrower_label(const struct member *member)
{
    if (member->hostname[0] != '\0' && strcmp(member->label, member->hostname) == 0) {
        return host_and_port(member->hostname, member->address.port);
    }
    const char *label = member->id[0] != '\0' ? member->id : member->label;
    return mem_copy(label, strlen(label));
}

// Those that want the same label.
struct rivals {
    const struct member *best;
    size_t count;
    bool apart; // at different addresses
};

static bool is_better(const struct member *a, const struct member *b)
{
    bool answers = a->result == OUTCOME_OK;
    return answers != (b->result == OUTCOME_OK) ? answers : strcmp(a->id, b->id) < 0;
}

static void add_rival(struct rivals *rivals, const struct member *member)
{
    if (rivals->count++ == 0) {
        rivals->best = member;
        return;
    }
    rivals->apart = rivals->apart || !address_equal(&rivals->best->address, &member->address);
    rivals->best = is_better(member, rivals->best) ? member : rivals->best;
}

// At one address only one node can be (the other was wiped, or has moved): the one that answers
// keeps the label. Nodes that merely share a name all get another label.
static bool shall_give_way(const struct rivals *rivals, const struct member *member)
{
    return rivals->count > 1 && (rivals->apart || rivals->best != member);
}

static void part_rivals(struct cluster *cluster)
{
    struct rivals *rivals = mem_new(cluster->count, sizeof(rivals[0]));
    struct ids *first = ids_new(cluster->count);
    char **label = mem_new(cluster->count, sizeof(label[0]));
    for (size_t i = 0; i < cluster->count; i++) {
        ids_put(first, cluster->member[i]->label, (int)i);
        add_rival(&rivals[ids_get(first, cluster->member[i]->label)], cluster->member[i]);
    }
    for (size_t i = 0; i < cluster->count; i++) {
        const struct member *member = cluster->member[i];
        if (shall_give_way(&rivals[ids_get(first, member->label)], member)) {
            label[i] = narrower_label(member);
        }
    }
    ids_free(first);
    free(rivals);
    for (size_t i = 0; i < cluster->count; i++) {
        if (label[i] != NULL) {
            free(cluster->member[i]->label);
            cluster->member[i]->label = label[i];
        }
    }
    free(label);
}

void labels_settle(struct cluster *cluster)
{
    enum { ROUNDS = 3 }; // the name, with its port, the id: which a bad name may look like
    for (size_t i = 0; i < cluster->count; i++) {
        struct member *member = cluster->member[i];
        free(member->label);
        member->label = wanted_label(cluster->options.node_label, member);
    }
    for (int round = 0; round < ROUNDS; round++) {
        part_rivals(cluster);
    }
}
