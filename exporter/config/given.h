// Who has said something about which flag.
#pragma once

#include "config/flags.h"

// The weaker first.
enum giver { GIVEN_BY_NOBODY, GIVEN_BY_FILE, GIVEN_BY_VARIABLE, GIVEN_BY_FLAG };

struct given {
    enum giver by[FLAGS_MAX];
};

size_t flag_index(const char *name); // of a flag that exists
