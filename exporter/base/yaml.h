// Strict YAML 1.1 for configuration files, by libyaml: one document, as a tree that knows its
// lines. Unknown and repeated keys are errors. Anchors, aliases and merge keys (<<) work. The names
// begin with yml_, since libyaml has functions of its own that begin with yaml_.
//
// The first problem stays, and makes everything after it harmless: a reader goes through its
// fields without looking, and asks yml_problem at the end.
//
//     static const struct yml_field fields[] = {
//         {"name", yml_take_text, offsetof(struct thing, name)},
//         {"limits", read_limits, offsetof(struct thing, limits)},
//     };
//     struct yml *yaml = yml_read("thing.yml");
//     yml_fields(yaml, yml_root(yaml), fields, 2, &thing);
//     const char *problem = yml_problem(yaml);
#pragma once

#include "base/span.h"

enum yml_kind { YML_NOTHING, YML_TEXT, YML_LIST, YML_MAP };

// What `text` says is up to who asks: a number is a text as well. Null is YML_NOTHING.
struct yml_node {
    enum yml_kind kind;
    bool quoted;            // of a text: so it is no number and no switch
    size_t line;            // from 1
    struct span key;        // of an entry of a map
    struct span text;       // terminated; it may hold NUL bytes
    struct yml_node *child; // first entry of a list or map
    struct yml_node *next;  // entry after this one
};

struct yml;

// Reads a document; `source` names it in problems and is copied. Never NULL. The tree's texts may
// be secrets: they are overwritten when it is freed. A file is at most 1 MiB.
struct yml *yml_parse(const char *source, struct span text);
struct yml *yml_read(const char *path);
void yml_free(struct yml *yaml);

// NULL, or one line that begins with FILE:LINE, never with the text of a value. Lives as long as
// `yaml`.
const char *yml_problem(const struct yml *yaml);

// Never NULL: YML_NOTHING for an empty document and after a problem.
const struct yml_node *yml_root(const struct yml *yaml);

// Notes a problem of that node: its line and key come first. Never give it a secret.
void yml_fail(struct yml *yaml, const struct yml_node *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// False, with the problem noted, when it is of another kind.
bool yml_expect(struct yml *yaml, const struct yml_node *node, enum yml_kind kind);

// One key that a map may have. `read` gets the value, which is not YML_NOTHING, and a pointer
// `offset` bytes into the record.
struct yml_field {
    const char *key;
    void (*read)(struct yml *yaml, const struct yml_node *value, void *target);
    size_t offset;
};

// Reads the entries of a map in the order of the file, until there is a problem. A key that is not
// among the fields is one, which tells the nearest of them. YML_NOTHING counts as an empty map.
void yml_fields(struct yml *yaml, const struct yml_node *map, const struct yml_field *field,
                size_t count, void *record);

// --- what a field can be read by ---

// Into a char *: a malloc'd copy that replaces what was there. Without NUL bytes.
void yml_take_text(struct yml *yaml, const struct yml_node *value, void *target);

// Into a bool: true, false, yes, no, on, off, y, n; in lower case, upper case or capitalised.
void yml_take_switch(struct yml *yaml, const struct yml_node *value, void *target);

// Into an int64_t.
void yml_take_number(struct yml *yaml, const struct yml_node *value, void *target);
