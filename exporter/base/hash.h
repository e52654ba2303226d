// The hash of all tables here. Its seed is random, so that nobody can choose texts that collide.
#pragma once

#include "base/span.h"

// `number` tells texts of different kinds apart.
uint64_t hash_text(struct span text, uint64_t number);
