#include "scrape/judge.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cluster/view_policy.h"

static int64_t number(const struct samples *samples, const char *field)
{
    int64_t value = -1;
    span_i64(samples_field(samples, FROM_INFO, span_of(field)), &value);
    return value;
}

static bool says(const struct samples *samples, const char *field, const char *wanted)
{
    struct span value = samples_field(samples, FROM_INFO, span_of(field));
    return value.length > 0 && !span_is(value, wanted);
}

// -1 where a database's count is no number.
static int64_t count_keys(const struct samples *samples)
{
    int64_t sum = 0;
    for (size_t i = 0; i < samples->group[GROUP_DB].count; i++) {
        int64_t keys = -1;
        span_i64(samples_part(samples, GROUP_DB, i, SPAN("keys")), &keys);
        if (keys < 0) {
            return -1;
        }
        sum = keys < INT64_MAX - sum ? sum + keys : INT64_MAX;
    }
    return sum;
}

static int64_t clock_skew(const struct node_snapshot *node)
{
    uint64_t server_us;
    bool told =
        span_u64(node_field(node, SPAN("server_time_usec")), &server_us) && server_us < INT64_MAX;
    return told ? (int64_t)server_us - node->received_wall_us : INT64_MIN;
}

// The settings are there already: see collect.h.
static void fill_facts(struct node_snapshot *node)
{
    struct facts *facts = &node->facts;
    const struct samples *samples = node->samples;
    struct span valkey = node_field(node, SPAN("valkey_version"));
    facts->version = valkey.length > 0 ? valkey : node_field(node, SPAN("redis_version"));
    facts->zone = node_field(node, SPAN("availability_zone"));
    facts->keys = count_keys(samples);
    facts->memory_used_bytes = number(samples, "used_memory");
    facts->memory_max_bytes = number(samples, "maxmemory");
    facts->full_syncs = number(samples, "sync_full");
    facts->clock_skew_us = clock_skew(node);
    facts->saves_fail = says(samples, "rdb_last_bgsave_status", "ok");
    facts->aof_fails = says(samples, "aof_last_write_status", "ok") ||
                       says(samples, "aof_last_bgrewrite_status", "ok");
}

// A server that runs a script is there, and a limit of our own says nothing about the server.
static bool is_reachable(enum outcome outcome)
{
    return outcome == OUTCOME_OK || outcome == OUTCOME_BUSY || outcome == OUTCOME_LOCAL_LIMIT;
}

static struct health_input input_of(struct node_snapshot *node)
{
    bool ok = node->outcome == OUTCOME_OK;
    if (ok) {
        fill_facts(node);
    }
    return (struct health_input){
        .id = node->member->id,
        .host = node->member->address.host,
        .view = ok ? node->view : NULL,
        .replication = ok ? &node->replication : NULL,
        .facts = ok ? &node->facts : NULL,
        .info = ok ? node->cluster_summary : (struct cluster_info){.known = false},
        .received_us = node->received_us,
        .reachable = is_reachable(node->outcome),
        .loading = node->server.loading,
    };
}

static void note_views(const struct snapshot *snapshot, const struct health_input *input)
{
    uint64_t common = view_policy_common_map(input, snapshot->count);
    for (size_t i = 0; i < snapshot->count; i++) {
        if (input[i].view != NULL) {
            view_policy_note(snapshot->node[i]->member, input[i].view, common);
        }
    }
}

void snapshot_judge(struct snapshot *snapshot)
{
    struct health_input *input = mem_new(snapshot->count, sizeof(input[0]));
    for (size_t i = 0; i < snapshot->count; i++) {
        input[i] = input_of(snapshot->node[i]);
    }
    snapshot->health = health_judge(input, snapshot->count);
    if (!snapshot->is_partial) {
        note_views(snapshot, input);
    }
    if (!snapshot->is_partial && snapshot->cluster->history != NULL) {
        history_observe(snapshot->cluster->history, input, snapshot->health,
                        clock_wall_us() / SECOND_US);
    }
    for (size_t i = 0; i < snapshot->count; i++) {
        snapshot->node[i]->verdict = &snapshot->health->node[i];
    }
    snapshot->input = input;
}
