// Replies are lists of name, value, name, value ..., one for each master, Sentinel or replica.
// Source: redis src/sentinel.c sentinelCommand, sentinelInfoCommand.
#include "scrape/sentinel.h"

#include "metrics/page.h"
#include "scrape/collect.h"
#include "scrape/followup.h"

enum { MASTERS_MAX = 1000 };

static struct span field_of(const struct reply *list, const char *name)
{
    for (size_t i = 0; list->type == REPLY_ARRAY && i + 1 < list->count; i += 2) {
        if (span_is(list->element[i]->text, name) && list->element[i + 1]->type == REPLY_STRING) {
            return list->element[i + 1]->text;
        }
    }
    return span_make("", 0);
}

static void add_master_labels(struct buf *labels, struct span name, struct span address)
{
    label_add(labels, "master_name", name);
    buf_char(labels, ',');
    label_add(labels, "master_address", address);
}

static void add_labelled(struct node_snapshot *node, const char *field, const struct buf *labels,
                         struct span value)
{
    samples_add_labelled(node->samples, FROM_SENTINEL_MASTER, span_of(field), buf_view(labels),
                         value);
}

// --- INFO: masterN:name=...,status=...,address=...,slaves=...,sentinels=... ---

static void read_master_line(struct node_snapshot *node, struct span value)
{
    struct span name = SPAN("");
    struct span address = SPAN("");
    struct span status = SPAN("");
    struct line part;
    struct buf labels = BUF_EMPTY;
    lines_find_part(value, SPAN("name"), &name);
    lines_find_part(value, SPAN("address"), &address);
    lines_find_part(value, SPAN("status"), &status);
    add_master_labels(&labels, name, address);
    while (lines_next_part(&value, &part)) {
        if (!span_is(part.key, "status")) {
            samples_add_labelled(node->samples, FROM_SENTINEL_MASTER, part.key, buf_view(&labels),
                                 part.value);
        }
    }
    buf_char(&labels, ',');
    label_add(&labels, "master_status", status);
    add_labelled(node, "status", &labels, status);
    buf_free(&labels);
}

static void read_info(struct node_snapshot *node)
{
    struct span rest = span_make(node->info, node->info_length);
    struct span prefix = SPAN("master");
    struct line line;
    uint64_t number;
    while (lines_next(&rest, &line)) {
        if (span_starts(line.key, prefix) &&
            span_u64(span_skip(line.key, prefix.length), &number)) {
            read_master_line(node, line.value);
        }
    }
}

// --- each master ---

static void take_quorum(struct node_snapshot *node, const struct followup *asked,
                        const struct reply *reply)
{
    struct buf labels = BUF_EMPTY;
    label_add(&labels, "master_name", asked->argument[0]);
    buf_char(&labels, ',');
    label_add(&labels, "message", reply->text);
    add_labelled(node, "ckquorum", &labels, reply->type == REPLY_ERROR ? SPAN("0") : SPAN("1"));
    buf_free(&labels);
}

static bool is_down(const struct reply *peer)
{
    struct span flags = field_of(peer, "flags");
    return span_contains(flags, SPAN("s_down")) || span_contains(flags, SPAN("o_down"));
}

static void add_count(struct node_snapshot *node, const struct followup *asked, const char *field,
                      const struct reply *peers, int64_t count)
{
    struct buf labels = BUF_EMPTY;
    struct buf value = BUF_EMPTY;
    for (size_t i = 0; i < peers->count; i++) {
        count += is_down(peers->element[i]) ? 0 : 1;
    }
    add_master_labels(&labels, asked->argument[0], asked->note);
    buf_i64(&value, count);
    add_labelled(node, field, &labels, buf_view(&value));
    buf_free(&labels);
    buf_free(&value);
}

static void add_peer(struct node_snapshot *node, const struct followup *asked,
                     const struct reply *peer)
{
    static const char *const names[] = {"name", "ip", "port", "runid", "flags"};
    struct buf labels = BUF_EMPTY;
    add_master_labels(&labels, asked->argument[0], asked->note);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        buf_char(&labels, ',');
        label_add(&labels, names[i], field_of(peer, names[i]));
    }
    samples_add_labelled(node->samples, FROM_SENTINEL_PEER, SPAN(""), buf_view(&labels), SPAN("1"));
    buf_free(&labels);
}

static void take_sentinels(struct node_snapshot *node, const struct followup *asked,
                           const struct reply *reply)
{
    const struct collect_options *options = node->member->cluster->options.collect;
    if (reply->type != REPLY_ARRAY) {
        return;
    }
    add_count(node, asked, "ok_sentinels", reply, 1); // and the one that answers
    for (size_t i = 0; options != NULL && options->sentinel_peers && i < reply->count; i++) {
        add_peer(node, asked, reply->element[i]);
    }
}

static void take_replicas(struct node_snapshot *node, const struct followup *asked,
                          const struct reply *reply)
{
    if (reply->type == REPLY_ARRAY) {
        add_count(node, asked, "ok_slaves", reply, 0);
    }
}

static void ask_about_master(struct node_snapshot *node, struct span name, struct span address)
{
    struct followup question = {
        .collector = COLLECTOR_BASE, .argument = {name}, .argument_count = 1, .note = address};
    question.command = COMMAND_SENTINEL_CKQUORUM;
    question.take = take_quorum;
    followup_add(node, &question);
    question.command = COMMAND_SENTINEL_SENTINELS;
    question.take = take_sentinels;
    followup_add(node, &question);
    question.command = COMMAND_SENTINEL_SLAVES;
    question.take = take_replicas;
    followup_add(node, &question);
}

static void take_masters(struct node_snapshot *node, const struct followup *asked,
                         const struct reply *reply)
{
    (void)asked;
    for (size_t i = 0; reply->type == REPLY_ARRAY && i < reply->count && i < MASTERS_MAX; i++) {
        const struct reply *master = reply->element[i];
        struct buf labels = BUF_EMPTY;
        struct buf address = BUF_EMPTY;
        struct span name = followup_keep(node, field_of(master, "name"));
        buf_span(&address, field_of(master, "ip"));
        buf_char(&address, ':');
        buf_span(&address, field_of(master, "port"));
        add_master_labels(&labels, name, buf_view(&address));
        for (size_t j = 0; master->type == REPLY_ARRAY && j + 1 < master->count; j += 2) {
            samples_add_labelled(node->samples, FROM_SENTINEL_MASTER, master->element[j]->text,
                                 buf_view(&labels), master->element[j + 1]->text);
        }
        ask_about_master(node, name, followup_keep(node, buf_view(&address)));
        buf_free(&labels);
        buf_free(&address);
    }
}

static void take_config(struct node_snapshot *node, const struct followup *asked,
                        const struct reply *reply)
{
    (void)asked;
    for (size_t i = 0; reply->type == REPLY_ARRAY && i + 1 < reply->count; i += 2) {
        struct span name = reply->element[i]->text;
        struct buf labels = BUF_EMPTY;
        label_add(&labels, "key", name);
        if (!config_is_secret(name)) {
            samples_add_labelled(node->samples, FROM_SENTINEL_CONFIG, SPAN(""), buf_view(&labels),
                                 reply->element[i + 1]->text);
        }
        buf_free(&labels);
    }
}

void sentinel_begin(struct node_snapshot *node)
{
    collector_set on = node->member->cluster->options.collectors;
    struct followup masters = {
        .command = COMMAND_SENTINEL_MASTERS, .collector = COLLECTOR_BASE, .take = take_masters};
    struct followup config = {
        .command = COMMAND_SENTINEL_CONFIG, .collector = COLLECTOR_CONFIG_ALL, .take = take_config};
    if (!node->server.sentinel) {
        return;
    }
    read_info(node);
    followup_add(node, &masters);
    if (on & collector_bit(COLLECTOR_CONFIG_ALL)) {
        followup_add(node, &config);
    }
}
