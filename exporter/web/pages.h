// Pages for people.
#pragma once

#include <stddef.h>

// Gives the landing page as malloc'd HTML, and its length.
char *page_index(const char *telemetry_path, size_t *out_length);
