#include "base/buf.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

void buf_free(struct buf *buf)
{
    free(buf->data);
    *buf = BUF_EMPTY;
}

char *buf_reserve(struct buf *buf, size_t extra)
{
    if (buf->capacity - buf->length < extra) {
        size_t wanted = buf->length + extra;
        size_t doubled = buf->capacity > 0 ? buf->capacity * 2 : 256;
        buf->capacity = wanted > doubled ? wanted : doubled;
        buf->data = mem_resize(buf->data, buf->capacity, 1);
    }
    return buf->data + buf->length;
}

void buf_bytes(struct buf *buf, const char *bytes, size_t length)
{
    if (length > 0) {
        memcpy(buf_reserve(buf, length), bytes, length);
        buf->length += length;
    }
}

void buf_text(struct buf *buf, const char *text)
{
    buf_bytes(buf, text, strlen(text));
}

void buf_char(struct buf *buf, char c)
{
    *buf_reserve(buf, 1) = c;
    buf->length++;
}

void buf_format(struct buf *buf, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    CHECK(length >= 0);
    char *at = buf_reserve(buf, (size_t)length + 1);
    va_start(arguments, format);
    vsnprintf(at, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buf->length += (size_t)length;
}

void buf_i64(struct buf *buf, int64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0) {
        buf_char(buf, '-');
    }
    buf_bytes(buf, digits + at, sizeof(digits) - at);
}

void buf_f64(struct buf *buf, double value)
{
    const double exact = 9007199254740992.0; // 2^53: every integer up to here is a double
    if (!isfinite(value)) {
        buf_text(buf, isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
        return;
    }
    if (fabs(value) <= exact && value == floor(value)) {
        buf_i64(buf, (int64_t)value);
        return;
    }
    char text[32];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text, sizeof(text), "%.*g", precision, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    buf_text(buf, text);
}

void buf_bound(struct buf *buf, double value)
{
    size_t start = buf->length;
    buf_f64(buf, value);
    struct span text = span_make(buf->data + start, buf->length - start);
    if (isfinite(value) && memchr(text.at, '.', text.length) == NULL &&
        memchr(text.at, 'e', text.length) == NULL) {
        buf_text(buf, ".0");
    }
}

char *buf_take(struct buf *buf)
{
    buf_char(buf, '\0');
    char *text = buf->data;
    *buf = BUF_EMPTY;
    return text;
}
