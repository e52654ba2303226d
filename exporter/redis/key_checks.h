// Which keys an operator wants to see: parsed from lists in the syntax of redis_exporter,
// "dbN=name,name,...", each name URL-escaped, database 0 where none is named.
#pragma once

#include "base/span.h"

enum check_kind {
    CHECK_KEY,    // its size, memory and value
    CHECK_COUNT,  // how many keys match
    CHECK_STREAM, // what XINFO says
};

// The lists that can be given, with the names that flags and request parameters have.
struct check_list {
    const char *name;
    enum check_kind kind;
    bool single; // names are no patterns, whatever they contain
};
enum { CHECK_LISTS = 5 };
extern const struct check_list check_lists[CHECK_LISTS];

struct key_check {
    const struct check_list *list; // that named it
    enum check_kind kind;          // of the list
    bool is_pattern;               // keys are searched by SCAN ... MATCH
    uint32_t db;
    struct span name; // of the key, or the pattern
    char *storage;    // of the name
};

struct key_checks {
    struct key_check *check;
    size_t count;
    size_t capacity;
    bool has_patterns;
    bool has_databases; // others than 0
    bool has_kind[CHECK_STREAM + 1];
};

enum { CHECKS_MAX = 1000 };

// Adds the checks of a list. NULL, or what is wrong with it.
const char *key_checks_add(struct key_checks *checks, const struct check_list *list,
                           struct span text);

// Adds copies of those that a list has named in `from`.
void key_checks_copy(struct key_checks *checks, const struct check_list *list,
                     const struct key_checks *from);
bool key_checks_equal(const struct key_checks *a, const struct key_checks *b);
void key_checks_clear(struct key_checks *checks);

// The slot of a key: CRC16 of it, or of what stands between the first { and the next } where that
// is not empty. Source: redis src/cluster.c keyHashSlot, src/crc16.c.
uint16_t key_slot(struct span key);
