// One RESP2 reply stream, built on hiredis' reader; the only file that knows hiredis.
//
// Three things that the plain reader lets a peer do are stopped here: an array header alone may
// not allocate (a budget of elements per reply), a line may not grow for ever (the reader searches
// it anew with each piece), and the whole stream is counted against a cap.
#pragma once

#include "base/arena.h"
#include "base/buf.h"

enum reply_type {
    REPLY_STRING,
    REPLY_STATUS,
    REPLY_ERROR,
    REPLY_INTEGER,
    REPLY_NIL,
    REPLY_ARRAY,
};

struct reply {
    enum reply_type type;
    int64_t integer;        // REPLY_INTEGER
    struct span text;       // STRING, STATUS, ERROR; a NUL follows it
    char *storage;          // of the text, where this is no element of an array
    struct reply **element; // ARRAY: `count` elements, none of them NULL
    size_t count;
    struct arena arena; // of all elements
};

void reply_free(struct reply *reply); // takes; NULL is fine

// Gives the text of a string or status reply, no element, which then is the caller's to free(). The
// slice `reply->text` stays valid as long as the caller keeps what was given.
char *reply_take_text(struct reply *reply);

// What follows the name in a list of name, value, name, value ..., as RESP2 writes a map; NULL when
// it is not there, or this is no list.
const struct reply *reply_field(const struct reply *list, const char *name);

enum resp_status { RESP_REPLY, RESP_MORE, RESP_MALFORMED, RESP_TOO_LARGE };

struct resp;

// `bytes_max`: how much may be fed between two calls of resp_restart.
struct resp *resp_new(size_t bytes_max);
void resp_free(struct resp *resp); // NULL is fine

void resp_feed(struct resp *resp, const char *bytes, size_t length);

// RESP_REPLY gives a reply in `out_reply`; RESP_MORE asks for more bytes; the other two are final.
enum resp_status resp_next(struct resp *resp, struct reply **out_reply);

// The count of bytes begins again at 0.
void resp_restart(struct resp *resp);

// Whether bytes are waiting that belong to no complete reply yet.
bool resp_has_rest(const struct resp *resp);

enum { RESP_WORDS_MAX = 32 };

// Adds a command of 1 to RESP_WORDS_MAX words as an array of bulk strings, binary safe.
void resp_add_command(struct buf *buf, size_t count, const struct span *words);
