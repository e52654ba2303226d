#include "base/span.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

bool span_starts_any(struct span a, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (span_starts(a, span_of(texts[i]))) {
            return true;
        }
    }
    return false;
}

bool span_contains(struct span a, struct span needle)
{
    return needle.length == 0 ||
           (a.length > 0 && memmem(a.at, a.length, needle.at, needle.length) != NULL);
}

bool span_split(struct span text, char separator, struct span *out_before, struct span *out_after)
{
    const char *found = text.length > 0 ? memchr(text.at, separator, text.length) : NULL;
    if (found == NULL) {
        return false;
    }
    size_t length = (size_t)(found - text.at);
    *out_before = span_make(text.at, length);
    *out_after = span_skip(text, length + 1);
    return true;
}

bool span_cut(struct span *rest, char separator, struct span *out_part)
{
    if (rest->length == 0) {
        return false;
    }
    if (!span_split(*rest, separator, out_part, rest)) {
        *out_part = *rest;
        *rest = span_skip(*rest, rest->length);
    }
    return true;
}

bool span_split_last(struct span text, char separator, struct span *out_before,
                     struct span *out_after)
{
    const char *found = text.length > 0 ? memrchr(text.at, separator, text.length) : NULL;
    if (found == NULL) {
        return false;
    }
    size_t length = (size_t)(found - text.at);
    *out_before = span_make(text.at, length);
    *out_after = span_skip(text, length + 1);
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span span_trim(struct span text)
{
    while (text.length > 0 && is_blank(text.at[0])) {
        text = span_skip(text, 1);
    }
    while (text.length > 0 && is_blank(text.at[text.length - 1])) {
        text.length--;
    }
    return text;
}

bool span_copy(struct span text, char *out, size_t size)
{
    bool fits = text.length < size;
    size_t length = fits ? text.length : 0;
    if (length > 0) {
        memcpy(out, text.at, length);
    }
    out[length] = '\0';
    return fits;
}

bool span_u64(struct span text, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < text.length; i++) {
        unsigned digit = (unsigned)(text.at[i] - '0');
        if (digit > 9 || value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    if (text.length > 0) {
        *out = value;
    }
    return text.length > 0;
}

bool span_i64(struct span text, int64_t *out)
{
    bool negative = text.length > 0 && text.at[0] == '-';
    uint64_t magnitude;
    if (!span_u64(negative ? span_skip(text, 1) : text, &magnitude) ||
        magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
        return false;
    }
    *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

static size_t digits(struct span text, size_t from)
{
    size_t i = from;
    while (i < text.length && text.at[i] >= '0' && text.at[i] <= '9') {
        i++;
    }
    return i - from;
}

enum { NUMBER_BYTES_MAX = 64 };

// Prometheus refuses a whole page for one value beyond the range of a double; only an exponent can
// lead there.
static bool is_finite(struct span number)
{
    char copy[NUMBER_BYTES_MAX + 1];
    return span_copy(number, copy, sizeof(copy)) && isfinite(strtod(copy, NULL));
}

size_t span_number_length(struct span text)
{
    size_t whole = digits(text, 0);
    size_t length = whole;
    if (whole > 0 && whole < text.length && text.at[whole] == '.') {
        size_t fraction = digits(text, whole + 1);
        length = fraction > 0 ? whole + 1 + fraction : 0;
    }
    return length <= NUMBER_BYTES_MAX ? length : 0;
}

bool span_is_number(struct span text)
{
    size_t i = text.length > 0 && (text.at[0] == '-' || text.at[0] == '+') ? 1 : 0;
    size_t whole = digits(text, i);
    i += whole;
    if (whole == 0) {
        return false;
    }
    if (i < text.length && text.at[i] == '.') {
        size_t fraction = digits(text, i + 1);
        if (fraction == 0) {
            return false;
        }
        i += 1 + fraction;
    }
    if (i < text.length && (text.at[i] == 'e' || text.at[i] == 'E')) {
        i++;
        i += i < text.length && (text.at[i] == '-' || text.at[i] == '+') ? 1 : 0;
        size_t exponent = digits(text, i);
        i += exponent;
        return exponent > 0 && i == text.length && is_finite(text);
    }
    return i == text.length && i <= NUMBER_BYTES_MAX;
}

bool span_f64(struct span text, double *out)
{
    return span_f64_shifted(text, 0, out);
}

bool span_f64_shifted(struct span text, int shift, double *out)
{
    char copy[80];
    bool has_exponent = text.length > 0 && (memchr(text.at, 'e', text.length) != NULL ||
                                            memchr(text.at, 'E', text.length) != NULL);
    if (!span_is_number(text)) {
        return false;
    }
    snprintf(copy, sizeof(copy), "%.*se%d", (int)text.length, text.at, shift);
    if (has_exponent) {
        copy[text.length] = '\0';
    }
    double value = strtod(copy, NULL) * (has_exponent ? pow(10, shift) : 1);
    if (!isfinite(value)) {
        return false;
    }
    *out = value;
    return true;
}
