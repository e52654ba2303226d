// Patterns in which * stands for any text and ? for any character; nothing else is special.
#pragma once

#include <stdbool.h>

bool glob_matches(const char *pattern, const char *text);

// The same of several patterns, separated by commas; blanks around them do not count.
bool glob_matches_any(const char *patterns, const char *text);
