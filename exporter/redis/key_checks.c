#include "redis/key_checks.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"

const struct check_list check_lists[CHECK_LISTS] = {
    {"check-keys", CHECK_KEY, false},       {"check-single-keys", CHECK_KEY, true},
    {"check-streams", CHECK_STREAM, false}, {"check-single-streams", CHECK_STREAM, true},
    {"count-keys", CHECK_COUNT, false},
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(tolower)((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// As in a query string: %XX, and + for a blank.
static bool unescape(struct span text, struct buf *out)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = text.at[i];
        if (c != '%') {
            buf_char(out, (char)(c == '+' ? ' ' : c));
            continue;
        }
        int high = i + 2 < text.length ? hex_digit(text.at[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(text.at[i + 2]) : -1;
        if (low < 0) {
            return false;
        }
        buf_char(out, (char)(unsigned char)(high * 16 + low));
        i += 2;
    }
    return true;
}

static bool has_wildcard(struct span name)
{
    static const char wildcards[] = {'*', '?', '[', ']', '^'};
    for (size_t i = 0; i < name.length; i++) {
        if (memchr(wildcards, name.at[i], sizeof(wildcards)) != NULL) {
            return true;
        }
    }
    return false;
}

// "name" or "dbN=name".
static const char *parse_check(struct span text, struct key_check *check)
{
    struct span database;
    struct span name = text;
    uint64_t number = 0;
    if (span_split(text, '=', &database, &name)) {
        database = span_trim(database);
        database = span_skip(database, span_starts(database, SPAN("db")) ? 2 : 0);
        if (!span_u64(database, &number) || number > UINT16_MAX) {
            return "must name databases as in db0=name";
        }
    }
    if (span_contains(name, SPAN("="))) {
        return "must have the = of a name escaped as %3D";
    }
    struct buf plain = BUF_EMPTY;
    if (!unescape(span_trim(name), &plain) || plain.length == 0) {
        buf_free(&plain);
        return "must be names with % escaped as %25, separated by commas";
    }
    check->db = (uint32_t)number;
    check->name.length = plain.length;
    check->storage = buf_take(&plain);
    check->name.at = check->storage;
    return NULL;
}

static void add(struct key_checks *checks, const struct key_check *check)
{
    checks->check =
        mem_grow(checks->check, checks->count, &checks->capacity, sizeof(checks->check[0]));
    checks->check[checks->count++] = *check;
    checks->has_patterns |= check->is_pattern;
    checks->has_databases |= check->db != 0;
    checks->has_kind[check->kind] = true;
}

void key_checks_copy(struct key_checks *checks, const struct check_list *list,
                     const struct key_checks *from)
{
    for (size_t i = 0; i < from->count; i++) {
        struct key_check check = from->check[i];
        if (check.list == list) {
            check.storage = mem_copy(check.name.at, check.name.length);
            check.name.at = check.storage;
            add(checks, &check);
        }
    }
}

const char *key_checks_add(struct key_checks *checks, const struct check_list *list,
                           struct span text)
{
    struct span part;
    while (span_cut(&text, ',', &part)) {
        struct key_check check = {.list = list, .kind = list->kind};
        if (part.length == 0) {
            continue;
        }
        const char *problem = checks->count < CHECKS_MAX ? parse_check(part, &check)
                                                         : "must be at most 1000 names in all";
        if (problem != NULL) {
            return problem;
        }
        check.is_pattern = list->kind == CHECK_COUNT || (!list->single && has_wildcard(check.name));
        add(checks, &check);
    }
    return NULL;
}

bool key_checks_equal(const struct key_checks *a, const struct key_checks *b)
{
    bool equal = a->count == b->count;
    for (size_t i = 0; equal && i < a->count; i++) {
        const struct key_check *left = &a->check[i];
        const struct key_check *right = &b->check[i];
        equal = left->list == right->list && left->db == right->db &&
                span_equals(left->name, right->name);
    }
    return equal;
}

void key_checks_clear(struct key_checks *checks)
{
    for (size_t i = 0; i < checks->count; i++) {
        free(checks->check[i].storage);
    }
    free(checks->check);
    *checks = (struct key_checks){.count = 0};
}

static uint16_t crc16(struct span text)
{
    uint16_t crc = 0;
    for (size_t i = 0; i < text.length; i++) {
        crc ^= (uint16_t)((unsigned char)text.at[i] << 8);
        for (int bit = 0; bit < 8; bit++) {
            crc = (uint16_t)(crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1);
        }
    }
    return crc;
}

uint16_t key_slot(struct span key)
{
    enum { SLOTS = 16384 };
    struct span before;
    struct span after;
    struct span tag;
    struct span rest;
    bool tagged = span_split(key, '{', &before, &after) && span_split(after, '}', &tag, &rest) &&
                  tag.length > 0;
    return crc16(tagged ? tag : key) % SLOTS;
}
