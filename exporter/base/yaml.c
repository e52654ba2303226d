// libyaml's loader resolves aliases and limits nesting; here its document becomes a tree in which
// each place has a node of its own. The texts stay libyaml's, so that each secret is there once.
#include "base/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <yaml.h>

#include "base/edit_distance.h"
#include "base/file.h"
#include "base/mem.h"

enum {
    FILE_MAX = 1024 * 1024,
    DEPTH_MAX = 32,
    NODES_MAX = 100000, // aliases of aliases would give any number
    KEY_SHOWN_MAX = 64, // in a problem
};

// A node, and the one made before it.
struct held {
    struct yml_node node;
    struct held *before;
};

struct yml {
    char *source;
    char *problem;
    yaml_document_t document; // if it is `loaded`
    bool loaded;
    struct held *newest; // all nodes, wherever they are in the tree
    size_t node_count;
    struct yml_node nothing;
    const struct yml_node *root;
};

// --- problems ---

static void add_printable(struct buf *out, struct span text)
{
    for (size_t i = 0; i < text.length && i < KEY_SHOWN_MAX; i++) {
        bool printable = text.at[i] >= ' ' && text.at[i] <= '~';
        buf_bytes(out, printable ? text.at + i : "?", 1);
    }
}

static void add_place(const struct yml *yaml, size_t line, struct buf *out)
{
    buf_text(out, yaml->source);
    if (line > 0) {
        buf_format(out, ":%zu", line);
    }
    buf_text(out, ": ");
}

static void fail_at_line(struct yml *yaml, size_t line, const char *what)
{
    struct buf text = BUF_EMPTY;
    if (yaml->problem == NULL) {
        add_place(yaml, line, &text);
        buf_text(&text, what);
        yaml->problem = buf_take(&text);
    }
}

void yml_fail(struct yml *yaml, const struct yml_node *at, const char *format, ...)
{
    char what[512];
    struct buf text = BUF_EMPTY;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    if (at->key.length > 0) {
        add_printable(&text, at->key);
        buf_text(&text, ": ");
    }
    buf_text(&text, what);
    char *whole = buf_take(&text);
    fail_at_line(yaml, at->line, whole);
    free(whole);
}

const char *yml_problem(const struct yml *yaml)
{
    return yaml->problem;
}

// --- from libyaml's document to the tree ---

static struct yml_node *build(struct yml *yaml, int index, unsigned depth);

static struct yml_node *new_node(struct yml *yaml, enum yml_kind kind, size_t line)
{
    struct held *held = mem_new(1, sizeof(*held));
    held->node.kind = kind;
    held->node.line = line;
    held->before = yaml->newest;
    yaml->newest = held;
    yaml->node_count++;
    return &held->node;
}

static struct span text_of(const yaml_node_t *from)
{
    return span_make((const char *)from->data.scalar.value, from->data.scalar.length);
}

static bool is_plain(const yaml_node_t *from)
{
    return from->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static void build_text(struct yml_node *node, const yaml_node_t *from)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    node->text = text_of(from);
    node->quoted = !is_plain(from);
    for (size_t i = 0; !node->quoted && i < sizeof(nulls) / sizeof(nulls[0]); i++) {
        if (span_is(node->text, nulls[i])) {
            node->kind = YML_NOTHING;
        }
    }
}

static void build_list(struct yml *yaml, struct yml_node *list, const yaml_node_t *from,
                       unsigned depth)
{
    struct yml_node **end = &list->child;
    for (const yaml_node_item_t *item = from->data.sequence.items.start;
         item < from->data.sequence.items.top && yaml->problem == NULL; item++) {
        *end = build(yaml, *item, depth);
        end = &(*end)->next;
    }
}

static struct yml_node **find_entry(struct yml_node *map, struct span key)
{
    struct yml_node **link = &map->child;
    while (*link != NULL && !span_equals((*link)->key, key)) {
        link = &(*link)->next;
    }
    return link;
}

// What the map has itself beats what is merged into it; of several maps the first one wins.
static void merge(struct yml *yaml, struct yml_node *map, struct yml_node *from, bool nested)
{
    struct yml_node *entry = from->child;
    if (from->kind != YML_MAP && (from->kind != YML_LIST || nested)) {
        fail_at_line(yaml, from->line, "<<: must be a map, or a list of maps");
        return;
    }
    while (entry != NULL) {
        struct yml_node *next = entry->next;
        struct yml_node **place = find_entry(map, entry->key);
        if (from->kind == YML_LIST) {
            merge(yaml, map, entry, true);
        } else if (*place == NULL) {
            entry->next = NULL;
            *place = entry;
        }
        entry = next;
    }
}

// Takes the merged maps out of the pair that names them, into `out_merged`.
static void build_pair(struct yml *yaml, struct yml_node *map, const yaml_node_pair_t *pair,
                       unsigned depth, struct yml_node **out_merged)
{
    const yaml_node_t *key = yaml_document_get_node(&yaml->document, pair->key);
    size_t line = key->start_mark.line + 1;
    if (key->type != YAML_SCALAR_NODE || text_of(key).length == 0) {
        fail_at_line(yaml, line, "a key must be a text");
        return;
    }
    struct yml_node *value = build(yaml, pair->value, depth);
    if (is_plain(key) && span_is(text_of(key), "<<")) {
        *out_merged = value;
        return;
    }
    value->key = text_of(key);
    value->line = value->kind == YML_TEXT ? value->line : line; // a map begins below its key
    struct yml_node **place = find_entry(map, value->key);
    if (*place != NULL) {
        yml_fail(yaml, value, "is given twice, in line %zu as well", (*place)->line);
        return;
    }
    *place = value;
}

static void build_map(struct yml *yaml, struct yml_node *map, const yaml_node_t *from,
                      unsigned depth)
{
    struct yml_node *merged = NULL;
    for (const yaml_node_pair_t *pair = from->data.mapping.pairs.start;
         pair < from->data.mapping.pairs.top && yaml->problem == NULL; pair++) {
        build_pair(yaml, map, pair, depth, &merged);
    }
    if (merged != NULL && yaml->problem == NULL) {
        merge(yaml, map, merged, false);
    }
}

// An alias of something around it would go on for ever: the depth ends it.
static struct yml_node *build(struct yml *yaml, int index, unsigned depth)
{
    const yaml_node_t *from = yaml_document_get_node(&yaml->document, index);
    struct yml_node *node = new_node(yaml, YML_NOTHING, from->start_mark.line + 1);
    if (depth > DEPTH_MAX || yaml->node_count > NODES_MAX) {
        fail_at_line(yaml, node->line, depth > DEPTH_MAX ? "is nested too deeply" : "is too large");
    } else if (from->type == YAML_SCALAR_NODE) {
        node->kind = YML_TEXT;
        build_text(node, from);
    } else if (from->type == YAML_SEQUENCE_NODE) {
        node->kind = YML_LIST;
        build_list(yaml, node, from, depth + 1);
    } else {
        node->kind = YML_MAP;
        build_map(yaml, node, from, depth + 1);
    }
    return node;
}

// --- reading ---

static void fail_by_parser(struct yml *yaml, const yaml_parser_t *parser)
{
    struct buf text = BUF_EMPTY;
    size_t line = parser->error == YAML_READER_ERROR ? 0 : parser->problem_mark.line + 1;
    buf_format(&text, "is no YAML: %s", parser->problem != NULL ? parser->problem : "is broken");
    char *what = buf_take(&text);
    fail_at_line(yaml, line, what);
    free(what);
}

static void wipe_parser(yaml_parser_t *parser)
{
    unsigned char *decoded = parser->buffer.start;
    unsigned char *raw = parser->raw_buffer.start;
    if (decoded != NULL) {
        explicit_bzero(decoded, (size_t)(parser->buffer.end - decoded));
    }
    if (raw != NULL) {
        explicit_bzero(raw, (size_t)(parser->raw_buffer.end - raw));
    }
    yaml_parser_delete(parser);
}

// An end without a document, or one that follows another.
static void expect_end(struct yml *yaml, yaml_parser_t *parser)
{
    yaml_document_t second;
    if (yaml->problem != NULL) {
        return;
    }
    if (!yaml_parser_load(parser, &second)) {
        fail_by_parser(yaml, parser);
        return;
    }
    const yaml_node_t *root = yaml_document_get_root_node(&second);
    if (root != NULL) {
        fail_at_line(yaml, root->start_mark.line + 1, "must be one document, and here is another");
    }
    yaml_document_delete(&second);
}

static void load(struct yml *yaml, struct span text)
{
    yaml_parser_t parser;
    CHECK(yaml_parser_initialize(&parser) == 1);
    const char *start = text.at != NULL ? text.at : ""; // of an empty file: it wants a pointer
    yaml_parser_set_input_string(&parser, (const unsigned char *)start, text.length);
    yaml->loaded = yaml_parser_load(&parser, &yaml->document) == 1;
    if (!yaml->loaded) {
        fail_by_parser(yaml, &parser);
    } else if (yaml_document_get_root_node(&yaml->document) != NULL) {
        const struct yml_node *root = build(yaml, 1, 0);
        expect_end(yaml, &parser);
        yaml->root = yaml->problem == NULL ? root : yaml->root;
    }
    wipe_parser(&parser);
}

static struct yml *new_yaml(const char *source)
{
    struct yml *yaml = mem_new(1, sizeof(*yaml));
    yaml->source = mem_copy(source, strlen(source));
    yaml->nothing.line = 1;
    yaml->root = &yaml->nothing;
    return yaml;
}

struct yml *yml_parse(const char *source, struct span text)
{
    struct yml *yaml = new_yaml(source);
    load(yaml, text);
    return yaml;
}

struct yml *yml_read(const char *path)
{
    struct yml *yaml = new_yaml(path);
    struct buf text = BUF_EMPTY;
    const char *problem = file_read(path, FILE_MAX, &text, NULL);
    if (problem != NULL) {
        fail_at_line(yaml, 0, problem);
    } else {
        load(yaml, buf_view(&text));
    }
    buf_wipe(&text);
    return yaml;
}

static void wipe_document(yaml_document_t *document)
{
    for (yaml_node_t *node = document->nodes.start; node < document->nodes.top; node++) {
        if (node->type == YAML_SCALAR_NODE) {
            explicit_bzero(node->data.scalar.value, node->data.scalar.length);
        }
    }
    yaml_document_delete(document);
}

void yml_free(struct yml *yaml)
{
    while (yaml->newest != NULL) {
        struct held *held = yaml->newest;
        yaml->newest = held->before;
        free(held);
    }
    if (yaml->loaded) {
        wipe_document(&yaml->document);
    }
    free(yaml->source);
    free(yaml->problem);
    free(yaml);
}

const struct yml_node *yml_root(const struct yml *yaml)
{
    return yaml->root;
}

// --- fields ---

bool yml_expect(struct yml *yaml, const struct yml_node *node, enum yml_kind kind)
{
    static const char *const names[] = {"nothing", "a text or number", "a list", "a map"};
    if (node->kind != kind) {
        yml_fail(yaml, node, "must be %s, not %s", names[kind], names[node->kind]);
    }
    return node->kind == kind;
}

// NULL when none is near enough to be meant.
static const char *nearest(const struct yml_field *field, size_t count, struct span key)
{
    const char *best = NULL;
    size_t least = key.length / 3 + 1;
    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(key, span_of(field[i].key), least);
        if (distance < least || (distance == least && best == NULL)) {
            least = distance;
            best = field[i].key;
        }
    }
    return best;
}

static void fail_unknown(struct yml *yaml, const struct yml_node *entry,
                         const struct yml_field *field, size_t count)
{
    const char *best = nearest(field, count, entry->key);
    struct buf known = BUF_EMPTY;
    for (size_t i = 0; best == NULL && i < count; i++) {
        buf_format(&known, "%s%s", i > 0 ? ", " : "", field[i].key);
    }
    char *list = buf_take(&known);
    if (best != NULL) {
        yml_fail(yaml, entry, "is no known key here; did you mean %s?", best);
    } else {
        yml_fail(yaml, entry, "is no known key here; known are %s", list);
    }
    free(list);
}

void yml_fields(struct yml *yaml, const struct yml_node *map, const struct yml_field *field,
                size_t count, void *record)
{
    if (yaml->problem != NULL || map->kind == YML_NOTHING || !yml_expect(yaml, map, YML_MAP)) {
        return;
    }
    for (const struct yml_node *entry = map->child; entry != NULL && yaml->problem == NULL;
         entry = entry->next) {
        size_t i = 0;
        while (i < count && !span_is(entry->key, field[i].key)) {
            i++;
        }
        if (i == count) {
            fail_unknown(yaml, entry, field, count);
        } else if (entry->kind != YML_NOTHING) {
            field[i].read(yaml, entry, (char *)record + field[i].offset);
        }
    }
}

void yml_take_text(struct yml *yaml, const struct yml_node *value, void *target)
{
    char **text = target;
    if (!yml_expect(yaml, value, YML_TEXT)) {
        return;
    }
    if (memchr(value->text.at, '\0', value->text.length) != NULL) {
        yml_fail(yaml, value, "must not hold a NUL");
        return;
    }
    free(*text);
    *text = mem_copy(value->text.at, value->text.length);
}

// As on, On or ON, but not oN.
static bool is_word(struct span text, const char *lower)
{
    size_t upper = 0;
    if (text.length != strlen(lower) || strcasecmp(text.at, lower) != 0) {
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        upper += text.at[i] != lower[i] ? 1 : 0;
    }
    return upper == 0 || upper == text.length || (upper == 1 && text.at[0] != lower[0]);
}

void yml_take_switch(struct yml *yaml, const struct yml_node *value, void *target)
{
    static const char *const words[] = {"false", "no", "off", "n", "true", "yes", "on", "y"};
    enum { FIRST_TRUE = 4 };
    bool *out = target;
    if (!yml_expect(yaml, value, YML_TEXT)) {
        return;
    }
    for (size_t i = 0; !value->quoted && i < sizeof(words) / sizeof(words[0]); i++) {
        if (is_word(value->text, words[i])) {
            *out = i >= FIRST_TRUE;
            return;
        }
    }
    yml_fail(yaml, value, "must be true or false");
}

void yml_take_number(struct yml *yaml, const struct yml_node *value, void *target)
{
    if (yml_expect(yaml, value, YML_TEXT) && (value->quoted || !span_i64(value->text, target))) {
        yml_fail(yaml, value, "must be a whole number");
    }
}
