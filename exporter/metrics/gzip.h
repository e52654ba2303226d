// gzip by libdeflate.
#pragma once

#include "base/span.h"

// Gives the compressed text in malloc'd memory, and its length; NULL when that would not be
// shorter than the text.
char *gzip_compress(struct span text, size_t *out_length);
