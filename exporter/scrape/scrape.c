#include "scrape/scrape.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

struct scrape {
    struct snapshot *snapshot;
    scrape_done *done;
    void *owner;
    int64_t started_us;
    int64_t deadline_us;
    size_t pending; // nodes that have not answered yet
    struct event *deadline;
    struct event *finish; // when nothing is pending, in a turn of the loop of its own
};

// What a member's connection needs to find its way back.
struct asking {
    struct scrape *scrape;
    struct node_snapshot *node;
};

static const command_set commands = (command_set)1 << COMMAND_INFO |
                                    (command_set)1 << COMMAND_CLUSTER_INFO |
                                    (command_set)1 << COMMAND_CLUSTER_NODES;

static void ask_new_members(struct scrape *scrape);

static void take_text(struct reply *reply, char **text, size_t *length)
{
    free(*text);
    *length = reply->text.length;
    *text = reply_take_text(reply);
}

static void take_view(struct asking *asking, struct reply *reply)
{
    struct node_snapshot *node = asking->node;
    size_t length = reply->text.length;
    view_free(node->view);
    node->view = view_parse(reply_take_text(reply), length);
    node->view_broken = node->view == NULL;
    if (node->view == NULL) {
        return;
    }
    node->outcome = cluster_learn(asking->scrape->snapshot->cluster, node->member, node->view);
    ask_new_members(asking->scrape);
}

static void on_reply(void *owner, enum command command, struct reply *reply)
{
    struct member *member = owner;
    struct asking *asking = member->asking;
    if (reply->type == REPLY_ERROR) {
        // Refused, or loading: the node goes without it.
        asking->node->refused |= command_is_refused(reply->text) ? command_bit(command) : 0;
        return;
    }
    asking->node->answered |= command_bit(command);
    if (reply->type != REPLY_STRING) {
        return;
    }
    switch (command) {
    case COMMAND_INFO:
        take_text(reply, &asking->node->info, &asking->node->info_length);
        break;
    case COMMAND_CLUSTER_INFO:
        take_text(reply, &asking->node->cluster_info, &asking->node->cluster_info_length);
        break;
    case COMMAND_CLUSTER_NODES:
        take_view(asking, reply);
        break;
    case COMMAND_COUNT:
        break;
    }
}

static void on_done(void *owner, enum outcome outcome, const char *detail)
{
    struct member *member = owner;
    struct asking *asking = member->asking;
    struct scrape *scrape = asking->scrape;
    struct node_snapshot *node = asking->node;
    if (outcome != OUTCOME_OK) {
        node->outcome = outcome;
    }
    bool wrong = node->outcome == OUTCOME_WRONG_NODE;
    span_copy(span_of(wrong ? "another node lives at its address" : detail), node->detail,
              sizeof(node->detail));
    node->duration_us = clock_monotonic_us() - node->started_us;
    node->done = true;
    member->asking = NULL;
    free(asking);
    if (--scrape->pending == 0) {
        event_active(scrape->finish, EV_TIMEOUT, 0);
    }
}

// A connection that is gone is made anew at the address which the cluster now gives for the node.
static void prepare_conn(struct cluster *cluster, struct member *member)
{
    if (member->conn != NULL && !conn_is_open(member->conn) &&
        !address_equal(conn_address(member->conn), &member->address)) {
        conn_free(member->conn);
        member->conn = NULL;
    }
    if (member->conn == NULL) {
        member->conn = conn_new(&cluster->options.conn, &member->address,
                                (struct conn_handler){on_reply, on_done, member});
    }
}

static void ask(struct scrape *scrape, struct member *member)
{
    struct asking *asking = mem_new(1, sizeof(*asking));
    asking->scrape = scrape;
    asking->node = snapshot_add(scrape->snapshot, member);
    asking->node->started_us = clock_monotonic_us();
    member->asking = asking;
    prepare_conn(scrape->snapshot->cluster, member);
    conn_ask(member->conn, commands);
    scrape->pending++;
}

// Members are only added at the end of the list while a scrape runs.
static void ask_new_members(struct scrape *scrape)
{
    const struct cluster *cluster = scrape->snapshot->cluster;
    while (scrape->snapshot->count < cluster->count) {
        ask(scrape, cluster->member[scrape->snapshot->count]);
    }
}

static void free_scrape(struct scrape *scrape)
{
    event_free(scrape->deadline);
    event_free(scrape->finish);
    snapshot_free(scrape->snapshot);
    free(scrape);
}

static void on_finish(evutil_socket_t fd, short what, void *context)
{
    struct scrape *scrape = context;
    (void)fd;
    (void)what;
    if (scrape->pending > 0) {
        return; // a member was learnt after the last one had answered
    }
    struct snapshot *snapshot = scrape->snapshot;
    scrape->snapshot = NULL;
    snapshot->duration_us = clock_monotonic_us() - scrape->started_us;
    snapshot_complete(snapshot);
    scrape->done(scrape->owner, snapshot);
    free_scrape(scrape);
}

static void on_deadline(evutil_socket_t fd, short what, void *context)
{
    struct scrape *scrape = context;
    (void)fd;
    (void)what;
    for (size_t i = 0; i < scrape->snapshot->count; i++) {
        struct node_snapshot *node = scrape->snapshot->node[i];
        if (!node->done) {
            conn_give_up(node->member->conn);
        }
    }
}

struct scrape *scrape_start(struct cluster *cluster, int64_t timeout_us, scrape_done *done,
                            void *owner)
{
    struct scrape *scrape = mem_new(1, sizeof(*scrape));
    scrape->snapshot = snapshot_new(cluster);
    scrape->done = done;
    scrape->owner = owner;
    scrape->started_us = clock_monotonic_us();
    scrape->deadline_us = INT64_MAX;
    scrape->deadline = evtimer_new(cluster->options.conn.base, on_deadline, scrape);
    scrape->finish = evtimer_new(cluster->options.conn.base, on_finish, scrape);
    CHECK(scrape->deadline != NULL && scrape->finish != NULL);
    scrape_hasten(scrape, timeout_us);
    cluster_prepare(cluster);
    ask_new_members(scrape);
    return scrape;
}

void scrape_hasten(struct scrape *scrape, int64_t timeout_us)
{
    int64_t deadline_us = clock_monotonic_us() + timeout_us;
    if (deadline_us < scrape->deadline_us) {
        struct timeval limit = {timeout_us / SECOND_US, timeout_us % SECOND_US};
        scrape->deadline_us = deadline_us;
        event_add(scrape->deadline, &limit);
    }
}

void scrape_cancel(struct scrape *scrape)
{
    for (size_t i = 0; i < scrape->snapshot->count; i++) {
        struct member *member = scrape->snapshot->node[i]->member;
        if (!scrape->snapshot->node[i]->done) {
            conn_free(member->conn);
            member->conn = NULL;
            free(member->asking);
            member->asking = NULL;
        }
    }
    free_scrape(scrape);
}
