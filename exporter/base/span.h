// A borrowed slice of text: (pointer, length), not terminated. Valid until its source changes.
// The functions here never read outside the slice.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const char *at;
    size_t length;
};

#define SPAN(literal) ((struct span){(literal), sizeof(literal) - 1})

static inline struct span span_make(const char *at, size_t length)
{
    return (struct span){at, length};
}

static inline struct span span_of(const char *text)
{
    return (struct span){text, strlen(text)};
}

static inline bool span_equals(struct span a, struct span b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.at, b.at, a.length) == 0);
}

static inline bool span_is(struct span a, const char *text)
{
    return span_equals(a, span_of(text));
}

static inline bool span_starts(struct span a, struct span prefix)
{
    return a.length >= prefix.length &&
           (prefix.length == 0 || memcmp(a.at, prefix.at, prefix.length) == 0);
}

// Everything after the first `count` bytes; `count` is at most the length.
static inline struct span span_skip(struct span a, size_t count)
{
    return (struct span){a.at + count, a.length - count};
}

// Of text that is not empty.
static inline char span_last(struct span a)
{
    return a.at[a.length - 1];
}

// Whether `a` begins with one of the `count` texts.
bool span_starts_any(struct span a, const char *const *texts, size_t count);

// Whether `needle` occurs in `a`.
bool span_contains(struct span a, struct span needle);

// Takes the text up to the first `separator` off the front of `rest` and steps over the separator;
// the whole of it when there is none. A false return says that `rest` was empty already.
bool span_cut(struct span *rest, char separator, struct span *out_part);

// As span_cut, but false, with nothing changed, when the separator does not occur.
bool span_split(struct span text, char separator, struct span *out_before, struct span *out_after);

// As span_split, at the last separator.
bool span_split_last(struct span text, char separator, struct span *out_before,
                     struct span *out_after);

// Without blanks at both ends.
struct span span_trim(struct span text);

// Copies into a terminated array of `size` bytes; false, and empty text, when it does not fit.
bool span_copy(struct span text, char *out, size_t size);

// Strict decimal numbers: the whole slice, an optional sign (i64, number), no blanks, no overflow.
bool span_i64(struct span text, int64_t *out);
bool span_u64(struct span text, uint64_t *out);

// How long the number of digits and perhaps a fraction at the front is, when it is the usual one:
// at most 64 bytes. 0 otherwise.
size_t span_number_length(struct span text);

// A decimal number as Redis and Prometheus both write it (sign, digits, fraction, exponent): at
// most 64 bytes, and finite.
bool span_is_number(struct span text);
bool span_f64(struct span text, double *out);

// The number times ten to the power of `shift`, rounded once: "99.9" shifted by -2 is 0.999.
bool span_f64_shifted(struct span text, int shift, double *out);
