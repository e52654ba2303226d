#include "base/utf8.h"

// The well-formed sequences of UTF-8, by their first byte (RFC 3629): how many bytes, and what the
// second one may be. No overlong forms, no surrogates, nothing above U+10FFFF.
struct utf8_row {
    unsigned char first_from, first_to;
    unsigned char second_from, second_to;
    unsigned char length;
};

static const struct utf8_row utf8_rows[] = {
    {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
    {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
    {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

static bool fits(const struct utf8_row *row, const unsigned char *bytes, size_t available)
{
    if (bytes[0] < row->first_from || bytes[0] > row->first_to || available < row->length ||
        bytes[1] < row->second_from || bytes[1] > row->second_to) {
        return false;
    }
    for (size_t i = 2; i < row->length; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            return false;
        }
    }
    return true;
}

size_t utf8_length(struct span text)
{
    const unsigned char *bytes = (const unsigned char *)text.at;
    if (bytes[0] < 0x80) {
        return 1;
    }
    for (size_t i = 0; i < sizeof(utf8_rows) / sizeof(utf8_rows[0]); i++) {
        if (fits(&utf8_rows[i], bytes, text.length)) {
            return utf8_rows[i].length;
        }
    }
    return 0;
}
