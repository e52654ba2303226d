// What differs from what the operator expects of the cluster. A node that was lost for good, or has
// never joined, is seen in no view: only who knows how many there should be can miss it.
#include "cluster/findings_parts.h"

static size_t count_nodes(const struct health *health)
{
    size_t count = 0;
    for (int role = 0; role < ROLE_COUNT; role++) {
        for (int state = 0; state < HEALTH_COUNT; state++) {
            count += health->nodes[role][state];
        }
    }
    return count;
}

// More than expected is no danger: the expectation may be out of date.
struct comparison {
    const char *code;
    enum severity severity;
    bool more; // than expected; otherwise fewer
    bool masters;
    const char *what;
};

static const struct comparison comparisons[] = {
    {"nodes_fewer_than_expected", SEVERITY_WARNING, false, false, "Nodes that the cluster knows"},
    {"nodes_more_than_expected", SEVERITY_INFO, true, false, "Nodes that the cluster knows"},
    {"masters_fewer_than_expected", SEVERITY_WARNING, false, true, "Masters that own slots"},
    {"masters_more_than_expected", SEVERITY_INFO, true, true, "Masters that own slots"},
};

static void compare(struct findings *all, const struct comparison *by)
{
    const struct finding_context *context = all->context;
    size_t expected = by->masters ? context->expect.masters : context->expect.nodes;
    size_t found = by->masters ? context->health->voting_masters : count_nodes(context->health);
    if (expected > 0 && (by->more ? found > expected : found < expected)) {
        struct finding *finding = finding_add(all, by->severity, by->code);
        finding_say(finding, "%s: %zu, expected %zu.", by->what, found, expected);
        finding_command(all, finding, "cluster nodes");
    }
}

// A master without any has a finding of its own.
static void check_replicas(struct findings *all)
{
    const struct health *health = all->context->health;
    size_t expected = all->context->expect.replicas;
    struct finding *finding = NULL;
    for (size_t i = 0; i < health->count; i++) {
        const struct node_verdict *node = &health->node[i];
        if (node->known && node->role == ROLE_MASTER && node->slots > 0 &&
            node->replicas_healthy > 0 && node->replicas_healthy < expected) {
            finding = finding == NULL
                          ? finding_add(all, SEVERITY_WARNING, "replicas_fewer_than_expected")
                          : finding;
            finding_add_node(finding, i);
        }
    }
    if (finding != NULL) {
        finding_say(finding, "Fewer than the expected %zu healthy replicas: ", expected);
        finding_say_nodes(all, finding);
        finding_say(finding, ".");
        finding_command(all, finding, "info replication");
    }
}

void findings_of_expectations(struct findings *all)
{
    for (size_t i = 0; i < sizeof(comparisons) / sizeof(comparisons[0]); i++) {
        compare(all, &comparisons[i]);
    }
    check_replicas(all);
}
