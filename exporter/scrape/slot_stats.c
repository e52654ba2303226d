// Replies are lists of [slot, [name, value, name, value ...]], the highest value first. How many
// keys there are a server always tells and sorts by; what else it tells depends on its version and
// its setting cluster-slot-stats-enabled. Source: valkey and redis src/cluster_slot_stats.c.
#include "scrape/slot_stats.h"

#include "scrape/followup.h"

enum figure { KEYS, CPU, MEMORY, NETWORK_IN, NETWORK_OUT, FIGURES };

// A figure by the server's name for it, and where it goes.
static const struct figure_row {
    const char *name;
    enum group group;
    const char *direction;
    const char *part;
} rows[FIGURES] = {
    [KEYS] = {"key-count", GROUP_SLOT, "", "key-count"},
    [CPU] = {"cpu-usec", GROUP_SLOT, "", "cpu-usec"},
    [MEMORY] = {"memory-bytes", GROUP_SLOT, "", "memory-bytes"},
    [NETWORK_IN] = {"network-bytes-in", GROUP_SLOT_NETWORK, "in", "network-bytes"},
    [NETWORK_OUT] = {"network-bytes-out", GROUP_SLOT_NETWORK, "out", "network-bytes"},
};

static uint32_t limit_of(const struct node_snapshot *node)
{
    const struct collect_options *options = node->member->cluster->options.collect;
    return options != NULL ? options->hot_slots : HOT_SLOTS_DEFAULT;
}

// -1: not told.
static int64_t value_in(const struct reply *slot, enum figure figure)
{
    const struct reply *value = reply_field(slot->element[1], rows[figure].name);
    return value != NULL && value->type == REPLY_INTEGER ? value->integer : -1;
}

static bool is_slot(const struct reply *slot)
{
    return slot->type == REPLY_ARRAY && slot->count == 2 &&
           slot->element[0]->type == REPLY_INTEGER && slot->element[0]->integer >= 0 &&
           slot->element[0]->integer < SLOT_COUNT;
}

static unsigned figures_in(const struct reply *slot)
{
    unsigned told = 0;
    for (int i = 0; i < FIGURES; i++) {
        told |= value_in(slot, (enum figure)i) >= 0 ? 1u << i : 0;
    }
    return told;
}

static void add_slot(struct samples *samples, const struct reply *slot)
{
    struct span number = arena_i64(&samples->arena, slot->element[0]->integer);
    for (int i = 0; i < FIGURES; i++) {
        int64_t value = value_in(slot, (enum figure)i);
        if (value >= 0) {
            samples_set_part(samples, rows[i].group, number, span_of(rows[i].direction),
                             span_of(rows[i].part), arena_i64(&samples->arena, value));
        }
    }
}

// A slot that has nothing of what the list is sorted by does not lead in it. Gives the set of the
// figures that were told.
static unsigned add_slots(struct node_snapshot *node, enum figure by, const struct reply *list)
{
    unsigned told = 0;
    uint32_t limit = limit_of(node);
    for (size_t i = 0; list->type == REPLY_ARRAY && i < list->count && i < limit; i++) {
        const struct reply *slot = list->element[i];
        if (!is_slot(slot)) {
            continue;
        }
        told |= figures_in(slot);
        if (value_in(slot, by) > 0) {
            add_slot(node->samples, slot);
        }
    }
    return told;
}

// Not every server that tells a figure sorts by it: which one does not is learnt from its error,
// once a connection, so that its count of errors does not grow with each scrape.
static void take_further(struct node_snapshot *node, const struct followup *asked,
                         const struct reply *reply)
{
    if (reply->type == REPLY_ERROR && span_starts(reply->text, SPAN("ERR "))) {
        node->member->slot_stats_unsorted |= 1u << asked->number;
    }
    add_slots(node, (enum figure)asked->number, reply);
}

static void ask(struct node_snapshot *node, enum figure by,
                void (*take)(struct node_snapshot *, const struct followup *, const struct reply *))
{
    struct buf limit = BUF_EMPTY;
    buf_i64(&limit, limit_of(node));
    struct followup question = {.command = COMMAND_CLUSTER_SLOT_STATS,
                                .collector = COLLECTOR_SLOT_STATS,
                                .argument = {SPAN("ORDERBY"), span_of(rows[by].name), SPAN("LIMIT"),
                                             followup_keep(node, buf_view(&limit)), SPAN("DESC")},
                                .argument_count = 5,
                                .take = take,
                                .number = by};
    buf_free(&limit);
    followup_add(node, &question);
}

// The rest is asked for by what the slots with most keys tell. When that changes, the setting has
// changed, and what is sorted by may have too.
static void take_first(struct node_snapshot *node, const struct followup *asked,
                       const struct reply *reply)
{
    struct member *member = node->member;
    unsigned told = add_slots(node, (enum figure)asked->number, reply);
    if (told != member->slot_stats) {
        member->slot_stats = told;
        member->slot_stats_unsorted = 0;
    }
    for (int i = KEYS + 1; i < FIGURES; i++) {
        if (told & ~member->slot_stats_unsorted & 1u << i) {
            ask(node, (enum figure)i, take_further);
        }
    }
}

// A replica tells the figures of its shard too: masters only, or sums would be double.
void slot_stats_begin(struct node_snapshot *node)
{
    collector_set on = node->member->cluster->options.collectors;
    bool is_master = !node->replication.is_replica && !node->server.loading;
    if ((on & collector_bit(COLLECTOR_SLOT_STATS)) && is_master) {
        ask(node, KEYS, take_first);
    }
}
