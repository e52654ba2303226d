#include "base/glob.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/span.h"

// Only the last * is ever tried anew: whatever the ones before it took, it can take the rest.
bool glob_matches(const char *pattern, const char *text)
{
    const char *after_star = NULL;
    const char *resume = NULL; // where what follows that star is tried next
    while (*text != '\0') {
        if (*pattern == '*') {
            after_star = ++pattern;
            resume = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (after_star != NULL) {
            pattern = after_star;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}

bool glob_matches_any(const char *patterns, const char *text)
{
    struct span rest = span_of(patterns);
    struct span part;
    bool found = false;
    while (!found && span_cut(&rest, ',', &part)) {
        part = span_trim(part);
        char *pattern = mem_copy(part.at, part.length);
        found = glob_matches(pattern, text);
        free(pattern);
    }
    return found;
}
