// The environment: what is said there and by no flag.
#pragma once

#include "config/given.h"

// NULL, or one line that names the variable: free() it.
char *environment_read(struct options *out, struct given *given);
