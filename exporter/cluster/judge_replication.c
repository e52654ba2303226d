// How far replicas are behind, and whether they could take over.
#include "cluster/judgement.h"

static bool is_at(struct span host, uint16_t port, const struct node_line *node)
{
    return port == node->port && host.length > 0 &&
           (span_equals(host, node->host) || span_equals(host, node->hostname));
}

// The replica's line of the master's reply. False when there is none, or when two replicas behind
// one address cannot be told apart.
static bool find_line(const struct replication *master, const struct node_line *node,
                      struct replica_line *out)
{
    struct span rest = master->text;
    struct replica_line replica;
    size_t matches = 0;
    while (replication_next(&rest, &replica)) {
        if (is_at(replica.ip, replica.port, node) && !replica.channel_only) {
            *out = replica;
            matches++;
        }
    }
    return matches == 1;
}

static int64_t behind(int64_t ahead, int64_t back)
{
    int64_t lag = ahead - back;
    return lag > 0 ? lag : 0;
}

// The master's offset and the replica's acknowledged one stand in the same reply, so that no time
// passes between them. Only an online replica has an offset that means anything.
static void measure_by_master(struct node_verdict *verdict, const struct replication *master)
{
    struct replica_line line = {.offset = -1, .ack_age_s = -1};
    if (!find_line(master, &verdict->line->node, &line) || !span_is(line.state, "online") ||
        line.offset < 0) {
        return;
    }
    verdict->ack_age_s = line.ack_age_s;
    if (line.offset > 0 && master->master_offset >= 0) {
        verdict->lag_bytes = behind(master->master_offset, line.offset);
    }
}

// Offsets of two nodes mean the same only within one history. Servers before 4.0 do not name it.
static enum tristate is_other_history(const struct replication *master,
                                      const struct replication *replica)
{
    if (master->id.length == 0 || replica->id.length == 0) {
        return UNKNOWN;
    }
    bool same = span_equals(master->id, replica->id);
    bool earlier =
        span_equals(master->previous_id, replica->id) && replica->applied < master->previous_end;
    return same || earlier ? NO : YES;
}

// Offsets of replies that did not come at the same moment: what seems ahead is not behind. A
// replica without data tells 0 or 1.
static void measure_by_both(struct node_verdict *verdict, const struct replication *master,
                            const struct replication *replica)
{
    verdict->wrong_history = is_other_history(master, replica);
    if (verdict->wrong_history == YES || !replica->link_up || replica->syncing ||
        master->master_offset < 0) {
        return;
    }
    if (replica->applied > 1) {
        verdict->apply_lag_bytes = behind(master->master_offset, replica->applied);
    }
    if (replica->received > 1) {
        verdict->receive_lag_bytes = behind(master->master_offset, replica->received);
    }
}

static bool is_at_some_node(const struct judgement *all, struct span host, uint16_t port)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct node_verdict *verdict = &all->health->node[i];
        if (verdict->known && is_at(host, port, &verdict->line->node)) {
            return true;
        }
    }
    return false;
}

// Another port of the master's host is another node's, or the one for TLS, where the nodes use that
// among themselves and this exporter does not.
static void compare_master(struct judgement *all, struct node_verdict *verdict,
                           const struct replication *replica)
{
    const struct node_verdict *master = &all->health->node[verdict->master];
    const char *asked = all->input[verdict->master].host;
    struct span host = replica->master_host;
    if (!replica->is_replica || host.length == 0 || !master->known ||
        master->line->node.port == 0) {
        return;
    }
    bool same_host = span_equals(host, master->line->node.host) ||
                     span_equals(host, master->line->node.hostname) ||
                     span_equals(host, master->host) || (asked != NULL && span_is(host, asked));
    if (same_host && replica->master_port == master->line->node.port) {
        verdict->wrong_master = NO;
    } else if (!same_host || is_at_some_node(all, host, replica->master_port)) {
        verdict->wrong_master = YES;
    }
}

static bool setting(const struct facts *facts, enum config_parameter parameter, int64_t *out)
{
    return facts != NULL && span_i64(facts->config[parameter], out);
}

// The rule of the server: no contact for longer than the ping period and so many node timeouts
// makes a replica's data too old. Source: redis src/cluster.c clusterHandleSlaveFailover.
static enum tristate is_eligible(const struct node_verdict *verdict,
                                 const struct replication *replica, const struct facts *facts)
{
    int64_t timeout_ms;
    int64_t factor;
    int64_t ping_s;
    if (verdict->line->node.flags & NODE_NOFAILOVER) {
        return NO;
    }
    if (replica->link_up) {
        return YES;
    }
    if (replica->link_down_s < 0) {
        return replica->applied > 1 ? UNKNOWN : NO; // it never had its master's data
    }
    if (!setting(facts, CONFIG_NODE_TIMEOUT, &timeout_ms) ||
        !setting(facts, CONFIG_VALIDITY_FACTOR, &factor) ||
        !setting(facts, CONFIG_PING_PERIOD, &ping_s)) {
        return UNKNOWN;
    }
    double limit_s = (double)ping_s + (double)timeout_ms / 1000 * ((double)factor + 1);
    return factor == 0 || (double)replica->link_down_s <= limit_s ? YES : NO;
}

static void judge_replica(struct judgement *all, size_t index)
{
    struct node_verdict *verdict = &all->health->node[index];
    const struct health_input *input = &all->input[index];
    const struct replication *replica = input->replication;
    const struct replication *master = NULL;
    if (verdict->master != NO_NODE) {
        master = all->input[verdict->master].replication;
    }
    if (replica != NULL) {
        verdict->eligible = is_eligible(verdict, replica, input->facts);
    }
    if (replica != NULL && verdict->master != NO_NODE) {
        compare_master(all, verdict, replica);
    }
    if (master == NULL || master->is_replica) {
        return;
    }
    measure_by_master(verdict, master);
    if (replica != NULL && replica->is_replica) {
        measure_by_both(verdict, master, replica);
    }
    if (verdict->lag_bytes < 0) {
        verdict->lag_bytes = verdict->apply_lag_bytes;
    }
    if (verdict->lag_bytes >= 0 && master->backlog_bytes > 0) {
        verdict->backlog_usage = (double)verdict->lag_bytes / (double)master->backlog_bytes;
    }
}

void judge_replication(struct judgement *all)
{
    for (size_t i = 0; i < all->count; i++) {
        struct node_verdict *verdict = &all->health->node[i];
        verdict->lag_bytes = -1;
        verdict->receive_lag_bytes = -1;
        verdict->apply_lag_bytes = -1;
        verdict->ack_age_s = -1;
        verdict->lag_seconds = -1;
        verdict->backlog_usage = -1;
        verdict->eligible = UNKNOWN;
        verdict->wrong_master = UNKNOWN;
        verdict->wrong_history = UNKNOWN;
        if (verdict->known && verdict->role == ROLE_REPLICA) {
            judge_replica(all, i);
        }
    }
}
