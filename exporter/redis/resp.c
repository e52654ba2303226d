#include "redis/resp.h"

#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "base/mem.h"

enum {
    ELEMENTS_MAX = 1 << 20,   // per reply; the largest real one, CONFIG GET *, has about 500
    LINE_BYTES_MAX = 1 << 16, // per status, error, integer or header line
    DEPTH_MAX = 8,            // arrays in arrays; hiredis 0.14 allows no more, 1.x has no limit
};

// hiredis changed the type of an array's length with its first major version.
#if HIREDIS_MAJOR >= 1
typedef size_t element_count;
#else
typedef int element_count;
#endif

struct resp {
    redisReader *reader;
    size_t bytes_max;
    size_t bytes;      // fed since resp_restart
    size_t unfinished; // fed since the last complete reply
    size_t fed;        // to this reader
    size_t elements;   // left of the current reply's budget
    bool too_large;
    bool refused; // the reader has no memory because it was given none on purpose
};

void reply_free(struct reply *reply)
{
    if (reply == NULL) {
        return;
    }
    arena_free(&reply->arena);
    free(reply->storage);
    free(reply);
}

char *reply_take_text(struct reply *reply)
{
    char *text = reply->storage;
    reply->storage = NULL;
    return text;
}

const struct reply *reply_field(const struct reply *list, const char *name)
{
    for (size_t i = 0; list->type == REPLY_ARRAY && i + 1 < list->count; i += 2) {
        if (span_is(list->element[i]->text, name)) {
            return list->element[i + 1];
        }
    }
    return NULL;
}

// The reader calls what follows for each item; one of an array is handed to its parent.

// The arena of the whole reply; NULL for what will be the whole reply itself.
static struct arena *arena_of(const redisReadTask *task)
{
    if (task->parent == NULL) {
        return NULL;
    }
    while (task->parent != NULL) {
        task = task->parent;
    }
    struct reply *whole = task->obj;
    return &whole->arena;
}

static struct reply *new_reply(const redisReadTask *task, enum reply_type type)
{
    struct arena *arena = arena_of(task);
    struct reply *reply =
        arena != NULL ? arena_new(arena, sizeof(*reply)) : mem_new(1, sizeof(*reply));
    reply->type = type;
    struct reply *parent = task->parent != NULL ? task->parent->obj : NULL;
    if (parent != NULL) {
        parent->element[task->idx] = reply;
    }
    return reply;
}

static enum reply_type text_type(int type)
{
    if (type == REDIS_REPLY_ERROR) {
        return REPLY_ERROR;
    }
    return type == REDIS_REPLY_STATUS ? REPLY_STATUS : REPLY_STRING;
}

static void *create_string(const redisReadTask *task, char *text, size_t length)
{
    struct reply *reply = new_reply(task, text_type(task->type));
    struct arena *arena = arena_of(task);
    char *copy = arena != NULL ? arena_new(arena, length + 1) : NULL;
    if (copy != NULL) {
        memcpy(copy, text, length);
    } else {
        copy = reply->storage = mem_copy(text, length);
    }
    reply->text = span_make(copy, length);
    return reply;
}

static int depth_of(const redisReadTask *task)
{
    int depth = 1;
    while (depth <= DEPTH_MAX && task->parent != NULL) {
        task = task->parent;
        depth++;
    }
    return depth;
}

static void *create_array(const redisReadTask *task, element_count count)
{
    struct resp *resp = task->privdata;
    size_t wanted = (size_t)count;
    if (wanted > resp->elements) {
        resp->too_large = true;
        resp->refused = true;
        return NULL; // the reader then fails for good
    }
    if (depth_of(task) > DEPTH_MAX) {
        resp->refused = true;
        return NULL;
    }
    resp->elements -= wanted;
    struct reply *reply = new_reply(task, REPLY_ARRAY);
    struct arena *arena = task->parent != NULL ? arena_of(task) : &reply->arena;
    reply->element = wanted > 0 ? arena_new(arena, wanted * sizeof(reply->element[0])) : NULL;
    reply->count = wanted;
    return reply;
}

static void *create_integer(const redisReadTask *task, long long value)
{
    struct reply *reply = new_reply(task, REPLY_INTEGER);
    reply->integer = value;
    return reply;
}

static void *create_nil(const redisReadTask *task)
{
    return new_reply(task, REPLY_NIL);
}

static void free_object(void *object)
{
    reply_free(object);
}

#if HIREDIS_MAJOR >= 1
// RESP3 types, which no server sends to a client that did not say HELLO 3; a hostile one may.
static void *create_double(const redisReadTask *task, double value, char *text, size_t length)
{
    (void)value;
    return create_string(task, text, length);
}

static void *create_bool(const redisReadTask *task, int value)
{
    return create_integer(task, value);
}
#endif

static redisReplyObjectFunctions object_functions = {
    .createString = create_string,
    .createArray = create_array,
    .createInteger = create_integer,
#if HIREDIS_MAJOR >= 1
    .createDouble = create_double,
    .createBool = create_bool,
#endif
    .createNil = create_nil,
    .freeObject = free_object,
};

static void make_reader(struct resp *resp)
{
    resp->reader = redisReaderCreateWithFunctions(&object_functions);
    CHECK(resp->reader != NULL);
    resp->reader->privdata = resp;
}

// The reader keeps the room that the largest reply took, twice over, which is much for connections
// that idle; and the next connection can have it meanwhile.
static void give_room_back(struct resp *resp)
{
    enum { WORTH_THE_TROUBLE = 4096 };
    if (resp->reader->pos == resp->reader->len && resp->fed > WORTH_THE_TROUBLE) {
        redisReaderFree(resp->reader);
        make_reader(resp);
        resp->fed = 0;
    }
}

struct resp *resp_new(size_t bytes_max)
{
    struct resp *resp = mem_new(1, sizeof(*resp));
    make_reader(resp);
    resp->bytes_max = bytes_max;
    resp->elements = ELEMENTS_MAX;
    return resp;
}

void resp_free(struct resp *resp)
{
    if (resp != NULL) {
        redisReaderFree(resp->reader);
        free(resp);
    }
}

void resp_feed(struct resp *resp, const char *bytes, size_t length)
{
    resp->bytes += length;
    resp->too_large = resp->too_large || resp->bytes > resp->bytes_max;
    resp->unfinished += length;
    resp->fed += length;
    if (!resp->too_large && length > 0) {
        redisReaderFeed(resp->reader, bytes, length);
    }
}

// Whatever is incomplete begins with a line: the header of a bulk string or a whole small item.
static bool line_is_endless(const redisReader *reader)
{
    size_t rest = reader->len - reader->pos;
    return rest > LINE_BYTES_MAX && memchr(reader->buf + reader->pos, '\n', LINE_BYTES_MAX) == NULL;
}

enum resp_status resp_next(struct resp *resp, struct reply **out_reply)
{
    void *reply = NULL;
    if (resp->too_large) {
        return RESP_TOO_LARGE;
    }
    if (redisReaderGetReply(resp->reader, &reply) != REDIS_OK) {
        if (resp->reader->err == REDIS_ERR_OOM && !resp->refused) {
            mem_exhausted();
        }
        return resp->too_large ? RESP_TOO_LARGE : RESP_MALFORMED;
    }
    if (reply == NULL) {
        return line_is_endless(resp->reader) ? RESP_MALFORMED : RESP_MORE;
    }
    resp->elements = ELEMENTS_MAX;
    resp->unfinished = resp->reader->len - resp->reader->pos;
    give_room_back(resp);
    *out_reply = reply;
    return RESP_REPLY;
}

void resp_restart(struct resp *resp)
{
    resp->bytes = 0;
}

bool resp_has_rest(const struct resp *resp)
{
    return resp->unfinished > 0;
}

void resp_add_command(struct buf *buf, size_t count, const struct span *words)
{
    const char *word[RESP_WORDS_MAX];
    size_t length_of[RESP_WORDS_MAX];
    char *text = NULL;
    CHECK(count > 0 && count <= RESP_WORDS_MAX);
    for (size_t i = 0; i < count; i++) {
        word[i] = words[i].at;
        length_of[i] = words[i].length;
    }
    long long length = redisFormatCommandArgv(&text, (int)count, word, length_of);
    CHECK(length > 0);
    buf_bytes(buf, text, (size_t)length);
    explicit_bzero(text, (size_t)length); // AUTH holds the password
    redisFreeCommand(text);
}
