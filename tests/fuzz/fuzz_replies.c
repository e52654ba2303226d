// Replies to the optional commands, taken apart one by one, with all collectors on.
#include "fuzz.h"
#include "scrape/collect.h"
#include "script.h"

static struct reply *read_reply(struct span bytes)
{
    struct reply *reply = NULL;
    struct resp *resp = resp_new(bytes.length);
    resp_feed(resp, bytes.at, bytes.length);
    bool complete = resp_next(resp, &reply) == RESP_REPLY;
    resp_free(resp);
    return complete ? reply : NULL;
}

static int find_command(struct span name)
{
    int command = 0;
    while (command < COMMAND_COUNT && !span_is(name, command_name((enum command)command))) {
        command++;
    }
    return command;
}

static void take(struct node_snapshot *node, const struct record *record)
{
    struct buf bytes = BUF_EMPTY;
    int command = find_command(record->command);
    script_answer(record, &bytes);
    struct reply *reply = read_reply(buf_view(&bytes));
    if (reply != NULL && reply->type != REPLY_ERROR && command < COMMAND_COUNT) {
        collect_reply(node, (enum command)command, reply);
    }
    reply_free(reply); // what was kept of it are copies
    buf_free(&bytes);
}

static void check_kept(const struct samples *samples)
{
    size_t length = 0;
    for (size_t i = 0; i < reply_metric_count; i++) {
        const struct metric *row = &reply_metrics[i];
        length += row->group == GROUP_NONE ? samples_value(samples, row).length : 0;
        for (size_t line = 0; line < samples->group[row->group].count; line++) {
            struct span cell = samples_cell(samples, row, line);
            bool is_text = row->match != NULL || row->type == INFO;
            CHECK(cell.length == 0 || is_text || span_is_number(cell));
        }
    }
    for (size_t i = 0; i < samples->histogram_count; i++) {
        const struct histogram *histogram = &samples->histogram[i];
        for (size_t bucket = 1; bucket < LATENCY_BUCKETS; bucket++) {
            CHECK(histogram->bucket[bucket] >= histogram->bucket[bucket - 1]);
        }
        CHECK(histogram->bucket[LATENCY_BUCKETS - 1] <= histogram->count);
    }
    CHECK(samples->series.name.count <= SERIES_MAX && length < SIZE_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cluster cluster = {.options = {.collectors = (1u << COLLECTOR_COUNT) - 1}};
    struct member member = {.cluster = &cluster};
    struct node_snapshot node = {.member = &member, .samples = samples_new()};
    struct script script;
    script_parse(fuzz_text(data, size), &script);
    for (size_t i = 0; i < script.count; i++) {
        take(&node, &script.record[i]);
    }
    check_kept(node.samples);
    samples_free(node.samples);
    return 0;
}
