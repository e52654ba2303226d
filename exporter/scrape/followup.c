#include "scrape/followup.h"

#include <stdlib.h>

#include "base/mem.h"
#include "scrape/keys.h"
#include "scrape/migrations.h"
#include "scrape/search.h"
#include "scrape/sentinel.h"
#include "scrape/slot_stats.h"

struct followups {
    struct followup *item; // 0 .. taken .. sent .. count
    size_t count;
    size_t capacity;
    size_t sent;
    size_t taken;
    struct key_work *keys;
    struct arena arena;
};

void followup_add(struct node_snapshot *node, const struct followup *followup)
{
    struct followups *all = node->followups;
    all->item = mem_grow(all->item, all->count, &all->capacity, sizeof(all->item[0]));
    all->item[all->count++] = *followup;
}

struct span followup_keep(struct node_snapshot *node, struct span text)
{
    return arena_copy(&node->followups->arena, text);
}

struct key_work *followup_keys(const struct node_snapshot *node)
{
    return node->followups->keys;
}

void followups_begin(struct node_snapshot *node, int64_t deadline_us)
{
    node->followups = mem_new(1, sizeof(*node->followups));
    sentinel_begin(node);
    search_begin(node);
    migrating_slots_begin(node);
    slot_stats_begin(node);
    node->followups->keys = keys_begin(node, deadline_us);
}

// What the server does not have, or has refused on this connection, is left out.
static bool send_new(struct node_snapshot *node)
{
    struct followups *all = node->followups;
    struct conn *conn = node->member->conn;
    size_t kept = all->sent;
    for (size_t i = all->sent; i < all->count; i++) {
        const struct followup *item = &all->item[i];
        if (command_available(command_bit(item->command), &node->server) != 0 &&
            conn_queue(conn, item->command, item->argument, item->argument_count)) {
            all->item[kept++] = *item;
        }
    }
    bool any = kept > all->sent;
    all->count = kept;
    all->sent = kept;
    if (any) {
        conn_send(conn);
    }
    return any;
}

bool followups_send(struct node_snapshot *node)
{
    struct followups *all = node->followups;
    if (all->taken == all->count) {
        all->taken = all->sent = all->count = 0;
    }
    while (!send_new(node)) {
        if (!keys_step(all->keys)) {
            return false;
        }
    }
    return true;
}

void followups_take(struct node_snapshot *node, const struct reply *reply)
{
    struct followups *all = node->followups;
    CHECK(all->taken < all->sent);
    struct followup asked = all->item[all->taken++]; // a copy: more may be added
    asked.take(node, &asked, reply);
}

void followups_give_up(struct node_snapshot *node)
{
    struct followups *all = node->followups;
    for (size_t i = all->taken; i < all->count; i++) {
        node->cut_short |= collector_bit(all->item[i].collector);
    }
    keys_give_up(all->keys);
}

void followups_free(struct node_snapshot *node)
{
    if (node->followups != NULL) {
        keys_free(node->followups->keys);
        arena_free(&node->followups->arena);
        free(node->followups->item);
        free(node->followups);
        node->followups = NULL;
    }
}
