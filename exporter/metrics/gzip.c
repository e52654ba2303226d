#include "metrics/gzip.h"

#include <stdlib.h>

#include <libdeflate.h>

#include "base/mem.h"

enum { LEVEL = 1 }; // a page shrinks to about a tenth; higher levels cost far more than they save

char *gzip_compress(struct span text, size_t *out_length)
{
    static struct libdeflate_compressor *compressor;
    if (compressor == NULL) {
        compressor = libdeflate_alloc_compressor(LEVEL);
        CHECK(compressor != NULL);
    }
    char *out = mem_new(text.length, 1);
    size_t length = libdeflate_gzip_compress(compressor, text.at, text.length, out, text.length);
    if (length == 0) {
        free(out);
        return NULL;
    }
    *out_length = length;
    return mem_resize(out, length, 1);
}
