// How far a mistyped word is from a known one.
#pragma once

#include "base/span.h"

// How many letters must be added, taken away, changed, or swapped with their neighbour to make `a`
// of `b`; `limit` + 1 when it is more than that, or when one is longer than 64 bytes.
size_t edit_distance(struct span a, struct span b, size_t limit);
