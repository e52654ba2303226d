#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "redis/lines.h"

enum { GUARDS_MAX = 4096 };

struct guard {
    void *mapping;
    size_t size;
};

static struct guard guards[GUARDS_MAX];
static size_t guard_count;

const char *const captures[CAPTURE_COUNT] = {
    "redis-3.2.13", "redis-3.2.13-replica", "redis-4.0.14", "redis-4.0.14-replica",
    "redis-5.0.14", "redis-5.0.14-replica", "redis-6.2.16", "redis-6.2.16-replica",
    "redis-7.0.15", "redis-7.0.15-replica", "redis-7.2.6",  "redis-7.2.6-replica",
    "redis-8.0.2",  "redis-8.0.2-replica",  "valkey-8.0.1", "valkey-8.0.1-replica",
    "valkey-9.1.2", "valkey-9.1.2-replica",
};

struct span guarded(struct span text)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t room = (text.length + page - 1) / page * page;
    CHECK(guard_count < GUARDS_MAX);
    char *mapping =
        mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(mapping != MAP_FAILED);
    CHECK(mprotect(mapping + room, page, PROT_NONE) == 0);
    guards[guard_count++] = (struct guard){mapping, room + page};
    char *at = mapping + room - text.length;
    if (text.length > 0) {
        memcpy(at, text.at, text.length);
    }
    return span_make(at, text.length);
}

struct span guarded_text(const char *text)
{
    return guarded(span_of(text));
}

void guards_release(void)
{
    while (guard_count > 0) {
        guard_count--;
        munmap(guards[guard_count].mapping, guards[guard_count].size);
    }
}

void check_span(struct span actual, const char *expected, const char *file, int line)
{
    if (!span_is(actual, expected)) {
        print_error("\"%.*s\" is not \"%s\"\n", (int)actual.length,
                    actual.length > 0 ? actual.at : "", expected);
        _fail(file, line);
    }
}

char *fixture(const char *path, size_t *out_length)
{
    struct buf name = BUF_EMPTY;
    struct buf text = BUF_EMPTY;
    buf_format(&name, "%s/%s", FIXTURES_DIR, path);
    char *terminated = buf_take(&name);
    FILE *file = fopen(terminated, "rb");
    if (file == NULL) {
        print_error("no fixture %s\n", terminated);
        fail();
    }
    size_t got;
    do {
        got = fread(buf_reserve(&text, 4096), 1, 4096, file);
        text.length += got;
    } while (got > 0);
    fclose(file);
    free(terminated);
    *out_length = text.length;
    return buf_take(&text);
}

struct reply *reply_of(const char *bytes, size_t length)
{
    struct reply *reply = NULL;
    struct resp *resp = resp_new(length);
    resp_feed(resp, bytes, length);
    assert_int_equal(resp_next(resp, &reply), RESP_REPLY);
    assert_false(resp_has_rest(resp));
    resp_free(resp);
    return reply;
}

char *capture(const char *server, const char *name, size_t *out_length)
{
    struct buf path = BUF_EMPTY;
    size_t length;
    buf_format(&path, "captures/%s/%s.resp2", server, name);
    char *terminated = buf_take(&path);
    char *bytes = fixture(terminated, &length);
    struct reply *reply = reply_of(bytes, length);
    *out_length = reply->text.length;
    char *text = reply_take_text(reply);
    assert_non_null(text);
    reply_free(reply);
    free(bytes);
    free(terminated);
    return text;
}

static void add_reply(struct buf *out, const struct reply *reply)
{
    switch (reply->type) {
    case REPLY_STRING:
        buf_char(out, '"');
        buf_span(out, reply->text);
        buf_char(out, '"');
        break;
    case REPLY_STATUS:
    case REPLY_ERROR:
        buf_char(out, reply->type == REPLY_STATUS ? '+' : '-');
        buf_span(out, reply->text);
        break;
    case REPLY_INTEGER:
        buf_char(out, ':');
        buf_i64(out, reply->integer);
        break;
    case REPLY_NIL:
        buf_text(out, "nil");
        break;
    case REPLY_ARRAY:
        buf_char(out, '[');
        for (size_t i = 0; i < reply->count; i++) {
            buf_text(out, i > 0 ? " " : "");
            add_reply(out, reply->element[i]);
        }
        buf_char(out, ']');
        break;
    }
}

char *reply_line(const struct reply *reply)
{
    struct buf out = BUF_EMPTY;
    add_reply(&out, reply);
    return buf_take(&out);
}

char *replaced(const char *text, const char *from, const char *to)
{
    struct buf out = BUF_EMPTY;
    const char *found = strstr(text, from);
    assert_non_null(found);
    buf_bytes(&out, text, (size_t)(found - text));
    buf_text(&out, to);
    buf_text(&out, found + strlen(from));
    return buf_take(&out);
}

struct view *view_as(const char *nodes, const char *self)
{
    struct span rest = span_of(nodes);
    struct span line;
    struct buf text = BUF_EMPTY;
    while (span_cut(&rest, '\n', &line)) {
        struct span id;
        struct span address;
        struct span others;
        assert_true(span_split(line, ' ', &id, &others));
        assert_true(span_split(others, ' ', &address, &others));
        buf_span(&text, id);
        buf_char(&text, ' ');
        buf_span(&text, address);
        buf_text(&text, span_is(id, self) ? " myself," : " ");
        buf_span(&text, others);
        buf_char(&text, '\n');
    }
    struct view *view = view_parse(mem_copy(text.data, text.length), text.length);
    buf_free(&text);
    assert_non_null(view);
    return view;
}

// splitmix64
uint32_t random_below(uint64_t *state, uint32_t limit)
{
    uint64_t value = *state += 0x9e3779b97f4a7c15u;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((value ^ (value >> 31)) % limit);
}

// Changes a byte, cuts a piece out, or repeats one.
static void damage_once(struct buf *text, uint64_t *state)
{
    size_t at = random_below(state, (uint32_t)text->length);
    size_t piece = random_below(state, (uint32_t)(text->length - at)) % 64;
    char *kept = mem_copy(text->data + at, text->length - at);
    size_t rest = text->length - at;
    switch (random_below(state, 3)) {
    case 0:
        text->data[at] = (char)random_below(state, 256);
        break;
    case 1:
        text->length = at;
        buf_bytes(text, kept + piece, rest - piece);
        break;
    default:
        text->length = at + piece;
        buf_bytes(text, kept, rest);
        break;
    }
    free(kept);
}

char *damaged(const char *text, size_t length, uint64_t *state, size_t *out_length)
{
    struct buf copy = BUF_EMPTY;
    buf_bytes(&copy, text, length);
    for (size_t i = 1 + random_below(state, 4); i > 0 && copy.length > 0; i--) {
        damage_once(&copy, state);
    }
    if (copy.length > 0 && random_below(state, 3) == 0) {
        copy.length = random_below(state, (uint32_t)copy.length);
    }
    *out_length = copy.length;
    return mem_resize(copy.data, copy.length, 1);
}

char *noise(const char *letters, uint32_t limit, uint64_t *state, size_t *out_length)
{
    size_t length = random_below(state, limit);
    char *text = mem_new(length, 1);
    for (size_t i = 0; i < length; i++) {
        text[i] = (char)random_below(state, 256);
        if (letters != NULL) {
            text[i] = letters[random_below(state, (uint32_t)strlen(letters))];
        }
    }
    *out_length = length;
    return text;
}

bool find_line(struct span text, struct span key, struct span *out_value)
{
    struct line line;
    while (lines_next(&text, &line)) {
        if (span_equals(line.key, key)) {
            *out_value = line.value;
            return true;
        }
    }
    return false;
}
