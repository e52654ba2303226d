#include "web/negotiate.h"

#include <stdio.h>
#include <strings.h>

enum { QUALITY_FULL = 1000 };

struct media_range {
    struct span type;
    struct span version;  // length 0: not named
    struct span escaping; // as above
    int quality;          // thousandths
};

struct candidate {
    const char *type;
    const char *version; // "": the client names none
    enum page_format format;
    const char *content_type;
};

static const char text_type[] = "text/plain; version=0.0.4; charset=utf-8";

static const struct candidate candidates[] = {
    {"application/openmetrics-text", "1.0.0", PAGE_OPENMETRICS,
     "application/openmetrics-text; version=1.0.0; charset=utf-8"},
    {"application/openmetrics-text", "0.0.1", PAGE_OPENMETRICS,
     "application/openmetrics-text; version=0.0.1; charset=utf-8"},
    {"application/openmetrics-text", "", PAGE_OPENMETRICS,
     "application/openmetrics-text; version=0.0.1; charset=utf-8"},
    {"text/plain", "0.0.4", PAGE_TEXT, text_type},
    {"text/plain", "", PAGE_TEXT, text_type},
    {"text/*", "", PAGE_TEXT, text_type},
    {"*/*", "", PAGE_TEXT, text_type},
};

// Media types, codings and parameter names are the same in capitals.
static bool is_word(struct span text, const char *word)
{
    return text.length == strlen(word) && strncasecmp(text.at, word, text.length) == 0;
}

// 0.xyz or 1.000 in thousandths; what cannot be read counts as 1.
static int parse_quality(struct span text)
{
    double quality;
    if (!span_f64(text, &quality) || quality < 0 || quality > 1) {
        return QUALITY_FULL;
    }
    return (int)(quality * (double)QUALITY_FULL + 0.5);
}

static struct span unquote(struct span text)
{
    if (text.length >= 2 && text.at[0] == '"' && text.at[text.length - 1] == '"') {
        return span_make(text.at + 1, text.length - 2);
    }
    return text;
}

static struct media_range parse_range(struct span text)
{
    struct media_range range = {.quality = QUALITY_FULL};
    struct span part;
    span_cut(&text, ';', &range.type);
    range.type = span_trim(range.type);
    while (span_cut(&text, ';', &part)) {
        struct span name;
        struct span value;
        if (!span_split(part, '=', &name, &value)) {
            continue;
        }
        name = span_trim(name);
        value = unquote(span_trim(value));
        if (is_word(name, "q")) {
            range.quality = parse_quality(value);
        } else if (is_word(name, "version")) {
            range.version = value;
        } else if (is_word(name, "escaping")) {
            range.escaping = value;
        }
    }
    return range;
}

static const struct candidate *match(const struct media_range *range)
{
    for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
        if (is_word(range->type, candidates[i].type) &&
            span_is(range->version, candidates[i].version)) {
            return &candidates[i];
        }
    }
    return NULL;
}

// Our names are plain ASCII, so a page is the same under each scheme; only known words go back.
static const char *known_escaping(struct span word)
{
    static const char *const words[] = {"allow-utf-8", "underscores", "dots", "values"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (span_is(word, words[i])) {
            return words[i];
        }
    }
    return NULL;
}

struct negotiated negotiate_format(const char *accept)
{
    struct span rest = span_of(accept != NULL ? accept : "");
    struct span part;
    struct negotiated best = {.format = PAGE_TEXT};
    int best_quality = 0;
    snprintf(best.content_type, sizeof(best.content_type), "%s", text_type);
    while (span_cut(&rest, ',', &part)) {
        struct media_range range = parse_range(part);
        const struct candidate *candidate = match(&range);
        if (candidate == NULL || range.quality <= best_quality) {
            continue;
        }
        const char *escaping =
            candidate->format == PAGE_OPENMETRICS ? known_escaping(range.escaping) : NULL;
        best_quality = range.quality;
        best.format = candidate->format;
        snprintf(best.content_type, sizeof(best.content_type), "%s%s%s", candidate->content_type,
                 escaping != NULL ? "; escaping=" : "", escaping != NULL ? escaping : "");
    }
    return best;
}

bool negotiate_gzip(const char *accept_encoding)
{
    struct span rest = span_of(accept_encoding != NULL ? accept_encoding : "");
    struct span part;
    int any = 0;   // quality of "*"
    int gzip = -1; // -1: not named
    while (span_cut(&rest, ',', &part)) {
        struct media_range range = parse_range(part);
        if (is_word(range.type, "gzip") || is_word(range.type, "x-gzip")) {
            gzip = range.quality;
        } else if (is_word(range.type, "*")) {
            any = range.quality;
        }
    }
    return (gzip >= 0 ? gzip : any) > 0;
}
