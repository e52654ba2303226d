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

void buf_wipe(struct buf *buf)
{
    if (buf->data != NULL) {
        explicit_bzero(buf->data, buf->capacity);
    }
    buf_free(buf);
}

void buf_grow(struct buf *buf, size_t extra)
{
    size_t wanted = buf->length + extra;
    size_t doubled = buf->capacity > 0 ? buf->capacity * 2 : 256;
    buf->capacity = wanted > doubled ? wanted : doubled;
    buf->data = mem_resize(buf->data, buf->capacity, 1);
}

void buf_text(struct buf *buf, const char *text)
{
    buf_bytes(buf, text, strlen(text));
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

enum { DIGITS_MAX = 128 };

// The digits of a number, and how many of them stand before the point.
struct digits {
    char digit[DIGITS_MAX];
    size_t count;
    size_t point;
};

static void add_zeros(struct digits *digits, size_t count)
{
    memset(digits->digit + digits->count, '0', count);
    digits->count += count;
}

static void add_digits(struct digits *digits, struct span text)
{
    bool in_fraction = false;
    for (size_t i = 0; i < text.length; i++) {
        in_fraction |= text.at[i] == '.';
        if (text.at[i] != '.') {
            digits->digit[digits->count++] = text.at[i];
            digits->point = in_fraction ? digits->point : digits->count;
        }
    }
}

// Without zeros that say nothing: in front of the whole, at the end of the fraction.
static void add_trimmed(struct buf *buf, const struct digits *digits)
{
    size_t first = 0;
    size_t end = digits->count;
    while (first + 1 < digits->point && digits->digit[first] == '0') {
        first++;
    }
    while (end > digits->point && digits->digit[end - 1] == '0') {
        end--;
    }
    buf_bytes(buf, digits->digit + first, digits->point - first);
    if (end > digits->point) {
        buf_char(buf, '.');
        buf_bytes(buf, digits->digit + digits->point, end - digits->point);
    }
}

static void add_shifted_double(struct buf *buf, struct span text, int shift)
{
    double value = 0;
    span_f64_shifted(text, shift, &value);
    buf_f64(buf, value);
}

// The point moves in the text: to the left over zeros put in front, to the right over zeros put
// behind.
void buf_shifted(struct buf *buf, struct span text, int shift)
{
    struct digits digits = {.count = 0, .point = 0};
    size_t left = shift < 0 ? (size_t)-shift : 0;
    size_t right = shift > 0 ? (size_t)shift : 0;
    bool plain = text.length > 0 && text.at[0] != '+' &&
                 memchr(text.at, 'e', text.length) == NULL &&
                 memchr(text.at, 'E', text.length) == NULL;
    if (!plain || text.length + left + right + 1 > DIGITS_MAX) {
        add_shifted_double(buf, text, shift);
        return;
    }
    if (text.at[0] == '-') {
        buf_char(buf, '-');
        text = span_skip(text, 1);
    }
    add_zeros(&digits, left > 0 ? left + 1 : 0);
    add_digits(&digits, text);
    add_zeros(&digits, right);
    digits.point = digits.point + right - left;
    add_trimmed(buf, &digits);
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
