#include "redis/lines.h"

bool lines_next(struct span *rest, struct line *out)
{
    struct span text;
    while (span_cut(rest, '\n', &text)) {
        if (text.length > 0 && text.at[text.length - 1] == '\r') {
            text.length--;
        }
        if (text.length > 0 && text.at[0] != '#' && span_split(text, ':', &out->key, &out->value)) {
            return true;
        }
    }
    return false;
}

bool lines_next_part(struct span *rest, struct line *out)
{
    struct span part;
    if (!span_cut(rest, ',', &part)) {
        return false;
    }
    if (!span_split(part, '=', &out->key, &out->value)) {
        *out = (struct line){.key = {part.at, 0}, .value = part};
    }
    return true;
}

bool lines_find_part(struct span value, struct span name, struct span *out_value)
{
    struct line part;
    while (lines_next_part(&value, &part)) {
        if (span_equals(part.key, name)) {
            *out_value = part.value;
            return true;
        }
    }
    return false;
}
