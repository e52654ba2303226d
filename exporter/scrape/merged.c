// The rows that show the judgement about a cluster. Most show one number of it: `offset` says
// which, and the function how. There is none while no view could be read.
#include <stddef.h>

#include "base/clock.h"
#include "metrics/page.h"
#include "scrape/computed.h"
#include "scrape/snapshot.h"

static const void *field(const void *record, const struct emitter *to)
{
    return (const char *)record + to->metric->offset;
}

// --- numbers of the cluster ---

static void count(struct emitter *to, const struct snapshot *snapshot)
{
    if (snapshot->has_topology) {
        emit(to, (double)*(const size_t *)field(snapshot->health, to));
    }
}

static void yes_or_no(struct emitter *to, const struct snapshot *snapshot)
{
    if (snapshot->has_topology) {
        emit(to, *(const bool *)field(snapshot->health, to) ? 1 : 0);
    }
}

// -1 says that it is not known.
static void sum(struct emitter *to, const struct snapshot *snapshot)
{
    int64_t value = *(const int64_t *)field(snapshot->health, to);
    if (snapshot->has_topology && value >= 0) {
        emit(to, (double)value);
    }
}

static void ratio(struct emitter *to, const struct snapshot *snapshot)
{
    double value = *(const double *)field(snapshot->health, to);
    if (snapshot->has_topology && value > 0) {
        emit(to, value);
    }
}

static void margin(struct emitter *to, const struct snapshot *snapshot)
{
    if (snapshot->has_topology && snapshot->health->voting_masters > 0) {
        emit(to, (double)snapshot->health->quorum_margin);
    }
}

static void nodes_by_health(struct emitter *to, const struct snapshot *snapshot)
{
    for (int role = 0; snapshot->has_topology && role < ROLE_COUNT; role++) {
        for (int health = 0; health < HEALTH_COUNT; health++) {
            const struct label labels[] = {
                {"role", span_of(node_role_name((enum node_role)role))},
                {"health", span_of(node_health_name((enum node_health)health))},
            };
            emit_labelled(to, labels, 2, (double)snapshot->health->nodes[role][health]);
        }
    }
}

static void slots_uncovered(struct emitter *to, const struct snapshot *snapshot)
{
    const struct health *health = snapshot->health;
    const struct label unassigned = {"reason", SPAN("unassigned")};
    const struct label failed = {"reason", SPAN("owner_fail")};
    const struct label suspected = {"reason", SPAN("owner_pfail")};
    if (snapshot->has_topology) {
        emit_labelled(to, &unassigned, 1, (double)health->slots_unassigned);
        emit_labelled(to, &failed, 1, (double)health->slots_owner_failed);
        emit_labelled(to, &suspected, 1, (double)health->slots_owner_suspected);
    }
}

static void slots_open(struct emitter *to, const struct snapshot *snapshot)
{
    const struct label migrating = {"direction", SPAN("migrating")};
    const struct label importing = {"direction", SPAN("importing")};
    if (snapshot->has_topology) {
        emit_labelled(to, &migrating, 1, (double)snapshot->health->slots_migrating);
        emit_labelled(to, &importing, 1, (double)snapshot->health->slots_importing);
    }
}

static void open_since(struct emitter *to, const struct snapshot *snapshot)
{
    if (snapshot->has_topology && snapshot->health->open_since_s > 0) {
        emit(to, (double)snapshot->health->open_since_s);
    }
}

static void config_mismatch(struct emitter *to, const struct snapshot *snapshot)
{
    const struct health *health = snapshot->health;
    for (int i = 0; health->config_readable > 0 && i < CONFIG_COMPARED; i++) {
        const char *name = config_parameter_name((enum config_parameter)i);
        struct label label = {"parameter", span_of(name)};
        emit_labelled(to, &label, 1, health->config_differs[i] ? 1 : 0);
    }
}

// --- its hosts ---

static bool has_placement(const struct snapshot *snapshot)
{
    return snapshot->has_topology && snapshot->health->hosts > 0 &&
           !snapshot->cluster->options.one_host;
}

static void host_count(struct emitter *to, const struct snapshot *snapshot)
{
    if (has_placement(snapshot)) {
        count(to, snapshot);
    }
}

static void host_masters(struct emitter *to, const struct snapshot *snapshot)
{
    for (size_t i = 0; has_placement(snapshot) && i < snapshot->health->hosts; i++) {
        const struct health_host *host = &snapshot->health->host[i];
        struct label label = {"host", host->name};
        emit_labelled(to, &label, 1, (double)host->masters);
    }
}

// What the operator has said; nothing where nothing was.
static void expectation(struct emitter *to, const struct snapshot *snapshot)
{
    size_t expected = *(const size_t *)field(&snapshot->cluster->options.expect, to);
    if (expected > 0) {
        emit(to, (double)expected);
    }
}

static void zone_count(struct emitter *to, const struct snapshot *snapshot)
{
    if (snapshot->health->zones > 0) {
        count(to, snapshot);
    }
}

// --- what several scrapes tell ---

static void event(struct emitter *to, const struct snapshot *snapshot)
{
    if (!snapshot->cluster->is_single_server && snapshot->cluster->history != NULL) {
        emit(to, (double)*(const uint64_t *)field(history_events(snapshot->cluster->history), to));
    }
}

static void topology_age(struct emitter *to, const struct snapshot *snapshot)
{
    const struct cluster *cluster = snapshot->cluster;
    if (!cluster->is_single_server && cluster->topology_us != 0) {
        emit_us(to, clock_monotonic_us() - cluster->topology_us);
    }
}

// --- numbers of a node ---

static void node_count(struct emitter *to, const struct snapshot *snapshot,
                       const struct node_snapshot *node)
{
    (void)snapshot;
    if (node->verdict->known) {
        emit(to, (double)*(const size_t *)field(node->verdict, to));
    }
}

// -1 says that it is not known, here and below.
static void node_number(struct emitter *to, const struct snapshot *snapshot,
                        const struct node_snapshot *node)
{
    int64_t value = *(const int64_t *)field(node->verdict, to);
    (void)snapshot;
    if (node->verdict->known && value >= 0) {
        emit(to, (double)value);
    }
}

static void node_real(struct emitter *to, const struct snapshot *snapshot,
                      const struct node_snapshot *node)
{
    double value = *(const double *)field(node->verdict, to);
    (void)snapshot;
    if (node->verdict->known && value >= 0) {
        emit(to, value);
    }
}

static void node_fact(struct emitter *to, const struct snapshot *snapshot,
                      const struct node_snapshot *node)
{
    enum tristate value = *(const enum tristate *)field(node->verdict, to);
    (void)snapshot;
    if (node->verdict->known && value != UNKNOWN) {
        emit(to, value == YES ? 1 : 0);
    }
}

static void links_down(struct emitter *to, const struct snapshot *snapshot,
                       const struct node_snapshot *node)
{
    if (node->outcome == OUTCOME_OK && node->view != NULL) {
        node_count(to, snapshot, node);
    }
}

static void reporters(struct emitter *to, const struct snapshot *snapshot,
                      const struct node_snapshot *node)
{
    const struct label pfail = {"flag", SPAN("pfail")};
    const struct label fail = {"flag", SPAN("fail")};
    (void)snapshot;
    if (node->verdict->known) {
        emit_labelled(to, &pfail, 1, (double)node->verdict->pfail_reporters);
        emit_labelled(to, &fail, 1, (double)node->verdict->fail_reporters);
    }
}

static void healthy_replicas(struct emitter *to, const struct snapshot *snapshot,
                             const struct node_snapshot *node)
{
    if (node->verdict->role == ROLE_MASTER) {
        node_count(to, snapshot, node);
    }
}

// Of masters: a replica shows its master's, or none that means anything.
static void config_epoch(struct emitter *to, const struct snapshot *snapshot,
                         const struct node_snapshot *node)
{
    (void)snapshot;
    if (node->verdict->known && node->verdict->role == ROLE_MASTER) {
        emit(to, (double)node->verdict->line->node.config_epoch);
    }
}

static void lag_is_estimate(struct emitter *to, const struct snapshot *snapshot,
                            const struct node_snapshot *node)
{
    (void)snapshot;
    if (node->verdict->known && node->verdict->lag_seconds >= 0) {
        emit(to, node->verdict->lag_is_estimate ? 1 : 0);
    }
}

static void link_down(struct emitter *to, const struct snapshot *snapshot,
                      const struct node_snapshot *node)
{
    const struct replication *own = &node->replication;
    (void)snapshot;
    if (node->outcome == OUTCOME_OK && own->is_replica && (own->link_up || own->link_down_s >= 0)) {
        emit(to, own->link_up ? 0 : (double)own->link_down_s);
    }
}

static void clock_skew(struct emitter *to, const struct snapshot *snapshot,
                       const struct node_snapshot *node)
{
    (void)snapshot;
    if (node->outcome == OUTCOME_OK && node->facts.clock_skew_us != INT64_MIN) {
        emit_us(to, node->facts.clock_skew_us);
    }
}

#define COMPUTED RX_NONE, .source = FROM_EXPORTER
#define OF_CLUSTER(function, member)                                                               \
    COMPUTED, .cluster = (function), .offset = offsetof(struct health, member)
#define OF_EVENTS(member)                                                                          \
    COMPUTED, .cluster = event, .offset = offsetof(struct history_events, member)
#define OF_EXPECTATIONS(member)                                                                    \
    COMPUTED, .cluster = expectation, .offset = offsetof(struct expectations, member)
#define OF_NODE(function, member)                                                                  \
    COMPUTED, .node = (function), .offset = offsetof(struct node_verdict, member)

const struct metric merged_metrics[] = {
    // --- Slots ---
    {"redis_cluster_slots_covered", GAUGE, "",
     "Slots served by a master that has not failed; with the uncovered ones 16384.",
     OF_CLUSTER(count, slots_covered)},
    {"redis_cluster_slots_uncovered", GAUGE, "",
     "Slots that nobody serves: without an owner, with one that has failed, or with one that most "
     "masters suspect and that this exporter cannot reach either.",
     COMPUTED, .cluster = slots_uncovered, .labels = "reason"},
    {"redis_cluster_slots_unreachable", GAUGE, "",
     "Slots, counted as covered, whose owner this exporter cannot reach while the cluster can.",
     OF_CLUSTER(count, slots_unreachable)},
    {"redis_cluster_slots_conflicting", GAUGE, "", "Slots that two masters claim.",
     OF_CLUSTER(count, slots_conflicting)},
    {"redis_cluster_slots_open", GAUGE, "",
     "Slots on their way: migrating from, or importing to, the master that tells it.", COMPUTED,
     .cluster = slots_open, .labels = "direction"},
    {"redis_cluster_slots_open_unpaired", GAUGE, "",
     "Slots on their way on one side only, where the other side can be read.",
     OF_CLUSTER(count, slots_unpaired)},
    {"redis_cluster_slots_open_since_timestamp_seconds", GAUGE, "",
     "When the oldest of the slots on their way was first seen so.", COMPUTED,
     .cluster = open_since},

    // --- Agreement ---
    {"redis_cluster_views", GAUGE, "",
     "Different maps of who owns which slots among the nodes' views; 1 is agreement.",
     OF_CLUSTER(count, slot_maps)},
    {"redis_cluster_views_compared", GAUGE, "", "Views that were read and compared.",
     OF_CLUSTER(count, views)},
    {"redis_cluster_epoch_collisions", GAUGE, "",
     "Masters that have the same config epoch as another one.",
     OF_CLUSTER(count, epoch_collisions)},
    {"redis_cluster_seed_groups", GAUGE, "",
     "Groups of nodes that do not know each other; 2 when the addresses are of two clusters.",
     OF_CLUSTER(count, groups)},
    {"redis_cluster_topology_age_seconds", GAUGE, "", "Time since a node last told the topology.",
     COMPUTED, .cluster = topology_age},

    // --- Membership ---
    {"redis_cluster_nodes", GAUGE, "",
     "Nodes by role and by health: fail, pfail and noaddr are what most masters say; unreachable "
     "and loading are what this exporter sees of the others.",
     COMPUTED, .cluster = nodes_by_health, .labels = "role, health"},
    {"redis_cluster_nodes_handshake", GAUGE, "",
     "Nodes with which one node is shaking hands; the most of any view.",
     OF_CLUSTER(count, handshakes)},
    {"redis_cluster_nodes_isolated", GAUGE, "",
     "Nodes that answer, and know nobody or are known to nobody.", OF_CLUSTER(count, isolated)},
    {"redis_cluster_nodes_partially_known", GAUGE, "",
     "Nodes that some views list and others do not.", OF_CLUSTER(count, partially_known)},

    // --- Redundancy ---
    {"redis_cluster_voting_masters", GAUGE, "", "Masters that own slots.",
     OF_CLUSTER(count, voting_masters)},
    {"redis_cluster_quorum", GAUGE, "", "Votes that a failover needs.", OF_CLUSTER(count, quorum)},
    {"redis_cluster_quorum_margin", GAUGE, "",
     "Voting masters that may be lost at once before no failover is possible; negative: none is.",
     COMPUTED, .cluster = margin},
    {"redis_cluster_masters_empty", GAUGE, "", "Masters without slots.",
     OF_CLUSTER(count, masters_empty)},
    {"redis_cluster_masters_without_replica", GAUGE, "",
     "Voting masters without a replica that is healthy and linked.",
     OF_CLUSTER(count, masters_without_replica)},
    {"redis_cluster_replicas_min", GAUGE, "", "Healthy replicas of the master that has fewest.",
     OF_CLUSTER(count, replicas_min)},
    {"redis_cluster_expected_nodes", GAUGE, "", "Nodes that the operator expects.",
     OF_EXPECTATIONS(nodes)},
    {"redis_cluster_expected_voting_masters", GAUGE, "",
     "Masters with slots that the operator expects.", OF_EXPECTATIONS(masters)},
    {"redis_cluster_expected_replicas_min", GAUGE, "",
     "Healthy replicas that the operator expects of each master.", OF_EXPECTATIONS(replicas)},
    {"redis_cluster_node_failures_survivable", GAUGE, "",
     "Nodes that may be lost at once, the worst ones, with all slots still served in the end.",
     OF_CLUSTER(count, node_failures_survivable)},
    {"redis_cluster_host_failures_survivable", GAUGE, "",
     "Hosts that may be lost at once, the worst ones, with all slots still served in the end.",
     OF_CLUSTER(host_count, host_failures_survivable)},
    {"redis_cluster_hosts_critical", GAUGE, "",
     "Hosts whose loss ends the quorum or takes all of a shard.",
     OF_CLUSTER(host_count, hosts_critical)},
    {"redis_cluster_host_masters", GAUGE, "", "Voting masters on the host.", COMPUTED,
     .cluster = host_masters, .labels = "host"},
    {"redis_cluster_shards_single_host", GAUGE, "",
     "Shards whose living nodes are all on one host.", OF_CLUSTER(host_count, shards_single_host)},
    {"redis_cluster_shards_single_zone", GAUGE, "",
     "Shards whose nodes are all in one availability zone.",
     OF_CLUSTER(zone_count, shards_single_zone)},
    {"redis_cluster_failover_in_progress", GAUGE, "",
     "1 while a failed master's slots wait for a replica that could take them, or a node says that "
     "it hands over.",
     OF_CLUSTER(yes_or_no, failover_in_progress)},

    // --- Events, as this exporter saw them ---
    {"redis_cluster_failovers_total", COUNTER, "",
     "Times that a replica took over the slots of its master.", OF_EVENTS(failovers)},
    {"redis_cluster_slot_moves_total", COUNTER, "", "Slots that went to another shard.",
     OF_EVENTS(slot_moves)},
    {"redis_cluster_full_syncs_total", COUNTER, "",
     "Full syncs that the masters gave to replicas; restarts of servers do not reset it.",
     OF_EVENTS(full_syncs)},

    // --- Fleet ---
    {"redis_cluster_versions", GAUGE, "", "Different versions among the nodes.",
     OF_CLUSTER(count, versions)},
    {"redis_cluster_config_mismatch", GAUGE, "",
     "1 for a setting that is not the same on all nodes that tell it.", COMPUTED,
     .cluster = config_mismatch, .collector = COLLECTOR_CONFIG, .labels = "parameter"},
    {"redis_cluster_nodes_sharing_data_files", GAUGE, "",
     "Nodes whose data files another node on the same host writes too: they will destroy each "
     "other's data.",
     OF_CLUSTER(count, shared_data), .collector = COLLECTOR_CONFIG},
    {"redis_cluster_keys", GAUGE, "", "Keys of all masters.", OF_CLUSTER(sum, keys)},
    {"redis_cluster_memory_used_bytes", GAUGE, "", "Memory in use by all masters.",
     OF_CLUSTER(sum, memory_used_bytes)},
    {"redis_cluster_memory_max_bytes", GAUGE, "",
     "Sum of the masters' limits on used memory; absent when one has none.",
     OF_CLUSTER(sum, memory_max_bytes)},
    {"redis_cluster_slot_skew_ratio", GAUGE, "",
     "Slots of the master that has most, over the mean of the voting masters.",
     OF_CLUSTER(ratio, slot_skew)},
    {"redis_cluster_key_skew_ratio", GAUGE, "", "The same of keys.", OF_CLUSTER(ratio, key_skew)},
    {"redis_cluster_memory_skew_ratio", GAUGE, "", "The same of used memory.",
     OF_CLUSTER(ratio, memory_skew)},

    // --- Each node, as the others see it ---
    {"redis_cluster_node_slots", GAUGE, "",
     "Slots that the node owns: by its own word, else by most of the others'.",
     OF_NODE(node_count, slots)},
    {"redis_cluster_node_config_epoch", GAUGE, "", "Config epoch of a master.", COMPUTED,
     .node = config_epoch},
    {"redis_cluster_node_reporters", GAUGE, "",
     "Readable masters whose view says pfail, or fail, of the node.", COMPUTED, .node = reporters,
     .labels = "flag"},
    {"redis_cluster_node_seen_by", GAUGE, "", "Views that list the node, its own included.",
     OF_NODE(node_count, seen_by)},
    {"redis_cluster_node_links_down", GAUGE, "",
     "Bus links of the node that are down, those to nodes that it suspects or holds for failed "
     "left "
     "out.",
     OF_NODE(links_down, links_down)},
    {"redis_cluster_node_address_mismatch", GAUGE, "",
     "1 when the node tells another address than most of its peers hold.",
     OF_NODE(node_fact, address_mismatch)},
    {"redis_cluster_master_healthy_replicas", GAUGE, "",
     "Replicas of the master that are healthy and linked; of one that is down, those that could "
     "take "
     "over.",
     OF_NODE(healthy_replicas, replicas_healthy)},
    {"redis_clock_skew_seconds", GAUGE, "",
     "The server's clock minus this exporter's, the way of the reply included.", COMPUTED,
     .node = clock_skew},

    // --- Replication ---
    {"redis_replica_lag_bytes", GAUGE, "",
     "Bytes of the replication stream that the replica has not acknowledged, by one reply of its "
     "master, or else not applied, by both; absent while it syncs or cannot be matched.",
     OF_NODE(node_number, lag_bytes)},
    {"redis_replica_receive_lag_bytes", GAUGE, "",
     "Bytes that the replica has not received, by its own reply and its master's.",
     OF_NODE(node_number, receive_lag_bytes)},
    {"redis_replica_apply_lag_bytes", GAUGE, "",
     "Bytes that the replica has not applied, by its own reply and its master's.",
     OF_NODE(node_number, apply_lag_bytes)},
    {"redis_replica_lag_seconds", GAUGE, "",
     "How long ago the master's stream was where the replica is now, by the offsets seen at the "
     "scrapes before.",
     OF_NODE(node_real, lag_seconds)},
    {"redis_replica_lag_is_estimate", GAUGE, "",
     "1 when the lag in seconds is bytes over the mean rate, since no scrape reaches back so far.",
     COMPUTED, .node = lag_is_estimate},
    {"redis_replica_ack_age_seconds", GAUGE, "",
     "Time since the replica last acknowledged, in whole seconds; no measure of its data's age.",
     OF_NODE(node_number, ack_age_s)},
    {"redis_replica_backlog_usage_ratio", GAUGE, "",
     "The replica's lag over the size of its master's backlog; beyond 1 a broken link means a full "
     "sync.",
     OF_NODE(node_real, backlog_usage)},
    {"redis_replica_failover_eligible", GAUGE, "",
     "1 when the replica could take over from its master, by its flags and the age of its data.",
     OF_NODE(node_fact, eligible)},
    {"redis_replica_replid_mismatch", GAUGE, "",
     "1 when the replica's data are of another history than its master's.",
     OF_NODE(node_fact, wrong_history)},
    {"redis_replica_master_mismatch", GAUGE, "",
     "1 when the replica replicates from another address than the master that the cluster names.",
     OF_NODE(node_fact, wrong_master)},
    {"redis_replica_link_down_seconds", GAUGE, "",
     "How long the link to the master has been down; 0 while it is up.", COMPUTED,
     .node = link_down},
};

const size_t merged_metric_count = sizeof(merged_metrics) / sizeof(merged_metrics[0]);
