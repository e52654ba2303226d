// What concerns the cluster as a whole, and the parts of which all findings are made. Each check
// looks for one thing and adds one finding, which names all nodes or slots concerned.
#include "cluster/findings.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cluster/findings_parts.h"

const char *severity_name(enum severity severity)
{
    static const char *const names[] = {"info", "warning", "critical"};
    return names[severity];
}

// --- parts ---

struct finding *finding_add(struct findings *all, enum severity severity, const char *code)
{
    all->finding = mem_grow(all->finding, all->count, &all->capacity, sizeof(all->finding[0]));
    struct finding *finding = &all->finding[all->count++];
    *finding = (struct finding){.code = code, .severity = severity};
    return finding;
}

void finding_add_node(struct finding *finding, size_t node)
{
    finding->node = mem_grow(finding->node, finding->node_count, &finding->node_capacity,
                             sizeof(finding->node[0]));
    finding->node[finding->node_count++] = node;
}

void finding_add_slot(struct finding *finding, uint16_t slot)
{
    struct slot_range *last =
        finding->range_count > 0 ? &finding->range[finding->range_count - 1] : NULL;
    if (last != NULL && last->last + 1 == slot) {
        last->last = slot;
        return;
    }
    finding->range = mem_grow(finding->range, finding->range_count, &finding->range_capacity,
                              sizeof(finding->range[0]));
    finding->range[finding->range_count++] = (struct slot_range){slot, slot};
}

void finding_say(struct finding *finding, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    buf_text(&finding->message, text);
}

static const char *label_of(const struct findings *all, size_t node)
{
    const struct finding_context *context = all->context;
    return node < context->health->given ? context->node[node].label : context->health->id[node];
}

void finding_say_nodes(const struct findings *all, struct finding *finding)
{
    enum { NAMED = 5 };
    for (size_t i = 0; i < finding->node_count && i < NAMED; i++) {
        buf_text(&finding->message, i > 0 ? ", " : "");
        buf_text(&finding->message, label_of(all, finding->node[i]));
    }
    if (finding->node_count > NAMED) {
        finding_say(finding, " and %zu more", finding->node_count - NAMED);
    }
}

void finding_say_slots(struct finding *finding)
{
    enum { NAMED = 5 };
    for (size_t i = 0; i < finding->range_count && i < NAMED; i++) {
        const struct slot_range *range = &finding->range[i];
        finding_say(finding, "%s%u", i > 0 ? "," : "", range->first);
        if (range->last != range->first) {
            finding_say(finding, "-%u", range->last);
        }
    }
    buf_text(&finding->message, finding->range_count > NAMED ? ",..." : "");
}

const char *finding_plural(size_t count)
{
    return count == 1 ? "" : "s";
}

// A node that is concerned and answers, else any that answers, else one that is concerned.
static const struct finding_node *node_to_ask(const struct findings *all,
                                              const struct finding *finding)
{
    const struct finding_context *context = all->context;
    const struct finding_node *concerned = NULL;
    for (size_t i = 0; i < finding->node_count; i++) {
        const struct finding_node *node = &context->node[finding->node[i]];
        if (finding->node[i] >= context->health->given) {
            continue;
        }
        if (node->failure == NULL) {
            return node;
        }
        concerned = concerned == NULL ? node : concerned;
    }
    for (size_t i = 0; i < context->health->given; i++) {
        if (context->node[i].failure == NULL) {
            return &context->node[i];
        }
    }
    return concerned;
}

static const struct finding_node *first_concerned(const struct findings *all,
                                                  const struct finding *finding)
{
    for (size_t i = 0; i < finding->node_count; i++) {
        if (finding->node[i] < all->context->health->given) {
            return &all->context->node[finding->node[i]];
        }
    }
    return NULL;
}

void finding_command(const struct findings *all, struct finding *finding, const char *command)
{
    bool alive = strcmp(command, "ping") != 0; // which is for those that do not answer
    const struct finding_node *node =
        alive ? node_to_ask(all, finding) : first_concerned(all, finding);
    if (node == NULL) {
        return;
    }
    const char *tls = all->context->uses_tls ? "--tls " : "";
    if (strcmp(command, "--cluster check") == 0) {
        buf_format(&finding->command, "redis-cli %s--cluster check %s", tls, node->address);
    } else {
        buf_format(&finding->command, "redis-cli %s-h %s -p %u %s", tls, node->host, node->port,
                   command);
    }
}

// --- state and agreement ---

static void check_discovery(struct findings *all)
{
    if (!all->context->has_topology && !all->context->is_single_server) {
        struct finding *finding = finding_add(all, SEVERITY_CRITICAL, "discovery_down");
        finding_say(finding,
                    "No node told who belongs to the cluster, so nothing can be said about "
                    "its slots.");
        finding_command(all, finding, "cluster nodes");
    }
}

static void check_state(struct findings *all)
{
    const struct health *health = all->context->health;
    bool most = health->states_fail * 2 >= health->states;
    if (health->states_fail == 0) {
        return;
    }
    struct finding *finding = finding_add(all, most ? SEVERITY_CRITICAL : SEVERITY_WARNING,
                                          most ? "cluster_state_fail" : "node_state_fail");
    for (size_t i = 0; i < health->given; i++) {
        const struct cluster_info *info = &all->context->input[i].info;
        if (info->known && !info->state_ok && health->node[i].role == ROLE_MASTER) {
            finding_add_node(finding, i);
        }
    }
    finding_say(finding, "%zu of %zu masters say that the cluster is down, and refuse commands: ",
                health->states_fail, health->states);
    finding_say_nodes(all, finding);
    finding_say(finding, ".");
    finding_command(all, finding, "cluster info");
}

static void check_views(struct findings *all)
{
    const struct health *health = all->context->health;
    if (health->slot_maps > 1) {
        struct finding *finding = finding_add(all, SEVERITY_WARNING, "views_disagree");
        finding_say(finding,
                    "The nodes do not agree on who owns which slots: there are %zu different maps "
                    "in %zu views.",
                    health->slot_maps, health->views);
        finding_command(all, finding, "--cluster check");
    }
}

static void check_epochs(struct findings *all)
{
    const struct health *health = all->context->health;
    int64_t low = INT64_MAX;
    int64_t high = -1;
    for (size_t i = 0; i < health->given; i++) {
        int64_t epoch =
            all->context->input[i].info.known ? all->context->input[i].info.current_epoch : -1;
        low = epoch >= 0 && epoch < low ? epoch : low;
        high = epoch > high ? epoch : high;
    }
    if (health->epoch_collisions > 0) {
        struct finding *finding = finding_add(all, SEVERITY_WARNING, "epoch_collision");
        finding_say(finding, "%zu masters have the config epoch of another one.",
                    health->epoch_collisions);
        finding_command(all, finding, "cluster nodes");
    }
    if (high > low) {
        struct finding *finding = finding_add(all, SEVERITY_INFO, "epochs_diverge");
        finding_say(finding,
                    "The nodes have seen different current epochs, %" PRId64 " to %" PRId64
                    "; it mends itself within seconds where they hear of each other.",
                    low, high);
    }
}

static void check_groups(struct findings *all)
{
    const struct health *health = all->context->health;
    size_t real = health->groups > health->isolated ? health->groups - health->isolated : 0;
    if (real > 1) {
        struct finding *finding = finding_add(all, SEVERITY_CRITICAL, "seeds_differ");
        finding_say(finding,
                    "The addresses given lead to %zu clusters that do not know each other.", real);
        finding_command(all, finding, "cluster nodes");
    }
}

static void check_handshakes(struct findings *all)
{
    if (all->context->health->handshakes > 0) {
        struct finding *finding = finding_add(all, SEVERITY_WARNING, "node_handshake");
        finding_say(finding,
                    "%zu node%s in handshake; where that lasts, they cannot reach each other's bus "
                    "port, or an address is dead.",
                    all->context->health->handshakes,
                    all->context->health->handshakes == 1 ? " is" : "s are");
        finding_command(all, finding, "cluster nodes");
    }
}

// --- redundancy ---

static void check_quorum(struct findings *all)
{
    const struct health *health = all->context->health;
    size_t voting = health->voting_masters;
    if (voting == 0) {
        return;
    }
    struct finding *finding = NULL;
    if (health->quorum_margin < 0) {
        finding = finding_add(all, SEVERITY_CRITICAL, "quorum_lost");
        finding_say(finding,
                    "Fewer than %zu of %zu voting masters are alive: no failover is possible, and "
                    "the rest refuse commands.",
                    health->quorum, voting);
    } else if (voting < 3) {
        finding = finding_add(all, SEVERITY_INFO, "no_automatic_failover");
        finding_say(finding,
                    "With %zu voting master%s no failover can be voted for when one is lost.",
                    voting, voting == 1 ? "" : "s");
    } else if (health->quorum_margin == 0) {
        finding = finding_add(all, SEVERITY_WARNING, "quorum_at_risk");
        finding_say(finding, "The loss of one more of the %zu voting masters ends the quorum.",
                    voting);
    }
    if (finding != NULL) {
        finding_command(all, finding, "cluster nodes");
    }
}

static void check_failover(struct findings *all)
{
    if (all->context->health->failover_in_progress) {
        struct finding *finding = finding_add(all, SEVERITY_WARNING, "failover_in_progress");
        finding_say(finding, "A failover is under way, or due and not coming to its end.");
        finding_command(all, finding, "info replication");
    }
}

static void check_hosts(struct findings *all)
{
    const struct health *health = all->context->health;
    if (all->context->one_host || health->hosts == 0) {
        return;
    }
    if (health->shards_single_host > 0) {
        struct finding *finding = finding_add(all, SEVERITY_WARNING, "shard_on_one_host");
        finding_say(finding, "%zu shard%s all nodes on one host.", health->shards_single_host,
                    health->shards_single_host == 1 ? " has" : "s have");
        finding_command(all, finding, "cluster nodes");
    }
    if (health->hosts_critical > 0) {
        struct finding *finding = finding_add(all, SEVERITY_WARNING, "host_critical");
        finding_say(finding, "The loss of one host would end the quorum or take a whole shard:");
        for (size_t i = 0; i < health->hosts; i++) {
            const struct span name = health->host[i].name;
            if (health->host[i].critical && finding->message.length < 200) {
                finding_say(finding, " %.*s", (int)name.length, name.at);
            }
        }
        finding_say(finding, ".");
        finding_command(all, finding, "cluster nodes");
    }
}

static void check_zones(struct findings *all)
{
    const struct health *health = all->context->health;
    if (health->zones > 1 && health->shards_single_zone > 0) {
        struct finding *finding = finding_add(all, SEVERITY_WARNING, "shard_in_one_zone");
        finding_say(finding, "%zu shard%s all nodes in one of the %zu availability zones.",
                    health->shards_single_zone, health->shards_single_zone == 1 ? " has" : "s have",
                    health->zones);
    }
}

// --- fleet ---

static void check_settings(struct findings *all)
{
    const struct health *health = all->context->health;
    struct finding *finding = NULL;
    for (int i = 0; i < CONFIG_COMPARED; i++) {
        if (!health->config_differs[i]) {
            continue;
        }
        if (finding == NULL) {
            finding = finding_add(all, SEVERITY_WARNING, "config_differs");
            finding_say(finding, "Settings that should be the same everywhere differ:");
        }
        finding_say(finding, " %s", config_parameter_name((enum config_parameter)i));
    }
    if (finding != NULL) {
        finding_say(finding, ".");
        finding_command(all, finding, "config get '*'");
    }
}

static void check_versions(struct findings *all)
{
    if (all->context->health->versions > 1) {
        struct finding *finding = finding_add(all, SEVERITY_INFO, "versions_differ");
        finding_say(finding, "The nodes run %zu different versions.",
                    all->context->health->versions);
    }
}

static void check_skew(struct findings *all)
{
    static const double unbalanced = 1.5;
    double skew = all->context->health->slot_skew;
    if (skew > unbalanced) {
        struct finding *finding = finding_add(all, SEVERITY_INFO, "slots_unbalanced");
        finding_say(finding, "One master owns %.1f times as many slots as the mean.", skew);
        finding_command(all, finding, "cluster nodes");
    }
}

// --- all ---

static int by_severity(const void *a, const void *b)
{
    const struct finding *left = a;
    const struct finding *right = b;
    if (left->severity != right->severity) {
        return left->severity > right->severity ? -1 : 1;
    }
    return strcmp(left->code, right->code);
}

struct findings findings_make(const struct finding_context *context)
{
    static void (*const checks[])(struct findings * all) = {
        check_state,       check_views,
        check_epochs,      check_groups,
        check_handshakes,  check_quorum,
        check_failover,    check_hosts,
        check_zones,       check_settings,
        check_versions,    check_skew,
        findings_of_slots, findings_of_expectations,
    };
    struct findings all = {.context = context};
    check_discovery(&all);
    for (size_t i = 0; context->has_topology && i < sizeof(checks) / sizeof(checks[0]); i++) {
        checks[i](&all);
    }
    findings_of_nodes(&all);
    if (all.count > 0) {
        qsort(all.finding, all.count, sizeof(all.finding[0]), by_severity);
    }
    return all;
}

void findings_clear(struct findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        buf_free(&findings->finding[i].message);
        buf_free(&findings->finding[i].command);
        free(findings->finding[i].node);
        free(findings->finding[i].range);
    }
    free(findings->finding);
    *findings = (struct findings){.count = 0};
}

enum severity findings_worst(const struct findings *findings)
{
    return findings->count > 0 ? findings->finding[0].severity : SEVERITY_INFO;
}
