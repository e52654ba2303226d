// Replies are lists of name, value, name, value ... Source: redis src/t_stream.c xinfoCommand.
#include "scrape/streams.h"

#include "metrics/page.h"
#include "scrape/followup.h"
#include "scrape/keys.h"

// What one list is about: a stream, a group or a consumer.
struct subject {
    enum source source;
    struct buf labels;
};

static void add_labels(struct subject *subject, uint32_t db, struct span stream)
{
    struct buf database = BUF_EMPTY;
    buf_format(&database, "db%u", db);
    label_add(&subject->labels, "db", buf_view(&database));
    buf_char(&subject->labels, ',');
    label_add(&subject->labels, "stream", stream);
    buf_free(&database);
}

static void add_label(struct subject *subject, const char *name, struct span value)
{
    buf_char(&subject->labels, ',');
    label_add(&subject->labels, name, value);
}

// Ids are "milliseconds-number"; the time is what tells something.
static struct span time_of(struct span id)
{
    struct span time;
    struct span number;
    return span_split(id, '-', &time, &number) ? time : id;
}

static void add_field(struct node_snapshot *node, const struct subject *subject, struct span name,
                      const struct reply *value)
{
    struct buf text = BUF_EMPTY;
    if (value->type == REPLY_ARRAY && value->count > 0) {
        value = value->element[0]; // an entry: its id
    }
    if (value->type == REPLY_INTEGER) {
        buf_i64(&text, value->integer);
    } else if (value->type == REPLY_STRING) {
        buf_span(&text, time_of(value->text));
    }
    samples_add_labelled(node->samples, subject->source, name, buf_view(&subject->labels),
                         buf_view(&text));
    buf_free(&text);
}

static void add_fields(struct node_snapshot *node, const struct subject *subject,
                       const struct reply *list)
{
    for (size_t i = 0; list->type == REPLY_ARRAY && i + 1 < list->count; i += 2) {
        if (list->element[i]->type == REPLY_STRING) {
            add_field(node, subject, list->element[i]->text, list->element[i + 1]);
        }
    }
}

static struct span name_in(const struct reply *list)
{
    for (size_t i = 0; list->type == REPLY_ARRAY && i + 1 < list->count; i += 2) {
        if (span_is(list->element[i]->text, "name") && list->element[i + 1]->type == REPLY_STRING) {
            return list->element[i + 1]->text;
        }
    }
    return span_make(NULL, 0);
}

static void take_stream(struct node_snapshot *node, const struct followup *asked,
                        const struct reply *reply)
{
    struct subject stream = {FROM_STREAM, BUF_EMPTY};
    add_labels(&stream, (uint32_t)asked->number, asked->note);
    add_fields(node, &stream, reply);
    buf_free(&stream.labels);
}

static void take_consumers(struct node_snapshot *node, const struct followup *asked,
                           const struct reply *reply)
{
    for (size_t i = 0; reply->type == REPLY_ARRAY && i < reply->count; i++) {
        struct subject consumer = {FROM_STREAM_CONSUMER, BUF_EMPTY};
        add_labels(&consumer, (uint32_t)asked->number, asked->argument[0]);
        add_label(&consumer, "group", asked->argument[1]);
        add_label(&consumer, "consumer", name_in(reply->element[i]));
        add_fields(node, &consumer, reply->element[i]);
        buf_free(&consumer.labels);
    }
}

static void ask_consumers(struct node_snapshot *node, const struct followup *asked,
                          struct span group)
{
    struct followup question = {.command = COMMAND_XINFO_CONSUMERS,
                                .collector = COLLECTOR_STREAMS,
                                .argument = {asked->note, followup_keep(node, group)},
                                .argument_count = 2,
                                .take = take_consumers,
                                .number = asked->number,
                                .note = asked->note};
    if (!node->member->cluster->options.collect->without_consumers) {
        keys_ask(node, (uint32_t)asked->number, &question);
    }
}

static void take_groups(struct node_snapshot *node, const struct followup *asked,
                        const struct reply *reply)
{
    for (size_t i = 0; reply->type == REPLY_ARRAY && i < reply->count; i++) {
        struct subject group = {FROM_STREAM_GROUP, BUF_EMPTY};
        struct span name = name_in(reply->element[i]);
        add_labels(&group, (uint32_t)asked->number, asked->note);
        add_label(&group, "group", name);
        add_fields(node, &group, reply->element[i]);
        ask_consumers(node, asked, name);
        buf_free(&group.labels);
    }
}

void streams_ask(struct node_snapshot *node, uint32_t db, struct span key)
{
    struct followup question = {.command = COMMAND_XINFO_STREAM,
                                .collector = COLLECTOR_STREAMS,
                                .argument = {key},
                                .argument_count = 1,
                                .take = take_stream,
                                .number = db,
                                .note = key};
    keys_ask(node, db, &question);
    question.command = COMMAND_XINFO_GROUPS;
    question.take = take_groups;
    keys_ask(node, db, &question);
}
