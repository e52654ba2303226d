// Patterns in which * stands for any text and ? for any character; nothing else is special.
#pragma once

#include <stdbool.h>

bool glob_matches(const char *pattern, const char *text);
