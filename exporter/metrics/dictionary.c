#include "metrics/dictionary.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "metrics/page.h"

enum {
    KEYS_MAX = 6000, // a server has some 500, most of them the same as the next one's
    SLOTS = 16384,   // a power of two
    KEY_BYTES_MAX = 128,
};

// One for the process: what it knows is the catalog and names that servers use, never a value. It
// does not shrink, and is bounded by the limits above.
static struct key keys[KEYS_MAX];
static size_t key_count;
static struct key *slot[SLOTS];
static struct arena arena;

static struct key **find(enum source source, struct span text)
{
    size_t at = hash_text(text, source) & (SLOTS - 1);
    while (slot[at] != NULL && (slot[at]->source != source || !span_equals(slot[at]->text, text))) {
        at = (at + 1) & (SLOTS - 1);
    }
    return &slot[at];
}

static struct key *add(struct key **place, struct key key)
{
    CHECK(key_count < KEYS_MAX);
    struct key *added = &keys[key_count++];
    *added = key;
    added->kept = true;
    *place = added;
    return added;
}

static void add_row(enum source source, const char *field, size_t row)
{
    struct span text = span_of(field);
    struct key **place = find(source, text);
    CHECK(*place == NULL); // one row a field
    add(place, (struct key){.text = text, .source = source, .kind = KEY_ROW, .row = row});
}

static void index_catalog(void)
{
    static bool indexed = false;
    if (indexed) {
        return;
    }
    indexed = true;
    for (size_t row = 0; row < reply_metric_count; row++) {
        const struct metric *metric = &reply_metrics[row];
        if (metric->group == GROUP_NONE) {
            add_row(metric->source, metric->field, row);
        }
    }
    for (size_t i = 0; i < further_field_count; i++) {
        add_row(FROM_INFO, further_fields[i], reply_metric_count + i);
    }
}

// --- keys with a variable part ---

// Whether `key` begins so; the rest of it is then what varies.
static bool has_prefix(struct span key, struct span prefix, struct span *out_rest)
{
    if (!span_starts(key, prefix) || key.length == prefix.length) {
        return false;
    }
    *out_rest = span_skip(key, prefix.length);
    return true;
}

static bool is_numbered(struct span key, struct span prefix)
{
    struct span rest;
    uint64_t number;
    return has_prefix(key, prefix, &rest) && span_u64(rest, &number);
}

static void classify_info(struct key *key)
{
    static const struct {
        struct span prefix;
        enum group group;
    } prefixes[] = {
        {{"cmdstat_", 8}, GROUP_COMMAND},
        {{"latency_percentiles_usec_", 25}, GROUP_QUANTILE},
        {{"errorstat_", 10}, GROUP_ERROR},
    };
    key->kind = KEY_GROUP;
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (has_prefix(key->text, prefixes[i].prefix, &key->label[0])) {
            key->group = prefixes[i].group;
            return;
        }
    }
    if (is_numbered(key->text, SPAN("db"))) {
        key->group = GROUP_DB;
        key->label[0] = key->text;
    } else if (is_numbered(key->text, SPAN("slave"))) {
        key->group = GROUP_REPLICA;
    } else if (span_is(key->text, "module")) {
        key->group = GROUP_MODULE;
    } else {
        key->kind = KEY_NOTHING;
    }
}

// TYPE SUFFIX _sent | _received, the TYPE being the first label.
static void classify_bus(struct key *key, enum group group, struct span middle, struct span suffix)
{
    struct span type;
    struct span direction;
    if (!span_split_last(middle, '_', &type, &direction) || type.length <= suffix.length ||
        !(span_is(direction, "sent") || span_is(direction, "received"))) {
        return;
    }
    type.length -= suffix.length;
    if (memcmp(type.at + type.length, suffix.at, suffix.length) == 0) {
        key->kind = KEY_GROUP;
        key->group = group;
        key->label[0] = type;
        key->label[1] = direction;
    }
}

static void classify_cluster_info(struct key *key)
{
    struct span rest;
    struct span messages;
    if (!has_prefix(key->text, SPAN("cluster_stats_"), &rest)) {
        return;
    }
    if (has_prefix(rest, SPAN("messages_"), &messages)) {
        classify_bus(key, GROUP_BUS_MESSAGES, messages, SPAN(""));
    } else {
        classify_bus(key, GROUP_BUS_BYTES, rest, SPAN("_bytes"));
    }
}

static struct key classify(enum source source, struct span text)
{
    struct key key = {.text = text, .source = source, .kind = KEY_NOTHING};
    if (source == FROM_INFO) {
        classify_info(&key);
    } else {
        classify_cluster_info(&key);
    }
    return key;
}

// --- what others use ---

struct key *dictionary_start(enum source source)
{
    static struct key start[SOURCE_COUNT];
    index_catalog();
    start[source].kept = true;
    return &start[source];
}

struct key *dictionary_learn(enum source source, struct span text)
{
    static struct key single_use;
    index_catalog();
    struct key **place = find(source, text);
    if (*place != NULL) {
        return *place;
    }
    if (key_count == KEYS_MAX || text.length > KEY_BYTES_MAX) {
        single_use = classify(source, text);
        return &single_use;
    }
    return add(place, classify(source, arena_copy(&arena, text)));
}

size_t dictionary_row(enum source source, struct span field)
{
    index_catalog();
    const struct key *key = *find(source, field);
    return key != NULL && key->kind == KEY_ROW ? key->row : DICTIONARY_NONE;
}

size_t dictionary_values(void)
{
    return reply_metric_count + further_field_count;
}

struct span dictionary_render(struct key *key, size_t index, struct span last)
{
    const struct group_labels *names = &group_labels[key->group];
    struct buf text = BUF_EMPTY;
    if (!key->kept || index >= KEY_RENDERED_MAX) {
        return span_make(NULL, 0);
    }
    if (key->rendered[index].length > 0) {
        return key->rendered[index];
    }
    for (size_t i = 0; i < GROUP_LABELS_MAX && names->name[i] != NULL; i++) {
        bool is_last = i > 0 && last.length > 0;
        buf_text(&text, i > 0 ? "," : "");
        label_add(&text, names->name[i], is_last ? last : key->label[i]);
    }
    key->rendered[index] = arena_copy(&arena, buf_view(&text));
    buf_free(&text);
    return key->rendered[index];
}
