#include "scrape/keys.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "metrics/page.h"
#include "scrape/followup.h"
#include "scrape/streams.h"

enum {
    BATCH_KEYS = 100,   // looked at in one write
    SCANS_MAX = 1000,   // rounds of a walk in one scrape
    VALUE_BYTES = 256,  // longer values are no label
    HEADER_BYTES = 16,  // of a HyperLogLog, which is a string to TYPE
    DATABASE_NAME = 16, // "db4294967295"
};

#define NO_DATABASE UINT32_MAX

struct key_work {
    struct node_snapshot *node;
    const struct collect_options *options;
    struct key_walks *walks;
    int64_t walk_until_us;
    int64_t look_until_us;
    size_t scans;
    bool *walked;           // by check: its walk has met its end in this scrape
    bool looking;           // the walks are over
    struct text_set wanted; // keys to look at; the number is place()
    size_t next;            // of them
    uint32_t selected;      // database, by the commands added so far
    bool database_is_there; // by the replies so far
};

// --- which ---

static size_t place(const struct key_check *check)
{
    return (size_t)check->db << 1 | (check->kind == CHECK_STREAM);
}

static uint32_t database_of(size_t place)
{
    return (uint32_t)(place >> 1);
}

static enum collector collector_of(enum check_kind kind)
{
    return kind == CHECK_STREAM ? COLLECTOR_STREAMS : COLLECTOR_KEYS;
}

static enum check_kind kind_of(size_t place)
{
    return place & 1 ? CHECK_STREAM : CHECK_KEY;
}

static bool is_on(const struct node_snapshot *node, enum check_kind kind)
{
    collector_set on = node->member->cluster->options.collectors;
    return (on & collector_bit(collector_of(kind))) != 0;
}

// A server in cluster mode has one database, Valkey as many as it is told to since 9.0.
static bool may_have_database(const struct key_work *work, uint32_t db)
{
    const struct server_kind *server = &work->node->server;
    bool several = !server->cluster_mode || server->valkey_version >= 90000;
    return (db == 0 || several) && !text_set_has(&work->walks->no_database, db, SPAN(""));
}

static bool owns(const struct node_snapshot *node, struct span key)
{
    uint16_t slot = key_slot(key);
    if (!node->server.cluster_mode) {
        return true;
    }
    const struct view_line *self = node->view != NULL ? node->view->self : NULL;
    for (size_t i = 0; self != NULL && i < self->range_count; i++) {
        if (slot >= self->range[i].first && slot <= self->range[i].last) {
            return true;
        }
    }
    return false;
}

static bool has_keys(const struct node_snapshot *node)
{
    return !node->server.sentinel && !node->server.loading &&
           !(node->server.cluster_mode && node->replication.is_replica);
}

struct key_work *keys_begin(struct node_snapshot *node, int64_t deadline_us)
{
    const struct collect_options *options = node->member->cluster->options.collect;
    int64_t now_us = clock_monotonic_us();
    int64_t left_us = deadline_us - now_us;
    if (options == NULL || options->checks.count == 0 || !has_keys(node)) {
        return NULL;
    }
    if (node->member->walks == NULL) {
        node->member->walks = key_walks_new(&options->checks);
    }
    key_walks_set_process(node->member->walks, node_field(node, SPAN("run_id")));
    if (node->connect_us > 0) {
        key_walks_forget_refusals(node->member->walks);
    }
    struct key_work *work = mem_new(1, sizeof(*work));
    *work = (struct key_work){
        .node = node,
        .options = options,
        .walks = node->member->walks,
        .walk_until_us = now_us + left_us / 2,
        .look_until_us = now_us + left_us - left_us / 8,
        .walked = mem_new(options->checks.count, sizeof(bool)),
        .selected = options->checks.has_databases ? NO_DATABASE : 0,
        .database_is_there = true,
    };
    return work;
}

// --- commands ---

static void take_select(struct node_snapshot *node, const struct followup *asked,
                        const struct reply *reply)
{
    struct key_work *work = followup_keys(node);
    work->database_is_there = reply->type != REPLY_ERROR;
    if (work->database_is_there) {
        return;
    }
    node->cut_short |= collector_bit(asked->collector);
    // Other errors may pass: BUSY, LOADING.
    if (span_starts(reply->text, SPAN("ERR ")) || command_is_refused(reply->text)) {
        text_set_add(&work->walks->no_database, asked->number, SPAN(""));
    }
}

void keys_ask(struct node_snapshot *node, uint32_t db, const struct followup *followup)
{
    struct key_work *work = followup_keys(node);
    if (work->selected != db) {
        struct buf number = BUF_EMPTY;
        buf_i64(&number, db);
        struct followup select = {.command = COMMAND_SELECT,
                                  .collector = followup->collector,
                                  .argument = {followup_keep(node, buf_view(&number))},
                                  .argument_count = 1,
                                  .take = take_select,
                                  .number = db};
        followup_add(node, &select);
        work->selected = db;
        buf_free(&number);
    }
    followup_add(node, followup);
}

// Whether the replies that come now are about the database that was meant.
static bool is_there(const struct node_snapshot *node)
{
    return followup_keys(node)->database_is_there;
}

// --- walks ---

static bool is_cursor(const struct reply *reply)
{
    uint64_t number;
    return reply->type == REPLY_STRING && span_u64(reply->text, &number);
}

static void take_found(struct key_work *work, size_t index, const struct reply *keys)
{
    const struct key_check *check = &work->options->checks.check[index];
    struct key_walk *walk = &work->walks->walk[index];
    size_t room = key_walks_found(work->walks);
    room = room < WALK_KEYS_MAX ? WALK_KEYS_MAX - room : 0;
    for (size_t i = 0; i < keys->count; i++) {
        if (keys->element[i]->type != REPLY_STRING) {
            continue;
        }
        walk->matches++;
        if (check->kind != CHECK_COUNT && room > 0 &&
            text_set_add(&walk->found, place(check), keys->element[i]->text)) {
            room--;
        }
    }
}

static void take_scan(struct node_snapshot *node, const struct followup *asked,
                      const struct reply *reply)
{
    struct key_work *work = followup_keys(node);
    struct key_walk *walk = &work->walks->walk[asked->number];
    bool usable = reply->type == REPLY_ARRAY && reply->count == 2 && is_cursor(reply->element[0]) &&
                  reply->element[1]->type == REPLY_ARRAY;
    if (!usable || !is_there(node)) {
        walk->under_way = false;
        work->walked[asked->number] = true; // not again in this scrape
        node->cut_short |= collector_bit(asked->collector);
        return;
    }
    take_found(work, asked->number, reply->element[1]);
    span_copy(reply->element[0]->text, walk->cursor, sizeof(walk->cursor));
    if (strcmp(walk->cursor, "0") == 0) {
        key_walk_complete(walk, clock_monotonic_us());
        work->walked[asked->number] = true;
    }
}

static void ask_scan(struct key_work *work, size_t index)
{
    const struct key_check *check = &work->options->checks.check[index];
    struct key_walk *walk = &work->walks->walk[index];
    struct buf count = BUF_EMPTY;
    if (!walk->under_way) {
        key_walk_begin(walk, clock_monotonic_us());
    }
    buf_i64(&count, work->options->batch_size);
    struct followup scan = {
        .command = COMMAND_SCAN,
        .collector = collector_of(check->kind),
        .argument = {followup_keep(work->node, span_of(walk->cursor)), SPAN("MATCH"), check->name,
                     SPAN("COUNT"), followup_keep(work->node, buf_view(&count))},
        .argument_count = 5,
        .take = take_scan,
        .number = index,
    };
    keys_ask(work->node, check->db, &scan);
    buf_free(&count);
}

// One more batch of every walk that has not met its end; false when there is none, or no time.
static bool walk_on(struct key_work *work)
{
    const struct key_checks *checks = &work->options->checks;
    bool any = false;
    if (clock_monotonic_us() >= work->walk_until_us || work->scans >= SCANS_MAX) {
        return false;
    }
    for (size_t i = 0; i < checks->count; i++) {
        const struct key_check *check = &checks->check[i];
        if (check->is_pattern && !work->walked[i] && is_on(work->node, check->kind) &&
            may_have_database(work, check->db)) {
            ask_scan(work, i);
            any = true;
        }
    }
    work->scans++;
    return any;
}

// --- what is to be looked at ---

static void add_key_labels(struct buf *labels, uint32_t db, const char *name, struct span key)
{
    char database[DATABASE_NAME];
    snprintf(database, sizeof(database), "db%u", db);
    label_add(labels, "db", span_of(database));
    buf_char(labels, ',');
    label_add(labels, name, key);
}

static void add_number(struct node_snapshot *node, const char *field, uint32_t db, struct span key,
                       uint64_t number)
{
    struct buf labels = BUF_EMPTY;
    struct buf value = BUF_EMPTY;
    add_key_labels(&labels, db, "key", key);
    buf_i64(&value, (int64_t)number);
    samples_add_labelled(node->samples, FROM_KEY, span_of(field), buf_view(&labels),
                         buf_view(&value));
    buf_free(&labels);
    buf_free(&value);
}

static void want(struct key_work *work, size_t place, struct span key)
{
    if (text_set_has(&work->walks->denied, place, key)) {
        work->node->cut_short |= collector_bit(collector_of(kind_of(place)));
    } else {
        text_set_add(&work->wanted, place, key);
    }
}

static void report_walk(struct key_work *work, const struct key_check *check,
                        const struct key_walk *walk)
{
    bool full = check->kind != CHECK_COUNT && key_walks_found(work->walks) >= WALK_KEYS_MAX;
    if (!walk->complete || full) {
        work->node->cut_short |= collector_bit(collector_of(check->kind));
    }
    if (walk->complete && check->kind == CHECK_COUNT) {
        add_number(work->node, "count", check->db, check->name, walk->total);
    }
    // Of a slot on its way to this node, the old owner is still the one to ask.
    for (size_t i = 0; i < walk->keys.count; i++) {
        if (owns(work->node, walk->keys.entry[i].text)) {
            want(work, place(check), walk->keys.entry[i].text);
        }
    }
}

static void begin_looking(struct key_work *work)
{
    const struct key_checks *checks = &work->options->checks;
    work->looking = true;
    for (size_t i = 0; i < checks->count; i++) {
        const struct key_check *check = &checks->check[i];
        if (!is_on(work->node, check->kind)) {
            continue;
        }
        if (!may_have_database(work, check->db)) {
            work->node->cut_short |= collector_bit(collector_of(check->kind));
        } else if (check->is_pattern) {
            report_walk(work, check, &work->walks->walk[i]);
        } else if (owns(work->node, check->name)) {
            want(work, place(check), check->name);
        }
    }
}

// --- one key ---

static void take_memory(struct node_snapshot *node, const struct followup *asked,
                        const struct reply *reply)
{
    if (reply->type == REPLY_INTEGER && reply->integer >= 0 && is_there(node)) {
        add_number(node, "memory", database_of(asked->number), asked->note,
                   (uint64_t)reply->integer);
    }
}

static void take_size(struct node_snapshot *node, const struct followup *asked,
                      const struct reply *reply)
{
    if (reply->type == REPLY_INTEGER && reply->integer >= 0 && is_there(node)) {
        add_number(node, "size", database_of(asked->number), asked->note, (uint64_t)reply->integer);
    }
}

static void ask_key(struct node_snapshot *node, enum command command, const struct followup *asked,
                    void (*take)(struct node_snapshot *, const struct followup *,
                                 const struct reply *))
{
    struct followup question = {.command = command,
                                .collector = asked->collector,
                                .argument = {asked->note},
                                .argument_count = 1,
                                .take = take,
                                .number = asked->number,
                                .note = asked->note};
    keys_ask(node, database_of(asked->number), &question);
}

static void add_value(struct node_snapshot *node, const struct followup *asked, struct span value)
{
    struct buf labels = BUF_EMPTY;
    add_key_labels(&labels, database_of(asked->number), "key", asked->note);
    if (span_is_number(value)) {
        samples_add_labelled(node->samples, FROM_KEY, SPAN("value"), buf_view(&labels), value);
    } else {
        buf_char(&labels, ',');
        label_add(&labels, "val", value);
        samples_add_labelled(node->samples, FROM_KEY, SPAN("text"), buf_view(&labels), SPAN("1"));
    }
    buf_free(&labels);
}

// By its first bytes, since PFCOUNT of another string would count as an error on the server.
// Source: redis src/hyperloglog.c, struct hllhdr: magic, an encoding of 0 or 1, three bytes of 0.
static bool is_hyperloglog(struct span beginning)
{
    return beginning.length >= HEADER_BYTES && (span_starts(beginning, SPAN("HYLL\0\0\0\0")) ||
                                                span_starts(beginning, SPAN("HYLL\1\0\0\0")));
}

// The beginning of a string. A HyperLogLog's size is its estimate.
static void take_string(struct node_snapshot *node, const struct followup *asked,
                        const struct reply *reply)
{
    struct span value = reply->text;
    if (reply->type != REPLY_STRING || !is_there(node)) {
        return;
    }
    if (is_hyperloglog(value)) {
        ask_key(node, COMMAND_PFCOUNT, asked, take_size);
        return;
    }
    ask_key(node, COMMAND_STRLEN, asked, take_size);
    if (!followup_keys(node)->options->without_values && value.length <= VALUE_BYTES) {
        add_value(node, asked, value);
    }
}

static void ask_string(struct node_snapshot *node, const struct followup *asked)
{
    bool values = !followup_keys(node)->options->without_values;
    struct buf last = BUF_EMPTY;
    buf_i64(&last, values ? VALUE_BYTES : HEADER_BYTES - 1);
    struct followup question = {
        .command = COMMAND_GETRANGE,
        .collector = asked->collector,
        .argument = {asked->note, SPAN("0"), followup_keep(node, buf_view(&last))},
        .argument_count = 3,
        .take = take_string,
        .number = asked->number,
        .note = asked->note};
    keys_ask(node, database_of(asked->number), &question);
    buf_free(&last);
}

static void take_type(struct node_snapshot *node, const struct followup *asked,
                      const struct reply *reply)
{
    static const struct {
        const char *type;
        enum command size;
    } types[] = {{"list", COMMAND_LLEN},
                 {"set", COMMAND_SCARD},
                 {"zset", COMMAND_ZCARD},
                 {"hash", COMMAND_HLEN},
                 {"stream", COMMAND_XLEN}};
    if (reply->type == REPLY_ERROR && command_is_about_key(reply->text)) {
        key_walks_deny(followup_keys(node)->walks, asked->number, asked->note);
        node->cut_short |= collector_bit(asked->collector);
    }
    if (reply->type != REPLY_STATUS || !is_there(node)) {
        return;
    }
    if (kind_of(asked->number) == CHECK_STREAM) {
        if (span_is(reply->text, "stream")) {
            streams_ask(node, database_of(asked->number), asked->note);
        }
        return;
    }
    if (span_is(reply->text, "string")) {
        ask_string(node, asked);
    }
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (span_is(reply->text, types[i].type)) {
            ask_key(node, types[i].size, asked, take_size);
        }
    }
    if (!span_is(reply->text, "none")) {
        ask_key(node, COMMAND_MEMORY_USAGE, asked, take_memory);
    }
}

static bool look_on(struct key_work *work)
{
    size_t end = work->next + BATCH_KEYS;
    if (work->next < work->wanted.count && clock_monotonic_us() >= work->look_until_us) {
        keys_give_up(work);
        return false;
    }
    bool any = work->next < work->wanted.count;
    for (; work->next < end && work->next < work->wanted.count; work->next++) {
        const struct text_entry *key = &work->wanted.entry[work->next];
        struct followup asked = {.collector = collector_of(kind_of(key->number)),
                                 .number = key->number,
                                 .note = key->text};
        ask_key(work->node, COMMAND_TYPE, &asked, take_type);
    }
    return any;
}

bool keys_step(struct key_work *work)
{
    if (work == NULL) {
        return false;
    }
    if (!work->looking) {
        if (walk_on(work)) {
            return true;
        }
        begin_looking(work);
    }
    return look_on(work);
}

void keys_give_up(struct key_work *work)
{
    if (work == NULL) {
        return;
    }
    for (int kind = CHECK_KEY; kind <= CHECK_STREAM; kind++) {
        bool unfinished = !work->looking || work->next < work->wanted.count;
        if (unfinished && work->options->checks.has_kind[kind]) {
            work->node->cut_short |= collector_bit(collector_of((enum check_kind)kind));
        }
    }
}

void keys_free(struct key_work *work)
{
    if (work != NULL) {
        text_set_clear(&work->wanted);
        free(work->walked);
        free(work);
    }
}
