#include "web/basic_auth.h"

#include <strings.h>

enum { HEADER_MAX = 4096 };

static int value_of(char c)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c != '\0' ? strchr(letters, c) : NULL;
    return at != NULL ? (int)(at - letters) : -1;
}

// With its padding, in one piece.
static bool decode(struct span text, struct buf *out)
{
    unsigned bits = 0;
    size_t padding = 0;
    if (text.length == 0 || text.length % 4 != 0) {
        return false;
    }
    while (padding < 2 && text.at[text.length - 1] == '=') {
        text.length--;
        padding++;
    }
    for (size_t i = 0; i < text.length; i++) {
        int value = value_of(text.at[i]);
        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (unsigned)value;
        if (i % 4 > 0) {
            unsigned shift = 6 - 2 * (unsigned)(i % 4);
            unsigned char byte = (unsigned char)(bits >> shift);
            buf_bytes(out, (const char *)&byte, 1);
        }
    }
    return true;
}

bool basic_auth_parse(const char *header, struct buf *out, const char **out_name,
                      const char **out_password)
{
    static const char scheme[] = "Basic ";
    struct span text = span_of(header);
    if (text.length > HEADER_MAX || strncasecmp(header, scheme, sizeof(scheme) - 1) != 0) {
        return false;
    }
    buf_reserve(out, HEADER_MAX); // at once: what is moved leaves a copy behind
    if (!decode(span_trim(span_skip(text, sizeof(scheme) - 1)), out) ||
        memchr(out->data, '\0', out->length) != NULL) {
        return false;
    }
    buf_char(out, '\0');
    char *colon = strchr(out->data, ':');
    if (colon == NULL) {
        return false;
    }
    *colon = '\0';
    *out_name = out->data;
    *out_password = colon + 1;
    return true;
}
