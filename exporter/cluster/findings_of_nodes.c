// What is wrong with single nodes: one row a finding, which names all nodes that it holds for.
#include "cluster/findings_parts.h"

// One node, as the checks see it.
struct subject {
    const struct node_verdict *verdict;
    const struct health *health;
    const struct health_input *input; // NULL: it was not asked
    const char *failure;              // NULL: it could be read, or was not asked
};

static bool is_replica(const struct subject *node)
{
    return node->verdict->known && node->verdict->role == ROLE_REPLICA;
}

static bool is_down(const struct subject *node)
{
    return node->verdict->failed || node->verdict->suspected;
}

static bool unreadable(const struct subject *node)
{
    return node->failure != NULL && !(node->verdict->known && is_down(node));
}

static bool master_failed(const struct subject *node)
{
    return node->verdict->known && node->verdict->failed && node->verdict->slots > 0;
}

static bool node_failed(const struct subject *node)
{
    return node->verdict->known && node->verdict->failed && node->verdict->slots == 0;
}

static bool suspected(const struct subject *node)
{
    return node->verdict->known && node->verdict->suspected;
}

// Some masters suspect it, and too few to agree: a partition that is not whole.
static bool doubted(const struct subject *node)
{
    return node->verdict->known && !is_down(node) &&
           node->verdict->pfail_reporters + node->verdict->fail_reporters > 0;
}

static bool without_address(const struct subject *node)
{
    return node->verdict->known && node->verdict->health == HEALTH_NOADDR;
}

static bool partially_known(const struct subject *node)
{
    return node->verdict->partially_known;
}

static bool isolated(const struct subject *node)
{
    return node->verdict->isolated;
}

static bool links_down(const struct subject *node)
{
    return node->verdict->links_down > 0 && !node->verdict->isolated;
}

static bool address_mismatch(const struct subject *node)
{
    return node->verdict->address_mismatch == YES;
}

static bool loading_master(const struct subject *node)
{
    return node->input != NULL && node->input->loading && node->verdict->slots > 0;
}

static bool loading(const struct subject *node)
{
    return node->input != NULL && node->input->loading && node->verdict->slots == 0;
}

static bool voting(const struct subject *node)
{
    return node->verdict->known && node->verdict->role == ROLE_MASTER && node->verdict->slots > 0;
}

static bool without_replica(const struct subject *node)
{
    return voting(node) && node->verdict->replicas_healthy == 0;
}

static bool empty_master(const struct subject *node)
{
    return node->verdict->known && node->verdict->role == ROLE_MASTER &&
           node->verdict->slots == 0 && !is_down(node);
}

static const struct replication *link_of(const struct subject *node)
{
    bool asked = is_replica(node) && node->input != NULL && node->input->replication != NULL;
    return asked ? node->input->replication : NULL;
}

static bool link_down(const struct subject *node)
{
    const struct replication *own = link_of(node);
    return own != NULL && own->is_replica && !own->link_up && !own->syncing;
}

static bool syncing(const struct subject *node)
{
    const struct replication *own = link_of(node);
    return own != NULL && own->syncing;
}

static bool not_eligible(const struct subject *node)
{
    return is_replica(node) && node->verdict->eligible == NO;
}

static bool wrong_master(const struct subject *node)
{
    return is_replica(node) && node->verdict->wrong_master == YES;
}

static bool wrong_history(const struct subject *node)
{
    return is_replica(node) && node->verdict->wrong_history == YES;
}

static bool far_behind(const struct subject *node)
{
    return is_replica(node) && node->verdict->lag_seconds > 60;
}

static bool is_behind(const struct subject *node)
{
    return is_replica(node) && node->verdict->lag_seconds > 10 && !far_behind(node);
}

static bool near_full_sync(const struct subject *node)
{
    return is_replica(node) && node->verdict->backlog_usage > 0.8;
}

static const struct facts *facts_of(const struct subject *node)
{
    return node->input != NULL ? node->input->facts : NULL;
}

static bool saves_fail(const struct subject *node)
{
    return facts_of(node) != NULL && facts_of(node)->saves_fail;
}

static bool aof_fails(const struct subject *node)
{
    return facts_of(node) != NULL && facts_of(node)->aof_fails;
}

static bool memory_full(const struct subject *node)
{
    const struct facts *facts = facts_of(node);
    return facts != NULL && facts->memory_max_bytes > 0 &&
           (double)facts->memory_used_bytes > 0.9 * (double)facts->memory_max_bytes;
}

static bool clock_wrong(const struct subject *node)
{
    const int64_t limit_us = 5000000;
    const struct facts *facts = facts_of(node);
    return facts != NULL && facts->clock_skew_us != INT64_MIN &&
           (facts->clock_skew_us > limit_us || facts->clock_skew_us < -limit_us);
}

static bool shares_data(const struct subject *node)
{
    return node->verdict->shares_data;
}

struct check {
    const char *code;
    enum severity severity;
    bool (*applies)(const struct subject *node);
    const char *before; // of the sentence, the nodes standing between
    const char *after;
    const char *command;
};

static const struct check checks[] = {
    {"master_failed", SEVERITY_CRITICAL, master_failed,
     "Most masters hold this owner of slots for failed: ", ".", "ping"},
    {"node_failed", SEVERITY_WARNING, node_failed, "Most masters hold for failed: ", ".", "ping"},
    {"node_suspected", SEVERITY_WARNING, suspected,
     "Most masters suspect, and have not agreed yet on: ", ".", "cluster nodes"},
    {"node_doubted", SEVERITY_WARNING, doubted, "Some masters cannot reach, while others can: ",
     "; the network between them is in part broken.", "cluster nodes"},
    {"node_unreadable", SEVERITY_WARNING, unreadable, "This exporter cannot read ", ".",
     "info server"},
    {"node_noaddr", SEVERITY_WARNING, without_address, "The cluster has no address for ", ".",
     "cluster nodes"},
    {"node_partially_known", SEVERITY_WARNING, partially_known,
     "Some nodes know, and others do not: ", "; it was forgotten, or added, on some only.",
     "cluster nodes"},
    {"node_isolated", SEVERITY_WARNING, isolated,
     "Answers, but does not belong to the others' cluster: ", ".", "cluster nodes"},
    {"links_down", SEVERITY_WARNING, links_down, "Bus links to living nodes are down at ", ".",
     "cluster links"},
    {"address_mismatch", SEVERITY_WARNING, address_mismatch,
     "Tells another address than its peers hold: ", ".", "cluster nodes"},
    {"master_loading", SEVERITY_CRITICAL, loading_master,
     "Loads its data, and serves none of its slots meanwhile: ", ".", "info persistence"},
    {"node_loading", SEVERITY_WARNING, loading, "Loads its data: ", ".", "info persistence"},
    {"master_without_replica", SEVERITY_WARNING, without_replica,
     "No healthy replica could take over from ", ".", "info replication"},
    {"master_empty", SEVERITY_INFO, empty_master, "Master without slots: ", ".", "cluster nodes"},
    {"replica_link_down", SEVERITY_WARNING, link_down, "The link to its master is down at ", ".",
     "info replication"},
    {"replica_syncing", SEVERITY_INFO, syncing, "Gets a full copy of its master's data: ", ".",
     "info replication"},
    {"replica_not_eligible", SEVERITY_WARNING, not_eligible,
     "Could not take over from its master, by its settings or the age of its data: ", ".",
     "info replication"},
    {"replica_wrong_master", SEVERITY_WARNING, wrong_master,
     "Replicates from another node than the cluster says: ", ".", "info replication"},
    {"replica_wrong_history", SEVERITY_WARNING, wrong_history,
     "Its data are of another history than its master's: ", ".", "info replication"},
    {"replica_far_behind", SEVERITY_CRITICAL, far_behind,
     "More than a minute behind its master: ", ".", "info replication"},
    {"replica_behind", SEVERITY_WARNING, is_behind,
     "More than ten seconds behind its master: ", ".", "info replication"},
    {"backlog_nearly_exceeded", SEVERITY_WARNING, near_full_sync,
     "Behind by most of its master's backlog, so that a broken link would mean a full sync: ", ".",
     "info replication"},
    {"rdb_save_failed", SEVERITY_WARNING, saves_fail, "The last RDB save failed at ", ".",
     "info persistence"},
    {"aof_failed", SEVERITY_WARNING, aof_fails, "Writing or rewriting the AOF failed at ", ".",
     "info persistence"},
    {"memory_nearly_full", SEVERITY_WARNING, memory_full,
     "More than 90 % of maxmemory is in use at ", ".", "info memory"},
    {"clock_skew", SEVERITY_WARNING, clock_wrong, "The clock is off by more than five seconds at ",
     ".", "time"},
    {"shared_data_files", SEVERITY_CRITICAL, shares_data,
     "Write the same data files on one host, and will destroy each other's data: ", ".",
     "config get dir"},
};

static struct subject subject_of(const struct finding_context *context, size_t index)
{
    const struct health *health = context->health;
    bool given = index < health->given;
    return (struct subject){
        .verdict = &health->node[index],
        .health = health,
        .input = given ? &context->input[index] : NULL,
        .failure = given ? context->node[index].failure : NULL,
    };
}

// Of several nodes that fail for one reason, the first one's detail stands for all.
static void add_reasons(struct findings *all, struct finding *finding)
{
    const char *last = NULL;
    for (size_t i = 0; i < finding->node_count; i++) {
        const struct finding_node *node = &all->context->node[finding->node[i]];
        if (last == NULL || strcmp(last, node->failure) != 0) {
            finding_say(finding, "%s%s%s%s", last == NULL ? " (" : "; ", node->failure,
                        node->detail[0] != '\0' ? ": " : "", node->detail);
        }
        last = node->failure;
    }
    finding_say(finding, ")");
}

static void run(struct findings *all, const struct check *check)
{
    struct finding *finding = NULL;
    for (size_t i = 0; i < all->context->health->count; i++) {
        struct subject node = subject_of(all->context, i);
        if (!check->applies(&node)) {
            continue;
        }
        if (finding == NULL) {
            finding = finding_add(all, check->severity, check->code);
        }
        finding_add_node(finding, i);
    }
    if (finding == NULL) {
        return;
    }
    finding_say(finding, "%s", check->before);
    finding_say_nodes(all, finding);
    if (check->applies == unreadable) {
        add_reasons(all, finding);
    }
    finding_say(finding, "%s", check->after);
    finding_command(all, finding, check->command);
}

void findings_of_nodes(struct findings *all)
{
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        run(all, &checks[i]);
    }
}
