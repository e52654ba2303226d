// gzip by ISA-L: a stream that takes a page piece by piece as it is written.
#pragma once

#include "base/span.h"

// Begins a stream. There is one at a time: it is to be ended before the next one begins.
struct gzip *gzip_begin(void);

// Compresses one more piece. Borrows it for the time of the call.
void gzip_add(struct gzip *gzip, struct span text);

// The whole stream as a malloc'd block of `out_length` bytes.
char *gzip_end(struct gzip *gzip, size_t *out_length);
