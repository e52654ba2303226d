#include "scrape/migrations.h"

#include "base/clock.h"
#include "scrape/followup.h"

enum { OPEN_SLOTS_MAX = 100 };

// --- CLUSTER GETSLOTMIGRATIONS: one atomic migration each, as name, value, name, value ...,
// finished ones as long as the server remembers them (valkey src/cluster_migrateslots.c) ---

enum state { STATE_ACTIVE, STATE_SUCCESS, STATE_FAILED, STATE_CANCELLED, STATES };

static const char *const state_names[STATES] = {"active", "success", "failed", "cancelled"};

struct migrations {
    uint64_t count[STATES];
    uint64_t total;
    int64_t oldest_ack_s; // of the active ones; INT64_MAX: none tells
};

// Whatever is no end is a step on the way to one.
static enum state state_of(struct span name)
{
    int state = STATE_SUCCESS;
    while (state < STATES && !span_is(name, state_names[state])) {
        state++;
    }
    return state < STATES ? (enum state)state : STATE_ACTIVE;
}

static void add_migration(struct migrations *all, const struct reply *migration)
{
    const struct reply *name = reply_field(migration, "state");
    const struct reply *ack = reply_field(migration, "last_ack_time");
    if (name == NULL || name->type != REPLY_STRING || name->text.length == 0) {
        return;
    }
    enum state state = state_of(name->text);
    all->count[state]++;
    all->total++;
    if (state == STATE_ACTIVE && ack != NULL && ack->type == REPLY_INTEGER && ack->integer > 0 &&
        ack->integer < all->oldest_ack_s) {
        all->oldest_ack_s = ack->integer;
    }
}

// By the server's own clock, which is what it writes the time of the acknowledgement by.
static void set_ack_age(struct node_snapshot *node, int64_t ack_s)
{
    uint64_t now_us;
    if (ack_s == INT64_MAX || !span_u64(node_field(node, SPAN("server_time_usec")), &now_us)) {
        return;
    }
    int64_t age_s = (int64_t)(now_us / SECOND_US) - ack_s;
    samples_set(node->samples, FROM_MIGRATIONS, SPAN("last_ack_time"),
                arena_i64(&node->samples->arena, age_s > 0 ? age_s : 0));
}

// The replicas of the target list a migration too, so only masters count. A list of something else
// than migrations is no such list.
void migrations_take(struct node_snapshot *node, const struct reply *reply)
{
    struct migrations all = {.oldest_ack_s = INT64_MAX};
    for (size_t i = 0; reply->type == REPLY_ARRAY && i < reply->count; i++) {
        add_migration(&all, reply->element[i]);
    }
    bool understood = all.total > 0 || reply->count == 0;
    if (node->replication.is_replica || reply->type != REPLY_ARRAY || !understood) {
        return;
    }
    for (int state = 0; state < STATES; state++) {
        samples_set_part(node->samples, GROUP_MIGRATION, span_of(state_names[state]), SPAN(""),
                         SPAN("count"), arena_u64(&node->samples->arena, all.count[state]));
    }
    set_ack_age(node, all.oldest_ack_s);
}

// --- Slots that migrate key by key ---

// The sum is told when it is whole.
static void take_key_count(struct node_snapshot *node, const struct followup *asked,
                           const struct reply *reply)
{
    (void)asked;
    if (reply->type != REPLY_INTEGER || reply->integer < 0) {
        return;
    }
    node->migrating_keys += (uint64_t)reply->integer;
    if (--node->slots_uncounted == 0) {
        samples_set(node->samples, FROM_OPEN_SLOTS, SPAN("keys"),
                    arena_u64(&node->samples->arena, node->migrating_keys));
    }
}

static void ask_key_count(struct node_snapshot *node, uint16_t slot)
{
    struct buf number = BUF_EMPTY;
    buf_i64(&number, slot);
    struct followup question = {.command = COMMAND_CLUSTER_COUNTKEYSINSLOT,
                                .collector = COLLECTOR_BASE,
                                .argument = {followup_keep(node, buf_view(&number))},
                                .argument_count = 1,
                                .take = take_key_count};
    buf_free(&number);
    followup_add(node, &question);
}

void migrating_slots_begin(struct node_snapshot *node)
{
    const struct view *view = node->view;
    bool is_master = view != NULL && (view->self->node.flags & NODE_MASTER) != 0;
    for (size_t i = 0; is_master && i < view->open_count; i++) {
        if (!view->open[i].importing && node->slots_uncounted < OPEN_SLOTS_MAX) {
            ask_key_count(node, view->open[i].slot);
            node->slots_uncounted++;
        }
    }
}
