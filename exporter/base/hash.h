// The hash of all tables here. Its seed is random, so that nobody can choose texts that collide.
#pragma once

#include "base/span.h"

// `number` tells texts of different kinds apart, or is the hash of what stood before this text.
uint64_t hash_text(struct span text, uint64_t number);

static inline uint64_t hash_number(uint64_t hash, uint64_t number)
{
    hash = (hash ^ number) * 1099511628211u;
    return hash ^ (hash >> 29);
}
