#include "page_check.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text_set.h"
#include "base/utf8.h"

enum { LABELS_MAX = 32, FAMILY, SERIES };

struct pair {
    struct span name;
    struct span value;
};

struct sample {
    struct span name;
    struct pair label[LABELS_MAX];
    size_t labels;
    double value;
};

struct reader {
    enum page_format format;
    bool strict;
    struct text_set seen; // families and series
    struct span family;
    struct span type;     // empty before its TYPE
    struct buf histogram; // labels but le of the one under way
    double below;         // its bucket before
    bool ended;
};

// --- lines ---

static bool is_name_char(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
           (!first && c >= '0' && c <= '9');
}

static struct span take_name(struct span *rest)
{
    struct span name = {rest->at, 0};
    while (name.length < rest->length && is_name_char(name.at[name.length], name.length == 0)) {
        name.length++;
    }
    *rest = span_skip(*rest, name.length);
    return name;
}

static bool take_char(struct span *rest, char c)
{
    bool there = rest->length > 0 && rest->at[0] == c;
    *rest = there ? span_skip(*rest, 1) : *rest;
    return there;
}

// Up to the quote that ends it.
static bool take_value(struct span *rest, struct span *out)
{
    size_t i = 0;
    while (i < rest->length && rest->at[i] != '"') {
        if ((unsigned char)rest->at[i] < ' ') {
            return false;
        }
        if (rest->at[i] == '\\') {
            i++;
            if (i == rest->length || strchr("\\\"n", rest->at[i]) == NULL || rest->at[i] == '\0') {
                return false;
            }
        }
        i++;
    }
    *out = span_make(rest->at, i < rest->length ? i : 0);
    *rest = span_skip(*rest, i);
    return take_char(rest, '"');
}

static const char *take_labels(struct span *rest, struct sample *out)
{
    do {
        struct pair *pair = &out->label[out->labels++];
        pair->name = take_name(rest);
        if (pair->name.length == 0 || memchr(pair->name.at, ':', pair->name.length) != NULL ||
            !take_char(rest, '=') || !take_char(rest, '"') || !take_value(rest, &pair->value)) {
            return "bad label";
        }
    } while (take_char(rest, ',') && out->labels < LABELS_MAX);
    return take_char(rest, '}') ? NULL : "labels have no end";
}

static bool parse_value(struct span text, double *out)
{
    bool infinite = span_is(text, "+Inf") || span_is(text, "-Inf");
    if (infinite || span_is(text, "NaN")) {
        *out = infinite ? (text.at[0] == '-' ? -HUGE_VAL : HUGE_VAL) : (double)NAN;
        return true;
    }
    return span_f64(text, out);
}

static const char *parse_sample(struct span line, struct sample *out)
{
    out->labels = 0;
    out->name = take_name(&line);
    const char *problem = take_char(&line, '{') ? take_labels(&line, out) : NULL;
    if (problem != NULL) {
        return problem;
    }
    if (out->name.length == 0 || !take_char(&line, ' ')) {
        return "no sample";
    }
    return parse_value(line, &out->value) ? NULL : "bad value";
}

// --- series ---

static int by_name(const void *a, const void *b)
{
    const struct span *left = &((const struct pair *)a)->name;
    const struct span *right = &((const struct pair *)b)->name;
    size_t both = left->length < right->length ? left->length : right->length;
    int order = memcmp(left->at, right->at, both);
    return order != 0 ? order : (left->length > right->length) - (left->length < right->length);
}

// The labels in an order of their own, without `but`.
static void add_labels(struct buf *out, const struct sample *sample, const char *but)
{
    for (size_t i = 0; i < sample->labels; i++) {
        if (!span_is(sample->label[i].name, but)) {
            buf_span(out, sample->label[i].name);
            buf_char(out, '=');
            buf_span(out, sample->label[i].value);
            buf_char(out, '"');
        }
    }
}

static const char *check_series(struct reader *reader, struct sample *sample)
{
    struct buf series = BUF_EMPTY;
    qsort(sample->label, sample->labels, sizeof(sample->label[0]), by_name);
    for (size_t i = 1; i < sample->labels; i++) {
        if (span_equals(sample->label[i].name, sample->label[i - 1].name)) {
            return "label twice";
        }
    }
    buf_span(&series, sample->name);
    buf_char(&series, '{');
    add_labels(&series, sample, "");
    bool is_new = text_set_add(&reader->seen, SERIES, buf_view(&series));
    buf_free(&series);
    return is_new ? NULL : "series twice";
}

// --- families ---

static bool ends_with(struct span name, const char *suffix)
{
    size_t length = strlen(suffix);
    return name.length > length && memcmp(name.at + name.length - length, suffix, length) == 0;
}

static bool is_suffixed(const struct reader *reader, struct span name, const char *suffix)
{
    return span_starts(name, reader->family) &&
           span_is(span_skip(name, reader->family.length), suffix);
}

static bool has_label(const struct sample *sample, const char *name, double *out)
{
    for (size_t i = 0; i < sample->labels; i++) {
        if (span_is(sample->label[i].name, name)) {
            return parse_value(sample->label[i].value, out);
        }
    }
    return false;
}

// Buckets of one histogram come one behind the other.
static const char *check_bucket(struct reader *reader, const struct sample *sample)
{
    struct buf labels = BUF_EMPTY;
    double bound = 0;
    add_labels(&labels, sample, "le");
    bool continues = span_equals(buf_view(&reader->histogram), buf_view(&labels));
    double below = continues ? reader->below : 0;
    buf_free(&reader->histogram);
    reader->histogram = labels;
    reader->below = sample->value;
    if (!has_label(sample, "le", &bound)) {
        return "bucket without bound";
    }
    return sample->value >= below ? NULL : "buckets are not cumulative";
}

// A count has its sum in front of it.
static bool has_sum(const struct reader *reader, const struct sample *count)
{
    struct buf series = BUF_EMPTY;
    buf_span(&series, reader->family);
    buf_text(&series, "_sum{");
    add_labels(&series, count, "");
    bool has = text_set_has(&reader->seen, SERIES, buf_view(&series));
    buf_free(&series);
    return has;
}

static const char *check_member(struct reader *reader, const struct sample *sample)
{
    bool openmetrics = reader->format == PAGE_OPENMETRICS;
    struct span name = sample->name;
    bool plain = span_equals(name, reader->family);
    double quantile = 0;
    if (span_is(reader->type, "histogram")) {
        bool is_count = is_suffixed(reader, name, "_count");
        bool part = is_suffixed(reader, name, "_sum") || (is_count && has_sum(reader, sample));
        bool is_bucket = is_suffixed(reader, name, "_bucket");
        return is_bucket ? check_bucket(reader, sample) : part ? NULL : "no part of its histogram";
    }
    if (span_is(reader->type, "summary")) {
        bool part = is_suffixed(reader, name, "_sum") || is_suffixed(reader, name, "_count");
        bool fits = plain && has_label(sample, "quantile", &quantile);
        bool in_range = !reader->strict || (quantile >= 0 && quantile <= 1);
        return part || (fits && in_range) ? NULL : "no part of its summary";
    }
    if (span_is(reader->type, "counter")) {
        bool named = openmetrics ? is_suffixed(reader, name, "_total")
                                 : plain && (!reader->strict || ends_with(name, "_total"));
        return named && sample->value >= 0 ? NULL : "bad counter";
    }
    if (span_is(reader->type, "info")) {
        return is_suffixed(reader, name, "_info") && sample->value == 1 ? NULL : "bad info";
    }
    return plain ? NULL : "sample outside of its family";
}

static const char *check_sample(struct reader *reader, struct span line)
{
    struct sample sample;
    const char *problem = parse_sample(line, &sample);
    if (problem == NULL && reader->type.length == 0) {
        problem = "sample without TYPE";
    }
    if (problem == NULL) {
        problem = check_series(reader, &sample);
    }
    return problem == NULL ? check_member(reader, &sample) : problem;
}

static bool is_type(struct span word, enum page_format format)
{
    return span_is(word, "gauge") || span_is(word, "counter") || span_is(word, "summary") ||
           span_is(word, "histogram") || (format == PAGE_OPENMETRICS && span_is(word, "info"));
}

static const char *check_metadata(struct reader *reader, struct span line)
{
    struct span keyword = {NULL, 0};
    struct span name = {NULL, 0};
    span_cut(&line, ' ', &keyword);
    span_cut(&line, ' ', &name);
    if (span_is(keyword, "HELP")) {
        bool is_new = text_set_add(&reader->seen, FAMILY, name);
        reader->family = name;
        reader->type = span_make(NULL, 0);
        struct span rest = name;
        return is_new && name.length > 0 && take_name(&rest).length == name.length &&
                       line.length > 0
                   ? NULL
                   : "bad HELP, or family twice";
    }
    bool continues = span_equals(name, reader->family);
    if (span_is(keyword, "TYPE")) {
        bool fine = continues && reader->type.length == 0 && is_type(line, reader->format);
        reader->type = line;
        return fine ? NULL : "bad TYPE";
    }
    bool fits = span_is(keyword, "UNIT") && reader->format == PAGE_OPENMETRICS && continues &&
                line.length > 0 && name.length > line.length &&
                memcmp(name.at + name.length - line.length, line.at, line.length) == 0;
    return fits ? NULL : "bad comment";
}

static const char *check_line(struct reader *reader, struct span line)
{
    if (reader->ended) {
        return "something behind the end";
    }
    if (span_is(line, "# EOF") && reader->format == PAGE_OPENMETRICS) {
        reader->ended = true;
        return NULL;
    }
    return span_starts(line, SPAN("# ")) ? check_metadata(reader, span_skip(line, 2))
                                         : check_sample(reader, line);
}

bool page_is_utf8(struct span text)
{
    size_t length = 1;
    while (text.length > 0 && length > 0) {
        length = utf8_length(text);
        text = span_skip(text, length);
    }
    return length > 0;
}

const char *page_check(struct span page, enum page_format format, bool strict,
                       struct span *out_line)
{
    struct reader reader = {.format = format, .strict = strict};
    const char *problem = NULL;
    *out_line = span_make("", 0);
    if (!page_is_utf8(page)) {
        problem = "no UTF-8";
    } else if (page.length > 0 && page.at[page.length - 1] != '\n') {
        problem = "no line end at the end";
    }
    while (problem == NULL && span_cut(&page, '\n', out_line)) {
        problem = check_line(&reader, *out_line);
    }
    if (problem == NULL && format == PAGE_OPENMETRICS && !reader.ended) {
        problem = "no end";
    }
    text_set_clear(&reader.seen);
    buf_free(&reader.histogram);
    return problem;
}
