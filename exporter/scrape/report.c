#include "scrape/report.h"

#include <stdlib.h>

#include <cjson/cJSON.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"

struct findings report_findings(const struct snapshot *snapshot)
{
    struct finding_node *nodes = mem_new(snapshot->count, sizeof(nodes[0]));
    char **addresses = mem_new(snapshot->count, sizeof(addresses[0]));
    for (size_t i = 0; i < snapshot->count; i++) {
        const struct node_snapshot *node = snapshot->node[i];
        const struct address *address = &node->member->address;
        struct buf text = BUF_EMPTY;
        address_add(&text, address->host, address->port);
        addresses[i] = buf_take(&text);
        nodes[i] = (struct finding_node){
            .label = node->member->label,
            .address = addresses[i],
            .host = address->host,
            .port = address->port,
            .failure = node->outcome == OUTCOME_OK ? NULL : outcome_name(node->outcome),
            .detail = node->detail,
        };
    }
    struct finding_context context = {
        .health = snapshot->health,
        .input = snapshot->input,
        .node = nodes,
        .has_topology = snapshot->has_topology,
        .is_single_server = snapshot->cluster->is_single_server && !snapshot->cluster->lost,
        .one_host = snapshot->cluster->options.one_host,
        .uses_tls = snapshot->cluster->options.conn.tls != NULL,
        .expect = snapshot->cluster->options.expect,
        .wall_s = clock_wall_us() / SECOND_US,
    };
    struct findings findings = findings_make(&context);
    findings.context = NULL; // it ends here
    for (size_t i = 0; i < snapshot->count; i++) {
        free(addresses[i]);
    }
    free(addresses);
    free(nodes);
    return findings;
}

// --- text ---

// On a terminal what nodes say could be more than text.
static void add_printable(struct buf *out, struct span text)
{
    while (text.length > 0) {
        size_t length = utf8_length(text);
        bool control = (unsigned char)text.at[0] < ' ' || text.at[0] == 0x7f ||
                       (length == 2 && text.at[0] == '\xc2' && (unsigned char)text.at[1] < 0xa0);
        bool shown = length > 0 && !control;
        buf_bytes(out, shown ? text.at : "?", shown ? length : 1);
        text = span_skip(text, length > 0 ? length : 1);
    }
}

void report_text(struct buf *out, const struct snapshot *snapshot, const struct findings *findings)
{
    const struct health *health = snapshot->health;
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *finding = &findings->finding[i];
        buf_format(out, "%-8s  %s: ", severity_name(finding->severity), finding->code);
        add_printable(out, buf_view(&finding->message));
        buf_char(out, '\n');
        if (finding->command.length > 0) {
            buf_text(out, "          try: ");
            add_printable(out, buf_view(&finding->command));
            buf_char(out, '\n');
        }
    }
    if (snapshot->has_topology) {
        buf_format(out,
                   "%s: %zu nodes, %zu of 16384 slots covered, %zu voting masters, survives the "
                   "loss of %zu node%s\n",
                   snapshot->cluster->options.name, snapshot->count, health->slots_covered,
                   health->voting_masters, health->node_failures_survivable,
                   health->node_failures_survivable == 1 ? "" : "s");
    } else if (snapshot->cluster->is_single_server && !snapshot->cluster->lost) {
        buf_format(out, "%s: a server without cluster mode\n", snapshot->cluster->options.name);
    }
}

// --- JSON ---

// What nodes say need not be UTF-8, which JSON has to be.
static void add_span(cJSON *object, const char *name, struct span value)
{
    struct buf text = BUF_EMPTY;
    while (value.length > 0) {
        size_t length = utf8_length(value);
        buf_bytes(&text, length > 0 ? value.at : "?", length > 0 ? length : 1);
        value = span_skip(value, length > 0 ? length : 1);
    }
    buf_char(&text, '\0');
    CHECK(cJSON_AddStringToObject(object, name, text.data) != NULL);
    buf_free(&text);
}

static void add_text(cJSON *object, const char *name, const char *value)
{
    add_span(object, name, value != NULL ? span_of(value) : span_make("", 0));
}

static void add_number(cJSON *object, const char *name, double value)
{
    CHECK(cJSON_AddNumberToObject(object, name, value) != NULL);
}

static void add_bool(cJSON *object, const char *name, bool value)
{
    CHECK(cJSON_AddBoolToObject(object, name, value) != NULL);
}

// Left out where it is not known.
static void add_known(cJSON *object, const char *name, double value)
{
    if (value >= 0) {
        add_number(object, name, value);
    }
}

static void add_tristate(cJSON *object, const char *name, enum tristate value)
{
    if (value != UNKNOWN) {
        add_bool(object, name, value == YES);
    }
}

static cJSON *add_array(cJSON *object, const char *name)
{
    cJSON *array = cJSON_AddArrayToObject(object, name);
    CHECK(array != NULL);
    return array;
}

static cJSON *add_item(cJSON *array)
{
    cJSON *item = cJSON_CreateObject();
    CHECK(item != NULL);
    cJSON_AddItemToArray(array, item);
    return item;
}

static void add_range(cJSON *array, size_t first, size_t last)
{
    const double ends[] = {(double)first, (double)last};
    cJSON *pair = cJSON_CreateDoubleArray(ends, 2);
    CHECK(pair != NULL);
    cJSON_AddItemToArray(array, pair);
}

static void add_ranges_of(cJSON *object, const struct health *health, int owner)
{
    cJSON *ranges = add_array(object, "slots");
    size_t slot = 0;
    while (slot < SLOT_COUNT) {
        size_t first = slot;
        while (slot < SLOT_COUNT && health->owner[slot] == owner) {
            slot++;
        }
        if (slot > first) {
            add_range(ranges, first, slot - 1);
        } else {
            slot++;
        }
    }
}

static const char *label_of(const struct snapshot *snapshot, size_t index)
{
    return index < snapshot->count ? snapshot->node[index]->member->label
                                   : snapshot->health->id[index];
}

static void add_replication(cJSON *object, const struct snapshot *snapshot,
                            const struct node_verdict *verdict)
{
    cJSON *replication = cJSON_AddObjectToObject(object, "replication");
    CHECK(replication != NULL);
    if (verdict->master != NO_NODE) {
        add_text(replication, "master", label_of(snapshot, (size_t)verdict->master));
    }
    add_known(replication, "lag_bytes", (double)verdict->lag_bytes);
    add_known(replication, "receive_lag_bytes", (double)verdict->receive_lag_bytes);
    add_known(replication, "apply_lag_bytes", (double)verdict->apply_lag_bytes);
    add_known(replication, "lag_seconds", verdict->lag_seconds);
    add_known(replication, "ack_age_seconds", (double)verdict->ack_age_s);
    add_known(replication, "backlog_usage", verdict->backlog_usage);
    add_tristate(replication, "failover_eligible", verdict->eligible);
    add_tristate(replication, "wrong_master", verdict->wrong_master);
    add_tristate(replication, "wrong_history", verdict->wrong_history);
}

// A node that only the views know was not asked: it has an id and what they say.
static void add_node(cJSON *list, const struct snapshot *snapshot, size_t index)
{
    const struct node_verdict *verdict = &snapshot->health->node[index];
    const struct node_snapshot *node = index < snapshot->count ? snapshot->node[index] : NULL;
    cJSON *object = add_item(list);
    add_text(object, "node", label_of(snapshot, index));
    add_text(object, "id", snapshot->health->id[index]);
    add_bool(object, "up", node != NULL && node->outcome == OUTCOME_OK);
    if (node != NULL) {
        struct buf address = BUF_EMPTY;
        address_add(&address, node->member->address.host, node->member->address.port);
        add_span(object, "address", buf_view(&address));
        buf_free(&address);
        add_text(object, "hostname", node->member->hostname);
        add_span(object, "version", node->facts.version);
    }
    if (node != NULL && node->outcome != OUTCOME_OK) {
        add_text(object, "error", outcome_name(node->outcome));
    }
    if (!verdict->known) {
        return;
    }
    add_text(object, "role", node_role_name(verdict->role));
    add_text(object, "health", node_health_name(verdict->health));
    add_number(object, "slots", (double)verdict->slots);
    add_number(object, "seen_by", (double)verdict->seen_by);
    add_number(object, "fail_reporters", (double)verdict->fail_reporters);
    add_number(object, "pfail_reporters", (double)verdict->pfail_reporters);
    if (verdict->role == ROLE_REPLICA) {
        add_replication(object, snapshot, verdict);
    }
}

static void add_shard(cJSON *list, const struct snapshot *snapshot, size_t master)
{
    const struct health *health = snapshot->health;
    cJSON *object = add_item(list);
    add_text(object, "master", label_of(snapshot, master));
    add_ranges_of(object, health, (int)master);
    add_number(object, "healthy_replicas", (double)health->node[master].replicas_healthy);
    cJSON *replicas = add_array(object, "replicas");
    for (size_t i = 0; i < health->count; i++) {
        const struct node_verdict *verdict = &health->node[i];
        if (verdict->known && verdict->role == ROLE_REPLICA && verdict->master == (int)master) {
            cJSON_AddItemToArray(replicas, cJSON_CreateString(label_of(snapshot, i)));
        }
    }
}

static void add_problem(cJSON *list, const struct snapshot *snapshot, const struct finding *finding)
{
    cJSON *object = add_item(list);
    add_text(object, "code", finding->code);
    add_text(object, "severity", severity_name(finding->severity));
    add_span(object, "message", buf_view(&finding->message));
    add_span(object, "command", buf_view(&finding->command));
    cJSON *nodes = add_array(object, "nodes");
    for (size_t i = 0; i < finding->node_count; i++) {
        cJSON_AddItemToArray(nodes, cJSON_CreateString(label_of(snapshot, finding->node[i])));
    }
    cJSON *slots = add_array(object, "slots");
    for (size_t i = 0; i < finding->range_count; i++) {
        add_range(slots, finding->range[i].first, finding->range[i].last);
    }
}

static void add_slots(cJSON *object, const struct health *health)
{
    cJSON *slots = cJSON_AddObjectToObject(object, "slots");
    CHECK(slots != NULL);
    add_number(slots, "covered", (double)health->slots_covered);
    add_number(slots, "unassigned", (double)health->slots_unassigned);
    add_number(slots, "owner_fail", (double)health->slots_owner_failed);
    add_number(slots, "owner_pfail", (double)health->slots_owner_suspected);
    add_number(slots, "unreachable", (double)health->slots_unreachable);
    add_number(slots, "conflicting", (double)health->slots_conflicting);
    add_number(slots, "migrating", (double)health->slots_migrating);
    add_number(slots, "importing", (double)health->slots_importing);
}

static void add_redundancy(cJSON *object, const struct snapshot *snapshot)
{
    const struct health *health = snapshot->health;
    cJSON *redundancy = cJSON_AddObjectToObject(object, "redundancy");
    CHECK(redundancy != NULL);
    add_number(redundancy, "voting_masters", (double)health->voting_masters);
    add_number(redundancy, "quorum", (double)health->quorum);
    add_number(redundancy, "quorum_margin", (double)health->quorum_margin);
    add_number(redundancy, "node_failures_survivable", (double)health->node_failures_survivable);
    if (health->hosts > 0 && !snapshot->cluster->options.one_host) {
        add_number(redundancy, "host_failures_survivable",
                   (double)health->host_failures_survivable);
    }
}

static void add_model(cJSON *object, const struct snapshot *snapshot)
{
    const struct health *health = snapshot->health;
    add_number(object, "views", (double)health->slot_maps);
    add_number(object, "views_compared", (double)health->views);
    add_slots(object, health);
    add_redundancy(object, snapshot);
    cJSON *shards = add_array(object, "shards");
    for (size_t i = 0; i < health->count; i++) {
        const struct node_verdict *verdict = &health->node[i];
        if (verdict->known && verdict->role == ROLE_MASTER) {
            add_shard(shards, snapshot, i);
        }
    }
}

static void add_cluster(cJSON *list, const struct snapshot *snapshot)
{
    struct findings findings = report_findings(snapshot);
    cJSON *object = add_item(list);
    add_text(object, "name", snapshot->cluster->options.name);
    add_text(object, "status",
             findings.count == 0 || findings_worst(&findings) == SEVERITY_INFO
                 ? "ok"
                 : severity_name(findings_worst(&findings)));
    add_bool(object, "cluster_mode", snapshot->has_cluster_mode);
    if (snapshot->has_topology) {
        add_model(object, snapshot);
    }
    cJSON *nodes = add_array(object, "nodes");
    for (size_t i = 0; i < snapshot->health->count; i++) {
        add_node(nodes, snapshot, i);
    }
    cJSON *problems = add_array(object, "problems");
    for (size_t i = 0; i < findings.count; i++) {
        add_problem(problems, snapshot, &findings.finding[i]);
    }
    findings_clear(&findings);
}

char *report_json(const struct snapshot *const *snapshot, size_t count)
{
    cJSON *root = cJSON_CreateObject();
    CHECK(root != NULL);
    cJSON *clusters = add_array(root, "clusters");
    for (size_t i = 0; i < count; i++) {
        add_cluster(clusters, snapshot[i]);
    }
    char *text = cJSON_PrintUnformatted(root);
    CHECK(text != NULL);
    cJSON_Delete(root);
    return text;
}
