#include "scrape/scrape.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cluster/view_policy.h"
#include "scrape/collect.h"
#include "scrape/followup.h"

struct scrape {
    struct snapshot *snapshot;
    struct scrape_wait *waiting;
    int64_t started_us;
    int64_t deadline_us;
    size_t pending; // nodes that have not answered yet
    bool odd_asked; // those that seemed to disagree were asked for their views
    struct event *deadline;
    struct event *finish; // when nothing is pending, in a turn of the loop of its own
    bool over;            // the deadline has come
    bool sought;          // lost and moved nodes have been looked for
    bool renewed;         // the login has been looked for as well
};

// What a member's connection needs to find its way back.
struct asking {
    struct scrape *scrape;
    struct node_snapshot *node;
    bool following; // the main replies are there
    bool view_only; // after them, the view of a node that seems to disagree
};

static void ask_new_members(struct scrape *scrape);

static struct server_kind server_of(const struct samples *samples)
{
    const struct server_words words = {
        .redis_version = samples_field(samples, FROM_INFO, SPAN("redis_version")),
        .valkey_version = samples_field(samples, FROM_INFO, SPAN("valkey_version")),
        .redis_mode = samples_field(samples, FROM_INFO, SPAN("redis_mode")),
        .server_mode = samples_field(samples, FROM_INFO, SPAN("server_mode")),
        .cluster_enabled = samples_field(samples, FROM_INFO, SPAN("cluster_enabled")),
        .loading = samples_field(samples, FROM_INFO, SPAN("loading")),
    };
    return server_kind_of(&words);
}

// INFO is kept: samples and judgement point into it. It also tells which commands make sense.
static void take_info(struct node_snapshot *node, struct reply *reply)
{
    if (node->info != NULL) {
        return;
    }
    struct span info = reply->text;
    node->info_length = info.length;
    node->info = reply_take_text(reply);
    node->received_us = clock_monotonic_us();
    node->received_wall_us = clock_wall_us();
    node->replication = replication_parse(info);
    samples_read(node->samples, FROM_INFO, info);
    node->server = server_of(node->samples);
}

static void take_cluster_info(struct node_snapshot *node, struct reply *reply)
{
    if (node->cluster_info == NULL) {
        samples_read(node->samples, FROM_CLUSTER_INFO, reply->text);
        node->cluster_summary = cluster_info_parse(reply->text);
        node->cluster_info = reply_take_text(reply);
    }
}

static void take_view(struct asking *asking, struct reply *reply)
{
    struct node_snapshot *node = asking->node;
    size_t length = reply->text.length;
    view_free(node->view);
    node->view = view_parse(reply_take_text(reply), length);
    node->view_broken = node->view == NULL;
    if (node->view == NULL || asking->scrape->snapshot->cluster->options.single) {
        return;
    }
    node->outcome = cluster_learn(asking->scrape->snapshot->cluster, node->member, node->view);
    ask_new_members(asking->scrape);
}

static void take_main_reply(struct asking *asking, enum command command, struct reply *reply)
{
    if (command == COMMAND_INFO && reply->type == REPLY_STRING) {
        take_info(asking->node, reply);
    } else if (command == COMMAND_CLUSTER_INFO && reply->type == REPLY_STRING) {
        take_cluster_info(asking->node, reply);
    } else if (command == COMMAND_CLUSTER_NODES && reply->type == REPLY_STRING) {
        take_view(asking, reply);
    } else {
        collect_reply(asking->node, command, reply);
    }
}

static void on_reply(void *owner, enum command command, struct reply *reply)
{
    struct member *member = owner;
    struct asking *asking = member->asking;
    bool error = reply->type == REPLY_ERROR;
    if (error) {
        // Refused, or loading: the node goes without it.
        asking->node->refused |= command_is_refused(reply->text) ? command_bit(command) : 0;
    } else {
        asking->node->answered |= command_bit(command);
    }
    if (asking->view_only) {
        if (reply->type == REPLY_STRING) {
            take_view(asking, reply);
        }
    } else if (asking->following) {
        followups_take(asking->node, reply);
    } else if (!error) {
        take_main_reply(asking, command, reply);
    }
}

// Checks of keys need to know which slots the node owns, by its own view.
static command_set wanted_commands(const struct member *member)
{
    const struct cluster_options *options = &member->cluster->options;
    command_set commands = collectors_commands(options->collectors);
    bool needs_slots = options->collect != NULL && options->collect->checks.count > 0;
    bool wants_view = needs_slots || (!options->single && member->asks_view);
    return wants_view ? commands : commands & ~command_bit(COMMAND_CLUSTER_NODES);
}

// On a new connection INFO went first: it tells what else this server can be asked without making
// it count errors. True when a second part is on its way.
static bool ask_the_rest(struct asking *asking)
{
    struct member *member = asking->node->member;
    if (conn_connect_us(member->conn) == 0) {
        return false;
    }
    command_set wanted = wanted_commands(member);
    member->server = asking->node->server;
    member->slot_stats_unsorted = 0;
    wanted = command_available(wanted, &member->server) & ~command_bit(COMMAND_INFO);
    if (wanted != 0) {
        conn_ask_more(member->conn, wanted);
    }
    return wanted != 0;
}

static void note_outcome(struct node_snapshot *node, enum outcome outcome, const char *detail)
{
    if (outcome != OUTCOME_OK) {
        node->outcome = outcome;
    }
    node->has_main_replies = true;
    bool wrong = node->outcome == OUTCOME_WRONG_NODE;
    span_copy(span_of(wrong ? "another node lives at its address" : detail), node->detail,
              sizeof(node->detail));
    node->duration_us = clock_monotonic_us() - node->started_us;
}

// What follows from the main replies: a failure there takes nothing away from these. True while
// more is on its way.
static bool follow_up(struct asking *asking, enum outcome outcome)
{
    struct node_snapshot *node = asking->node;
    if (!asking->following) {
        asking->following = true;
        followups_begin(node, asking->scrape->deadline_us);
    }
    if (outcome == OUTCOME_OK) {
        return followups_send(node);
    }
    followups_give_up(node);
    return false;
}

static void on_done(void *owner, enum outcome outcome, const char *detail)
{
    struct member *member = owner;
    struct asking *asking = member->asking;
    struct scrape *scrape = asking->scrape;
    struct node_snapshot *node = asking->node;
    if (!asking->following && !asking->view_only) {
        node->connect_us += conn_connect_us(member->conn);
        if (outcome == OUTCOME_OK && ask_the_rest(asking)) {
            return;
        }
        note_outcome(node, outcome, detail);
    }
    if (node->outcome == OUTCOME_OK) {
        member->dial = *conn_address(member->conn);
    }
    if (node->outcome == OUTCOME_OK && !asking->view_only && follow_up(asking, outcome)) {
        return;
    }
    followups_free(node);
    node->done = true;
    member->asking = NULL;
    free(asking);
    if (--scrape->pending == 0) {
        event_active(scrape->finish, EV_TIMEOUT, 0);
    }
}

// A connection that is gone is made anew where the node is to be looked for now.
static void prepare_conn(struct cluster *cluster, struct member *member,
                         const struct address *address)
{
    if (member->conn != NULL && !conn_is_open(member->conn) &&
        !address_equal(conn_address(member->conn), address)) {
        conn_free(member->conn);
        member->conn = NULL;
    }
    if (member->conn == NULL) {
        member->conn = conn_new(&cluster->options.conn, address,
                                (struct conn_handler){on_reply, on_done, member});
    }
    conn_set_hostname(member->conn, member->hostname);
}

static void ask(struct scrape *scrape, struct node_snapshot *node, const struct address *address)
{
    struct cluster *cluster = scrape->snapshot->cluster;
    struct member *member = node->member;
    struct asking *asking = mem_new(1, sizeof(*asking));
    asking->scrape = scrape;
    asking->node = node;
    member->asking = asking;
    scrape->pending++;
    prepare_conn(cluster, member, address);
    conn_ask(member->conn, conn_is_open(member->conn)
                               ? command_available(wanted_commands(member), &member->server)
                               : command_bit(COMMAND_INFO));
}

// Members are only added at the end of the list while a scrape runs.
static void add_new_members(struct snapshot *snapshot)
{
    const struct cluster *cluster = snapshot->cluster;
    size_t limit = cluster->options.full_views;
    while (snapshot->count < cluster->count) {
        struct member *member = cluster->member[snapshot->count];
        bool is_new = member->view_scrape == 0;
        snapshot_add(snapshot, member);
        member->asks_view |= is_new && (limit == 0 || snapshot->count <= limit);
    }
}

enum turn { TURN_OF_ANSWERED, TURN_OF_UNASKED, TURN_OF_FAILED, TURNS };

// By the scrape before. Where descriptors are few, nodes that are gone or hang would else use up
// those that the others need.
static enum turn turn_of(const struct member *member)
{
    if (!member->seen || member->outcome == OUTCOME_LOCAL_LIMIT) {
        return TURN_OF_UNASKED;
    }
    return member->outcome == OUTCOME_OK ? TURN_OF_ANSWERED : TURN_OF_FAILED;
}

static void ask_new_members(struct scrape *scrape)
{
    struct snapshot *snapshot = scrape->snapshot;
    size_t first = snapshot->count;
    add_new_members(snapshot);
    for (int turn = 0; turn < TURNS; turn++) {
        for (size_t i = first; i < snapshot->count; i++) {
            struct node_snapshot *node = snapshot->node[i];
            if (turn_of(node->member) == (enum turn)turn) {
                node->started_us = clock_monotonic_us();
                ask(scrape, node, &node->member->dial);
            }
        }
    }
}

static void ask_view(struct scrape *scrape, struct node_snapshot *node)
{
    struct conn *conn = node->member->conn;
    if (!conn_queue(conn, COMMAND_CLUSTER_NODES, NULL, 0)) {
        return;
    }
    struct asking *asking = mem_new(1, sizeof(*asking));
    *asking = (struct asking){.scrape = scrape, .node = node, .view_only = true};
    node->member->asking = asking;
    node->done = false;
    scrape->pending++;
    conn_send(conn);
}

// Of many members only some were asked for their views: those whose CLUSTER INFO differs from that
// of most are asked in the same scrape. False when there are none.
static bool ask_odd_views(struct scrape *scrape)
{
    struct snapshot *snapshot = scrape->snapshot;
    const struct cluster *cluster = snapshot->cluster;
    size_t count = snapshot->count;
    if (scrape->odd_asked || !view_policy_is_partial(cluster) ||
        clock_monotonic_us() >= scrape->deadline_us) {
        return false;
    }
    scrape->odd_asked = true;
    struct cluster_info *info = mem_new(count, sizeof(info[0]));
    bool *odd = mem_new(count, sizeof(odd[0]));
    for (size_t i = 0; i < count; i++) {
        info[i] = snapshot->node[i]->cluster_summary;
    }
    view_policy_find_odd(info, count, odd);
    for (size_t i = 0, asked = 0; i < count && asked < cluster->options.full_views; i++) {
        struct node_snapshot *node = snapshot->node[i];
        if (odd[i] && node->outcome == OUTCOME_OK && node->view == NULL && !node->view_broken &&
            conn_is_open(node->member->conn)) {
            ask_view(scrape, node);
            asked++;
        }
    }
    free(info);
    free(odd);
    return scrape->pending > 0;
}

static void free_scrape(struct scrape *scrape)
{
    event_free(scrape->deadline);
    event_free(scrape->finish);
    snapshot_release(scrape->snapshot);
    free(scrape);
}

static void tell_waiting(struct scrape *scrape)
{
    struct snapshot *snapshot = scrape->snapshot;
    while (scrape->waiting != NULL) {
        struct scrape_wait *wait = scrape->waiting;
        scrape->waiting = wait->next;
        wait->scrape = NULL;
        wait->done(wait->owner, snapshot);
    }
}

enum { PATIENCE_S = 30 }; // the next scrape is soon, or far off

static uint64_t ends; // scrapes of all clusters that have ended

// What a scrape held goes back to the system once no other one comes, of whichever cluster.
static void on_idle(evutil_socket_t fd, short what, void *context)
{
    const struct cluster *cluster = context;
    (void)fd;
    (void)what;
    if (cluster->last_end == ends) {
        mem_give_back();
    }
}

static void await_idleness(struct cluster *cluster)
{
    static const struct timeval patience = {.tv_sec = PATIENCE_S};
    cluster->last_end = ++ends;
    if (cluster->idle == NULL) {
        cluster->idle = evtimer_new(cluster->options.conn.base, on_idle, cluster);
        CHECK(cluster->idle != NULL);
    }
    event_add(cluster->idle, &patience);
}

static bool has_answer(const struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->count; i++) {
        if (snapshot->node[i]->outcome == OUTCOME_OK) {
            return true;
        }
    }
    return false;
}

// Nodes that failed where they were asked, and that the views place elsewhere: they have moved, or
// the way by which they were reached before is gone.
static void ask_moved_members(struct scrape *scrape)
{
    size_t count = scrape->snapshot->count;
    for (size_t i = 0; i < count; i++) {
        struct node_snapshot *node = scrape->snapshot->node[i];
        struct member *member = node->member;
        if (node->outcome != OUTCOME_OK && !member->superseded &&
            !address_equal(conn_address(member->conn), &member->address)) {
            conn_free(member->conn);
            member->conn = NULL;
            snapshot_renew(node);
            ask(scrape, node, &member->address);
        }
    }
}

static bool is_refused(const struct node_snapshot *node)
{
    return node->outcome == OUTCOME_AUTH && !node->member->superseded;
}

// Once a scrape: a password that was changed on the servers may have been changed in its file too.
static void ask_refused_members(struct scrape *scrape)
{
    const struct cluster_options *options = &scrape->snapshot->cluster->options;
    size_t count = scrape->snapshot->count;
    size_t first = 0;
    while (first < count && !is_refused(scrape->snapshot->node[first])) {
        first++;
    }
    if (first == count || scrape->renewed || options->renew_login == NULL) {
        return;
    }
    scrape->renewed = true;
    if (!options->renew_login(options->login_owner)) {
        return;
    }
    for (size_t i = first; i < count; i++) {
        struct node_snapshot *node = scrape->snapshot->node[i];
        if (is_refused(node)) {
            struct address address = *conn_address(node->member->conn);
            snapshot_renew(node);
            ask(scrape, node, &address);
        }
    }
}

// Once a scrape, for nodes that were not found where they were: at the seeds when all are lost,
// then where the cluster says that they are.
static void seek_missing_members(struct scrape *scrape)
{
    struct cluster *cluster = scrape->snapshot->cluster;
    if (scrape->over) {
        return;
    }
    ask_refused_members(scrape);
    if (scrape->pending == 0 && !cluster->lost && !has_answer(scrape->snapshot)) {
        cluster->lost = true;
        cluster_prepare(cluster);
        ask_new_members(scrape);
    }
    if (scrape->pending == 0 && !scrape->sought) {
        scrape->sought = true;
        ask_moved_members(scrape);
    }
}

static void on_finish(evutil_socket_t fd, short what, void *context)
{
    struct scrape *scrape = context;
    struct snapshot *snapshot = scrape->snapshot;
    (void)fd;
    (void)what;
    CHECK(scrape->pending == 0);
    snapshot_gather(snapshot);
    seek_missing_members(scrape);
    if (scrape->pending > 0 || ask_odd_views(scrape)) {
        return;
    }
    snapshot->duration_us = clock_monotonic_us() - scrape->started_us;
    snapshot_complete(snapshot);
    snapshot->cluster->scrape = NULL;
    await_idleness(snapshot->cluster);
    tell_waiting(scrape);
    free_scrape(scrape);
}

static void on_deadline(evutil_socket_t fd, short what, void *context)
{
    struct scrape *scrape = context;
    (void)fd;
    (void)what;
    scrape->over = true;
    for (size_t i = 0; i < scrape->snapshot->count; i++) {
        struct node_snapshot *node = scrape->snapshot->node[i];
        if (!node->done) {
            conn_give_up(node->member->conn);
        }
    }
}

static void arm(struct scrape *scrape, int64_t now_us, int64_t deadline_us)
{
    int64_t left_us = deadline_us > now_us ? deadline_us - now_us : 0;
    struct timeval limit = {left_us / SECOND_US, left_us % SECOND_US};
    scrape->deadline_us = deadline_us;
    event_add(scrape->deadline, &limit);
}

// `timeout_us` counts from the start: who joins late shares what was read before, and if each
// could put the end off until it has waited itself, a scrape with a hung node would never end.
static void extend(struct scrape *scrape, int64_t timeout_us)
{
    int64_t now_us = clock_monotonic_us();
    int64_t deadline_us = scrape->started_us + timeout_us;
    if (deadline_us > scrape->deadline_us && !scrape->over) {
        arm(scrape, now_us, deadline_us);
    }
}

static void start_scrape(struct cluster *cluster, int64_t deadline_us)
{
    struct scrape *scrape = mem_new(1, sizeof(*scrape));
    scrape->snapshot = snapshot_new(cluster);
    scrape->started_us = clock_monotonic_us();
    scrape->deadline = evtimer_new(cluster->options.conn.base, on_deadline, scrape);
    scrape->finish = evtimer_new(cluster->options.conn.base, on_finish, scrape);
    CHECK(scrape->deadline != NULL && scrape->finish != NULL);
    arm(scrape, scrape->started_us, deadline_us);
    cluster->scrape = scrape;
    cluster_prepare(cluster);
    view_policy_plan(cluster);
    ask_new_members(scrape);
}

void scrape_join(struct cluster *cluster, int64_t deadline_us, struct scrape_wait *wait)
{
    if (cluster->scrape == NULL) {
        start_scrape(cluster, deadline_us);
    }
    struct scrape *scrape = cluster->scrape;
    wait->scrape = scrape;
    wait->next = scrape->waiting;
    scrape->waiting = wait;
    scrape_extend(wait, deadline_us);
}

void scrape_leave(struct scrape_wait *wait)
{
    if (wait->scrape == NULL) {
        return;
    }
    struct scrape_wait **link = &wait->scrape->waiting;
    while (*link != wait) {
        link = &(*link)->next;
    }
    *link = wait->next;
    wait->scrape = NULL;
}

void scrape_extend(struct scrape_wait *wait, int64_t deadline_us)
{
    if (wait->scrape != NULL) {
        extend(wait->scrape, deadline_us - clock_monotonic_us());
    }
}

bool scrape_ends_by(const struct scrape_wait *wait, int64_t deadline_us)
{
    return wait->scrape == NULL || wait->scrape->deadline_us <= deadline_us;
}

struct snapshot *scrape_peek(const struct scrape_wait *wait)
{
    CHECK(wait->scrape != NULL);
    struct snapshot *partial = snapshot_so_far(wait->scrape->snapshot);
    partial->duration_us = clock_monotonic_us() - wait->scrape->started_us;
    return partial;
}

void scrape_hurry(struct cluster *cluster)
{
    if (cluster->scrape != NULL && !cluster->scrape->over) {
        int64_t now_us = clock_monotonic_us();
        arm(cluster->scrape, now_us, now_us);
    }
}

void scrape_abort(struct cluster *cluster)
{
    struct scrape *scrape = cluster->scrape;
    if (scrape == NULL) {
        return;
    }
    CHECK(scrape->waiting == NULL);
    for (size_t i = 0; i < scrape->snapshot->count; i++) {
        struct member *member = scrape->snapshot->node[i]->member;
        if (!scrape->snapshot->node[i]->done) {
            conn_free(member->conn);
            member->conn = NULL;
            free(member->asking);
            member->asking = NULL;
        }
    }
    cluster->scrape = NULL;
    free_scrape(scrape);
}
