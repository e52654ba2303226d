// A growing byte buffer. `data` is NULL while nothing was added; it is not terminated.
#pragma once

#include "base/span.h"

struct buf {
    char *data;
    size_t length;
    size_t capacity;
};

#define BUF_EMPTY ((struct buf){NULL, 0, 0})

void buf_free(struct buf *buf);
void buf_wipe(struct buf *buf); // frees it; the bytes are overwritten first

void buf_grow(struct buf *buf, size_t extra); // for buf_reserve

// Gives room for `extra` more bytes behind the end and says where; the caller then adds to length.
static inline char *buf_reserve(struct buf *buf, size_t extra)
{
    if (buf->capacity - buf->length < extra) {
        buf_grow(buf, extra);
    }
    return buf->data + buf->length;
}

static inline void buf_bytes(struct buf *buf, const char *bytes, size_t length)
{
    if (length > 0) {
        memcpy(buf_reserve(buf, length), bytes, length);
        buf->length += length;
    }
}

static inline void buf_char(struct buf *buf, char c)
{
    *buf_reserve(buf, 1) = c;
    buf->length++;
}

void buf_text(struct buf *buf, const char *text);
void buf_format(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_i64(struct buf *buf, int64_t value);

// Decimal text of at most 17 digits that reads back as the same number; integers without an
// exponent up to 2^53. Not finite: NaN, +Inf, -Inf. In the C locale, which this program never
// leaves.
void buf_f64(struct buf *buf, double value);

// The decimal number `text` (see span_is_number) times ten to the power of `shift`, exactly.
void buf_shifted(struct buf *buf, struct span text, int shift);
void buf_i64_shifted(struct buf *buf, int64_t value, int shift);

// As buf_f64, with a decimal point or an exponent always: the canonical form of a bucket's bound.
void buf_bound(struct buf *buf, double value);

static inline void buf_span(struct buf *buf, struct span text)
{
    buf_bytes(buf, text.at, text.length);
}

static inline struct span buf_view(const struct buf *buf)
{
    return span_make(buf->data, buf->length);
}

// Gives the content as terminated text and leaves the buffer empty; free() it.
char *buf_take(struct buf *buf);
