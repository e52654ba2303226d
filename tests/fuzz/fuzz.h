// A fuzz target is one function that takes any bytes and aborts when something does not hold.
// libFuzzer calls it with inputs that it invents; in all other builds replay.c calls it with those
// in corpus/TARGET, as one of the tests.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/span.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline struct span fuzz_text(const uint8_t *data, size_t size)
{
    return span_make((const char *)data, size);
}

// Whether `part` is empty or lies inside of `whole`.
static inline bool fuzz_is_inside(struct span part, struct span whole)
{
    return part.length == 0 || (part.at >= whole.at && part.length <= whole.length &&
                                part.at + part.length <= whole.at + whole.length);
}
