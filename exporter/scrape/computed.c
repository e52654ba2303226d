// Each row of the table at the end names the function above it that gives the samples.
#include "scrape/computed.h"

#include <math.h>

#include "base/clock.h"
#include "metrics/page.h"
#include "scrape/snapshot.h"

static bool is_ok(const struct node_snapshot *node)
{
    return node->outcome == OUTCOME_OK;
}

static void node_up(struct emitter *to, const struct snapshot *snapshot,
                    const struct node_snapshot *node)
{
    (void)snapshot;
    emit(to, is_ok(node) ? 1 : 0);
}

static void node_error(struct emitter *to, const struct snapshot *snapshot,
                       const struct node_snapshot *node)
{
    struct label reason = {"err", span_of(is_ok(node) ? "" : outcome_name(node->outcome))};
    (void)snapshot;
    if (!is_ok(node) || to->dialect == DIALECT_RX) {
        emit_labelled(to, &reason, 1, is_ok(node) ? 0 : 1);
    }
}

// Only what does not work: a collector that a node, or the user's rights there, refuse.
static void collector_failed(struct emitter *to, const struct snapshot *snapshot,
                             const struct node_snapshot *node)
{
    (void)snapshot;
    for (int i = 0; is_ok(node) && i < COLLECTOR_COUNT; i++) {
        const char *name = collectors[i].name != NULL ? collectors[i].name : "base";
        struct label label = {"collector", span_of(name)};
        if (((collectors[i].commands | collectors[i].further) & node->member->refused) != 0 ||
            (node->cut_short & collector_bit((enum collector)i)) != 0) {
            emit_labelled(to, &label, 1, 1);
        }
    }
}

static void node_duration(struct emitter *to, const struct snapshot *snapshot,
                          const struct node_snapshot *node)
{
    (void)snapshot;
    emit_us(to, node->duration_us);
}

// By the server's own clock where it tells it, so that the value does not move from scrape to
// scrape with the time that the reply took.
static void node_start_time(struct emitter *to, const struct snapshot *snapshot,
                            const struct node_snapshot *node)
{
    uint64_t uptime_s;
    uint64_t now_us;
    (void)snapshot;
    if (!span_u64(node_field(node, SPAN("uptime_in_seconds")), &uptime_s)) {
        return;
    }
    if (!span_u64(node_field(node, SPAN("server_time_usec")), &now_us)) {
        now_us = (uint64_t)clock_wall_us();
    }
    emit(to, floor((double)now_us / SECOND_US) - (double)uptime_s);
}

// Empty labels are as good as absent ones: of a node that was never read. One that is down keeps
// what it said before, so that its series goes on.
static void node_info(struct emitter *to, const struct snapshot *snapshot,
                      const struct node_snapshot *node)
{
    const struct member *member = node->member;
    const struct node_verdict *verdict = node->verdict;
    const struct last_words *words = &member->words;
    bool replica = verdict->known ? verdict->role == ROLE_REPLICA : node->replication.is_replica;
    bool role_known = verdict->known || is_ok(node);
    struct buf address = BUF_EMPTY;
    (void)snapshot;
    address_add(&address, member->address.host, member->address.port);
    const struct label labels[] = {
        {"node_id", span_of(member->id)},
        {"address", buf_view(&address)},
        {"hostname", span_of(member->hostname)},
        {"role", span_of(role_known ? node_role_name(replica ? ROLE_REPLICA : ROLE_MASTER) : "")},
        {"master_id", span_of(verdict->known ? verdict->line->node.master_id : "")},
        {"version", span_of(words->version)},
        {"flavor", span_of(words->flavor)},
        {"maxmemory_policy", span_of(words->maxmemory_policy)},
        {"availability_zone", span_of(words->zone)},
    };
    emit_labelled(to, labels, sizeof(labels) / sizeof(labels[0]), 1);
    buf_free(&address);
}

static void discovery_up(struct emitter *to, const struct snapshot *snapshot)
{
    if (!snapshot->cluster->is_single_server) {
        emit(to, snapshot->has_topology ? 1 : 0);
    }
}

static void scrape_duration(struct emitter *to, const struct snapshot *snapshot)
{
    emit_us(to, snapshot->duration_us);
}

static void scrapes(struct emitter *to, const struct snapshot *snapshot)
{
    emit(to, (double)snapshot->cluster->scrapes);
}

static void failures(struct emitter *to, const struct snapshot *snapshot)
{
    for (int outcome = OUTCOME_OK + 1; outcome < OUTCOME_COUNT; outcome++) {
        struct label reason = {"reason", span_of(outcome_name((enum outcome)outcome))};
        emit_labelled(to, &reason, 1, (double)snapshot->cluster->failures[outcome]);
    }
}

static void client_certificate(struct emitter *to, const struct snapshot *snapshot)
{
    const struct tls *tls = snapshot->cluster->options.conn.tls;
    int64_t expiry_s = tls != NULL ? tls_expiry_s(tls) : 0;
    if (expiry_s != 0) {
        emit(to, (double)expiry_s);
    }
}

const struct metric computed_metrics[] = {
    // --- Each node ---
    {"redis_up", GAUGE, "", "1 when the node answered this scrape.", .source = FROM_EXPORTER,
     .node = node_up},
    {"redis_exporter_last_scrape_error", GAUGE, "",
     "1 for a node that could not be read; err tells why.", .source = FROM_EXPORTER,
     .node = node_error, .labels = "err"},
    {"redis_exporter_collector_failed", GAUGE, "",
     "1 for a collector whose command the node refuses, or which did not come to its end in time; "
     "absent where all goes well.",
     RX_NONE, .source = FROM_EXPORTER, .node = collector_failed, .labels = "collector"},
    {"redis_exporter_node_scrape_duration_seconds", GAUGE, "",
     "How long the node took to answer, connecting included.", RX_NONE, .source = FROM_EXPORTER,
     .node = node_duration},
    {"redis_cluster_node_info", INFO, "",
     "What may change while a node lives: id, address, role, master, version.", RX_NONE,
     .source = FROM_EXPORTER, .node = node_info,
     .labels = "node_id, address, hostname, role, master_id, version, flavor, maxmemory_policy, "
               "availability_zone"},
    {"redis_start_time_seconds", GAUGE, "", "When the server was started.", .source = FROM_EXPORTER,
     .node = node_start_time},
    // --- The cluster ---
    {"redis_cluster_discovery_up", GAUGE, "", "1 when at least one node told the topology.",
     RX_NONE, .source = FROM_EXPORTER, .cluster = discovery_up},

    // --- Scraping ---
    {"redis_exporter_last_scrape_duration_seconds", GAUGE, "",
     "How long this scrape took, from the first command to the last reply.",
     .source = FROM_EXPORTER, .cluster = scrape_duration},
    {"redis_exporter_scrapes_total", COUNTER, "", "Scrapes of the cluster.",
     .source = FROM_EXPORTER, .cluster = scrapes},
    {"redis_exporter_node_failures_total", COUNTER, "",
     "Times that a node could not be read, by reason.", RX_NONE, .source = FROM_EXPORTER,
     .cluster = failures, .labels = "reason"},
    {"redis_exporter_client_certificate_expiry_timestamp_seconds", GAUGE, "",
     "When the certificate that is shown to the nodes expires, or the first one of its chain.",
     RX_NONE, .source = FROM_EXPORTER, .cluster = client_certificate},
};

const size_t computed_metric_count = sizeof(computed_metrics) / sizeof(computed_metrics[0]);
