// Nodes go by their number here, which they keep while they are known; those of a judgement change.
#include "cluster/history.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cluster/ids.h"

enum {
    RING_SIZE = 64,     // samples of a node: 16 minutes at one scrape in 15 s
    FORGET_AFTER = 240, // observations without the node
};

struct offset_sample {
    int64_t at_us; // monotonic
    int64_t offset;
};

// One node's replication stream at the scrapes before.
struct ring {
    char stream[NODE_ID_SIZE]; // its replication id; "" where the server has none
    struct offset_sample sample[RING_SIZE];
    size_t count;
    size_t next;
};

struct past_node {
    char id[NODE_ID_SIZE];
    int former_master;  // whose replica it was until it became master itself; NO_NODE
    int64_t full_syncs; // -1: not known yet
    size_t unseen;      // observations
    struct ring ring;
};

struct history {
    struct past_node **node;
    size_t count;
    size_t capacity;
    int owner[SLOT_COUNT];
    int64_t *open_since_s; // by slot, 0: not open; NULL until one is
    struct history_events events;
};

struct history *history_new(void)
{
    struct history *history = mem_new(1, sizeof(*history));
    for (size_t slot = 0; slot < SLOT_COUNT; slot++) {
        history->owner[slot] = NO_NODE;
    }
    return history;
}

void history_free(struct history *history)
{
    if (history != NULL) {
        for (size_t i = 0; i < history->count; i++) {
            free(history->node[i]);
        }
        free(history->node);
        free(history->open_since_s);
        free(history);
    }
}

const struct history_events *history_events(const struct history *history)
{
    return &history->events;
}

// --- nodes ---

static int add_node(struct history *history, const char *id)
{
    struct past_node *node = mem_new(1, sizeof(*node));
    span_copy(span_of(id), node->id, sizeof(node->id));
    node->former_master = NO_NODE;
    node->full_syncs = -1;
    history->node =
        mem_grow(history->node, history->count, &history->capacity, sizeof(history->node[0]));
    history->node[history->count] = node;
    return (int)history->count++;
}

// The number of each node of the judgement; NO_NODE for those without an id.
static int *number_nodes(struct history *history, const struct health *health)
{
    int *number = mem_new(health->count, sizeof(number[0]));
    struct ids *ids = ids_new(history->count);
    for (size_t i = 0; i < history->count; i++) {
        ids_put(ids, history->node[i]->id, (int)i);
        history->node[i]->unseen++;
    }
    for (size_t i = 0; i < health->count; i++) {
        int known = ids_get(ids, health->id[i]);
        number[i] = NO_NODE;
        if (health->id[i] != NULL && health->id[i][0] != '\0') {
            number[i] = known != IDS_NONE ? known : add_node(history, health->id[i]);
            history->node[number[i]]->unseen = 0;
        }
    }
    ids_free(ids);
    return number;
}

static bool is_long_gone(const struct history *history, int node)
{
    return node != NO_NODE && history->node[node]->unseen > FORGET_AFTER;
}

// Nodes that left long ago take their numbers with them.
static void forget_old_nodes(struct history *history)
{
    int *kept = mem_new(history->count, sizeof(kept[0]));
    size_t count = 0;
    for (size_t i = 0; i < history->count; i++) {
        kept[i] = is_long_gone(history, (int)i) ? NO_NODE : (int)count++;
    }
    for (size_t slot = 0; slot < SLOT_COUNT && count < history->count; slot++) {
        int owner = history->owner[slot];
        history->owner[slot] = owner != NO_NODE ? kept[owner] : NO_NODE;
    }
    for (size_t i = 0; i < history->count; i++) {
        struct past_node *node = history->node[i];
        int master = node->former_master;
        node->former_master = master != NO_NODE ? kept[master] : NO_NODE;
    }
    for (size_t i = 0; i < history->count; i++) {
        if (kept[i] == NO_NODE) {
            free(history->node[i]);
        } else {
            history->node[kept[i]] = history->node[i];
        }
    }
    history->count = count;
    free(kept);
}

// --- slots ---

// Slots that a replica took from its master are one failover, however many they are; all others
// have moved one by one.
static void observe_owner(struct history *history, size_t slot, int owner, bool *took_over)
{
    int before = history->owner[slot];
    history->owner[slot] = owner;
    if (before == NO_NODE) {
        return;
    }
    if (history->node[owner]->former_master != before) {
        history->events.slot_moves++;
    } else if (!took_over[owner]) {
        took_over[owner] = true;
        history->events.failovers++;
    }
}

static void observe_owners(struct history *history, const struct health *health, const int *number)
{
    bool *took_over = mem_new(history->count, sizeof(took_over[0]));
    for (size_t slot = 0; slot < SLOT_COUNT; slot++) {
        int owner = health->owner[slot] != NO_NODE ? number[health->owner[slot]] : NO_NODE;
        if (owner != NO_NODE && owner != history->owner[slot]) {
            observe_owner(history, slot, owner, took_over);
        }
    }
    free(took_over);
}

// By its own word: it is no replica that is about to own what its master had.
static bool is_empty_master(const struct health_input *input)
{
    const struct view_line *self = input->view != NULL ? input->view->self : NULL;
    return self != NULL && (self->node.flags & NODE_MASTER) && self->range_count == 0;
}

// A node that is master and owns slots, or says that it has none, was nobody's replica as far as
// later moves go.
static void observe_roles(struct history *history, const struct health_input *input,
                          const struct health *health, const int *number)
{
    for (size_t i = 0; i < health->count; i++) {
        const struct node_verdict *verdict = &health->node[i];
        if (!verdict->known || number[i] == NO_NODE) {
            continue;
        }
        struct past_node *node = history->node[number[i]];
        bool empty = i < health->given && is_empty_master(&input[i]);
        if (verdict->role == ROLE_MASTER && (verdict->slots > 0 || empty)) {
            node->former_master = NO_NODE;
        } else if (verdict->role == ROLE_REPLICA && verdict->master != NO_NODE) {
            node->former_master = number[verdict->master];
        }
    }
}

// A slot counts as closed only when its owner can be read and does not tell it.
static void observe_open(struct history *history, const struct health_input *input, size_t given,
                         struct health *health, int64_t wall_s)
{
    if (history->open_since_s == NULL && health->open_count == 0) {
        return;
    }
    bool *open = mem_new(SLOT_COUNT, sizeof(open[0]));
    if (history->open_since_s == NULL) {
        history->open_since_s = mem_new(SLOT_COUNT, sizeof(history->open_since_s[0]));
    }
    for (size_t i = 0; i < health->open_count; i++) {
        open[health->open[i].slot.slot] = true;
    }
    for (size_t slot = 0; history->open_since_s != NULL && slot < SLOT_COUNT; slot++) {
        int64_t *since = &history->open_since_s[slot];
        int owner = health->owner[slot];
        bool readable = owner != NO_NODE && (size_t)owner < given && input[owner].view != NULL;
        if (open[slot] && *since == 0) {
            *since = wall_s;
        } else if (!open[slot] && readable) {
            *since = 0;
        }
        if (*since != 0 && (health->open_since_s == 0 || *since < health->open_since_s)) {
            health->open_since_s = *since;
        }
    }
    free(open);
}

// --- replication ---

static void add_sample(struct ring *ring, const struct replication *replication, int64_t at_us)
{
    size_t newest = (ring->next + RING_SIZE - 1) % RING_SIZE;
    bool restarted = ring->count > 0 && replication->master_offset < ring->sample[newest].offset;
    if (replication->master_offset < 0) {
        return;
    }
    if (restarted || !span_is(replication->id, ring->stream)) {
        ring->count = 0;
        ring->next = 0;
        span_copy(replication->id, ring->stream, sizeof(ring->stream));
    }
    ring->sample[ring->next] = (struct offset_sample){at_us, replication->master_offset};
    ring->next = (ring->next + 1) % RING_SIZE;
    ring->count += ring->count < RING_SIZE;
}

// The `age`-th newest sample, 0 being the newest.
static const struct offset_sample *sample_at(const struct ring *ring, size_t age)
{
    return &ring->sample[(ring->next + RING_SIZE - 1 - age) % RING_SIZE];
}

// When the stream was last at this offset; false when the samples do not reach back so far.
static bool time_of_offset(const struct ring *ring, int64_t offset, int64_t *out_us)
{
    for (size_t age = 0; age < ring->count; age++) {
        const struct offset_sample *older = sample_at(ring, age);
        if (older->offset > offset) {
            continue;
        }
        *out_us = older->at_us;
        if (age > 0 && older->offset < offset) {
            const struct offset_sample *newer = sample_at(ring, age - 1);
            double share =
                (double)(offset - older->offset) / (double)(newer->offset - older->offset);
            *out_us += (int64_t)(share * (double)(newer->at_us - older->at_us));
        }
        return true;
    }
    return false;
}

// At the mean rate of the samples; 0 when nothing was written.
static double bytes_per_second(const struct ring *ring)
{
    const struct offset_sample *newest = sample_at(ring, 0);
    const struct offset_sample *oldest = sample_at(ring, ring->count - 1);
    int64_t passed_us = newest->at_us - oldest->at_us;
    return passed_us > 0 ? (double)(newest->offset - oldest->offset) * SECOND_US / (double)passed_us
                         : 0;
}

static void measure_seconds(const struct ring *ring, struct node_verdict *verdict)
{
    if (verdict->lag_bytes == 0) {
        verdict->lag_seconds = 0;
    }
    if (verdict->lag_bytes <= 0 || ring->count == 0) {
        return;
    }
    const struct offset_sample *newest = sample_at(ring, 0);
    int64_t then_us;
    if (time_of_offset(ring, newest->offset - verdict->lag_bytes, &then_us)) {
        verdict->lag_seconds = (double)(newest->at_us - then_us) / SECOND_US;
    } else if (bytes_per_second(ring) > 0) {
        verdict->lag_seconds = (double)verdict->lag_bytes / bytes_per_second(ring);
        verdict->lag_is_estimate = true;
    }
}

static void observe_streams(struct history *history, const struct health_input *input, size_t given,
                            struct health *health, const int *number)
{
    for (size_t i = 0; i < given; i++) {
        if (input[i].replication != NULL && number[i] != NO_NODE) {
            add_sample(&history->node[number[i]]->ring, input[i].replication, input[i].received_us);
        }
    }
    for (size_t i = 0; i < health->count; i++) {
        struct node_verdict *verdict = &health->node[i];
        verdict->lag_seconds = -1;
        int master = verdict->known && verdict->role == ROLE_REPLICA ? verdict->master : NO_NODE;
        if (master != NO_NODE && number[master] != NO_NODE) {
            measure_seconds(&history->node[number[master]]->ring, verdict);
        }
    }
}

// A counter that fell was reset: by a restart, or by CONFIG RESETSTAT.
static void observe_full_syncs(struct history *history, const struct health_input *input,
                               size_t given, const int *number)
{
    for (size_t i = 0; i < given; i++) {
        int64_t now = input[i].facts != NULL ? input[i].facts->full_syncs : -1;
        if (now < 0 || number[i] == NO_NODE) {
            continue;
        }
        int64_t *before = &history->node[number[i]]->full_syncs;
        if (*before >= 0) {
            history->events.full_syncs += (uint64_t)(now >= *before ? now - *before : now);
        }
        *before = now;
    }
}

void history_observe(struct history *history, const struct health_input *input,
                     struct health *health, int64_t wall_s)
{
    size_t given = health->given;
    int *number = number_nodes(history, health);
    observe_streams(history, input, given, health, number);
    observe_full_syncs(history, input, given, number);
    if (health->views > 0) {
        observe_owners(history, health, number);
        observe_roles(history, input, health, number);
        observe_open(history, input, given, health, wall_s);
    }
    free(number);
    forget_old_nodes(history);
}
