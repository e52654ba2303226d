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

enum { DIGITS_OF_I64 = 20 }; // with the sign

// The text ends where the array does.
static struct span digits_of(int64_t value, char digits[DIGITS_OF_I64])
{
    size_t at = DIGITS_OF_I64;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0) {
        digits[--at] = '-';
    }
    return span_make(digits + at, DIGITS_OF_I64 - at);
}

void buf_i64(struct buf *buf, int64_t value)
{
    char digits[DIGITS_OF_I64];
    buf_span(buf, digits_of(value, digits));
}

void buf_i64_shifted(struct buf *buf, int64_t value, int shift)
{
    char digits[DIGITS_OF_I64];
    buf_shifted(buf, digits_of(value, digits), shift);
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

static void add_shifted_double(struct buf *buf, struct span text, int shift)
{
    double value = 0;
    span_f64_shifted(text, shift, &value);
    buf_f64(buf, value);
}

// Without zeros that say nothing: in front of the whole, at the end of the fraction. `point` is how
// many of the digits stand before the point; it is not 0.
static void add_trimmed(struct buf *buf, const char *digits, size_t count, size_t point)
{
    size_t first = 0;
    while (first + 1 < point && digits[first] == '0') {
        first++;
    }
    while (count > point && digits[count - 1] == '0') {
        count--;
    }
    buf_bytes(buf, digits + first, point - first);
    if (count > point) {
        buf_char(buf, '.');
        buf_bytes(buf, digits + point, count - point);
    }
}

static bool is_whole(struct span text)
{
    enum { USUAL_DIGITS_MAX = 20 };
    size_t i = 0;
    while (i < text.length && text.at[i] >= '0' && text.at[i] <= '9') {
        i++;
    }
    return i > 0 && i <= USUAL_DIGITS_MAX && i == text.length;
}

static char *put(char *at, const char *bytes, size_t length)
{
    memcpy(at, bytes, length);
    return at + length;
}

// The usual case, of which a page has many: a whole number of microseconds as seconds.
static void add_divided(struct buf *buf, struct span number, size_t places)
{
    while (number.length > 1 && number.at[0] == '0') {
        number = span_skip(number, 1);
    }
    size_t whole = number.length > places ? number.length - places : 0;
    size_t end = number.length;
    while (end > whole && number.at[end - 1] == '0') {
        end--;
    }
    char *start = buf_reserve(buf, number.length + places + 2);
    char *at = whole > 0 ? put(start, number.at, whole) : put(start, "0", 1);
    if (end > whole) {
        *at++ = '.';
        for (size_t i = number.length; i < places; i++) {
            *at++ = '0';
        }
        at = put(at, number.at + whole, end - whole);
    }
    buf->length += (size_t)(at - start);
}

// The point moves in the text: to the left over zeros put in front, to the right over zeros put
// behind.
void buf_shifted(struct buf *buf, struct span text, int shift)
{
    enum { SHIFT_MAX = 16, DIGITS_MAX = 96 };
    char digits[DIGITS_MAX];
    struct span number = text;
    if (shift < 0 && shift >= -SHIFT_MAX && is_whole(text)) {
        add_divided(buf, text, (size_t)-shift);
        return;
    }
    if (number.length > 0 && number.at[0] == '-') {
        number = span_skip(number, 1);
    }
    size_t length = span_number_length(number); // at most 64
    if (length == 0 || length != number.length || abs(shift) > SHIFT_MAX) {
        add_shifted_double(buf, text, shift);
        return;
    }
    const char *found = memchr(number.at, '.', length);
    size_t whole = found != NULL ? (size_t)(found - number.at) : length;
    size_t fraction = found != NULL ? length - whole - 1 : 0;
    size_t left = shift < 0 ? (size_t)-shift + 1 : 0;
    size_t right = shift > 0 ? (size_t)shift : 0;
    memset(digits, '0', left);
    memcpy(digits + left, number.at, whole);
    memcpy(digits + left + whole, number.at + length - fraction, fraction);
    memset(digits + left + whole + fraction, '0', right);
    if (number.length < text.length) {
        buf_char(buf, '-');
    }
    size_t point = shift < 0 ? 1 + whole : whole + right;
    add_trimmed(buf, digits, left + whole + fraction + right, point);
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
