// Slots that are not served, are claimed twice, or are on their way.
#include "cluster/findings_parts.h"

static void finish(struct findings *all, struct finding *finding, const char *command)
{
    finding_say(finding, ".");
    finding_command(all, finding, command);
}

// Slots for which the predicate holds, and their owners.
static bool collect(struct findings *all, struct finding *finding,
                    bool (*applies)(const struct finding_context *context, size_t slot))
{
    const struct health *health = all->context->health;
    int last_owner = NO_NODE;
    for (size_t slot = 0; slot < SLOT_COUNT; slot++) {
        int owner = health->owner[slot];
        if (!applies(all->context, slot)) {
            continue;
        }
        finding_add_slot(finding, (uint16_t)slot);
        bool known = owner == last_owner || owner == NO_NODE;
        for (size_t i = 0; !known && i < finding->node_count; i++) {
            known = finding->node[i] == (size_t)owner;
        }
        if (!known) {
            finding_add_node(finding, (size_t)owner);
        }
        last_owner = owner;
    }
    return finding->range_count > 0;
}

static bool is_unassigned(const struct finding_context *context, size_t slot)
{
    return context->health->owner[slot] == NO_NODE;
}

static bool owner_failed(const struct finding_context *context, size_t slot)
{
    int owner = context->health->owner[slot];
    return owner != NO_NODE && context->health->node[owner].failed;
}

static bool is_reachable(const struct finding_context *context, int node)
{
    return (size_t)node < context->health->given && context->input[node].reachable;
}

static bool owner_suspected(const struct finding_context *context, size_t slot)
{
    int owner = context->health->owner[slot];
    return owner != NO_NODE && context->health->node[owner].suspected &&
           !is_reachable(context, owner);
}

static bool owner_unreachable(const struct finding_context *context, size_t slot)
{
    int owner = context->health->owner[slot];
    return owner != NO_NODE && !is_reachable(context, owner) &&
           !context->health->node[owner].failed && !context->health->node[owner].suspected;
}

static bool is_conflicting(const struct finding_context *context, size_t slot)
{
    return context->health->conflicting != NULL && context->health->conflicting[slot];
}

static void check_coverage(struct findings *all)
{
    const struct health *health = all->context->health;
    struct finding *finding;
    if (health->slots_unassigned > 0) {
        finding = finding_add(all, SEVERITY_CRITICAL, "slots_unassigned");
        collect(all, finding, is_unassigned);
        finding_say(finding, "%zu slot%s without an owner: ", health->slots_unassigned,
                    finding_plural(health->slots_unassigned));
        finding_say_slots(finding);
        finish(all, finding, "--cluster check");
    }
    if (health->slots_owner_failed > 0) {
        finding = finding_add(all, SEVERITY_CRITICAL, "slots_owner_failed");
        collect(all, finding, owner_failed);
        finding_say(finding, "%zu slot%s not served, since the owner has failed: ",
                    health->slots_owner_failed, finding_plural(health->slots_owner_failed));
        finding_say_slots(finding);
        finding_say(finding, " of ");
        finding_say_nodes(all, finding);
        finish(all, finding, "--cluster check");
    }
    if (health->slots_owner_suspected > 0) {
        finding = finding_add(all, SEVERITY_CRITICAL, "slots_owner_suspected");
        collect(all, finding, owner_suspected);
        finding_say(finding,
                    "%zu slot%s probably not served: most masters suspect the owner, and it does "
                    "not answer here either: ",
                    health->slots_owner_suspected, finding_plural(health->slots_owner_suspected));
        finding_say_slots(finding);
        finding_say(finding, " of ");
        finding_say_nodes(all, finding);
        finish(all, finding, "--cluster check");
    }
}

static void check_reach(struct findings *all)
{
    const struct health *health = all->context->health;
    if (health->slots_unreachable > 0) {
        struct finding *finding = finding_add(all, SEVERITY_WARNING, "slots_unreachable");
        collect(all, finding, owner_unreachable);
        finding_say(finding,
                    "%zu slot%s served as far as the cluster knows, but this exporter cannot "
                    "reach their owner: ",
                    health->slots_unreachable, finding_plural(health->slots_unreachable));
        finding_say_nodes(all, finding);
        finish(all, finding, "ping");
    }
}

static void check_conflicts(struct findings *all)
{
    const struct health *health = all->context->health;
    if (health->slots_conflicting > 0) {
        struct finding *finding = finding_add(all, SEVERITY_CRITICAL, "slots_conflicting");
        collect(all, finding, is_conflicting);
        finding_say(finding,
                    "%zu slot%s claimed by two masters at once: ", health->slots_conflicting,
                    finding_plural(health->slots_conflicting));
        finding_say_slots(finding);
        finish(all, finding, "--cluster check");
    }
}

static bool has_node(const struct finding *finding, size_t node)
{
    for (size_t i = 0; i < finding->node_count; i++) {
        if (finding->node[i] == node) {
            return true;
        }
    }
    return false;
}

// Half an hour is longer than moving a slot takes.
static void check_open(struct findings *all)
{
    enum { STUCK_S = 30 * 60 };
    const struct health *health = all->context->health;
    bool stuck = health->open_since_s > 0 && all->context->wall_s - health->open_since_s > STUCK_S;
    if (health->open_count == 0) {
        return;
    }
    struct finding *finding = finding_add(all, stuck ? SEVERITY_WARNING : SEVERITY_INFO,
                                          stuck ? "slots_open_stuck" : "slots_open");
    for (size_t i = 0; i < health->open_count; i++) {
        const struct health_open *open = &health->open[i];
        finding_add_slot(finding, open->slot.slot);
        if (!has_node(finding, (size_t)open->node)) {
            finding_add_node(finding, (size_t)open->node);
        }
    }
    finding_say(finding,
                "Slots on their way, %zu migrating and %zu importing%s: ", health->slots_migrating,
                health->slots_importing, stuck ? ", for more than half an hour" : "");
    finding_say_slots(finding);
    finding_say(finding, " at ");
    finding_say_nodes(all, finding);
    finish(all, finding, "--cluster check");
}

static void check_unpaired(struct findings *all)
{
    const struct health *health = all->context->health;
    if (health->slots_unpaired == 0) {
        return;
    }
    struct finding *finding = finding_add(all, SEVERITY_WARNING, "slots_open_unpaired");
    for (size_t i = 0; i < health->open_count; i++) {
        const struct health_open *open = &health->open[i];
        if (open->unpaired) {
            finding_add_slot(finding, open->slot.slot);
            if (!has_node(finding, (size_t)open->node)) {
                finding_add_node(finding, (size_t)open->node);
            }
        }
    }
    finding_say(finding, "%zu slot%s on the way on one side only: ", health->slots_unpaired,
                finding_plural(health->slots_unpaired));
    finding_say_slots(finding);
    finding_say(finding, " at ");
    finding_say_nodes(all, finding);
    finish(all, finding, "--cluster check");
}

void findings_of_slots(struct findings *all)
{
    check_coverage(all);
    check_reach(all);
    check_conflicts(all);
    check_open(all);
    check_unpaired(all);
}
