#include "metrics/page.h"

#include "base/mem.h"

enum { LABEL_BYTES_MAX = 256 };

static const char *const type_names[] = {"gauge", "counter", "info"};

const char *metric_type_name(enum metric_type type)
{
    return type_names[type];
}

static struct span without_suffix(struct span name, struct span suffix)
{
    if (name.length > suffix.length &&
        span_equals(span_skip(name, name.length - suffix.length), suffix)) {
        name.length -= suffix.length;
    }
    return name;
}

const char *metric_unit(const struct metric *metric)
{
    static const char *const units[] = {"seconds", "bytes", "ratio"};
    struct span name = without_suffix(span_of(metric->name), SPAN("_total"));
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        struct span unit = span_of(units[i]);
        if (name.length > unit.length + 1 &&
            span_equals(span_skip(name, name.length - unit.length), unit) &&
            name.at[name.length - unit.length - 1] == '_') {
            return units[i];
        }
    }
    return NULL;
}

struct emitter page_begin(struct buf *out, enum page_format format)
{
    return (struct emitter){.out = out, .format = format};
}

void page_metric(struct emitter *to, const struct metric *metric)
{
    if (to->metric == NULL || strcmp(to->metric->name, metric->name) != 0) {
        to->header_written = false;
    }
    to->metric = metric;
}

void page_end(struct emitter *to)
{
    if (to->format == PAGE_OPENMETRICS) {
        buf_text(to->out, "# EOF\n");
    }
}

// OpenMetrics names a family without the suffix that its samples carry.
static struct span family_name(const struct emitter *to)
{
    struct span name = span_of(to->metric->name);
    if (to->format == PAGE_TEXT || to->metric->type == GAUGE) {
        return name;
    }
    return without_suffix(name, to->metric->type == INFO ? SPAN("_info") : SPAN("_total"));
}

static const char *type_word(const struct emitter *to)
{
    bool plain_info = to->metric->type == INFO && to->format == PAGE_TEXT;
    return metric_type_name(plain_info ? GAUGE : to->metric->type);
}

static const char *source_word(enum source source)
{
    return source == FROM_INFO ? "INFO" : "CLUSTER INFO";
}

static void add_metadata(struct emitter *to, const char *keyword)
{
    buf_text(to->out, "# ");
    buf_text(to->out, keyword);
    buf_char(to->out, ' ');
    buf_span(to->out, family_name(to));
    buf_char(to->out, ' ');
}

static void write_header(struct emitter *to)
{
    const struct metric *metric = to->metric;
    const char *unit = metric_unit(metric);
    add_metadata(to, "HELP");
    buf_text(to->out, metric->help);
    if (metric->source != FROM_EXPORTER && metric->field[0] != '\0') {
        buf_format(to->out, " (%s %s)", source_word(metric->source), metric->field);
    }
    buf_char(to->out, '\n');
    add_metadata(to, "TYPE");
    buf_text(to->out, type_word(to));
    buf_char(to->out, '\n');
    if (to->format == PAGE_OPENMETRICS && unit != NULL) {
        add_metadata(to, "UNIT");
        buf_text(to->out, unit);
        buf_char(to->out, '\n');
    }
    to->header_written = true;
}

static void begin_sample(struct emitter *to, const struct label *labels, size_t count)
{
    if (!to->header_written) {
        write_header(to);
    }
    to->samples++;
    buf_text(to->out, to->metric->name);
    if (count > 0 || to->labels.length > 0) {
        buf_char(to->out, '{');
        buf_span(to->out, to->labels);
        for (size_t i = 0; i < count; i++) {
            if (i > 0 || to->labels.length > 0) {
                buf_char(to->out, ',');
            }
            label_add(to->out, labels[i].name, labels[i].value);
        }
        buf_char(to->out, '}');
    }
    buf_char(to->out, ' ');
}

void emit_labelled(struct emitter *to, const struct label *labels, size_t count, double value)
{
    begin_sample(to, labels, count);
    buf_f64(to->out, value);
    buf_char(to->out, '\n');
}

void emit(struct emitter *to, double value)
{
    emit_labelled(to, NULL, 0, value);
}

// OpenMetrics and Go parse any decimal text that Redis writes, but not a leading '+'.
void emit_text(struct emitter *to, const struct label *labels, size_t count, struct span text)
{
    const struct metric *metric = to->metric;
    double value;
    if (metric->match != NULL) {
        emit_labelled(to, labels, count, span_is(text, metric->match) ? 1 : 0);
    } else if (metric->factor != 0 || text.at[0] == '+') {
        if (span_f64(text, &value)) {
            emit_labelled(to, labels, count, metric->factor != 0 ? value * metric->factor : value);
        }
    } else {
        begin_sample(to, labels, count);
        buf_span(to->out, text);
        buf_char(to->out, '\n');
    }
}

// Length of the UTF-8 sequence at the front; 0 when there is none (RFC 3629: no overlong forms, no
// surrogates, nothing above U+10FFFF).
static size_t utf8_length(struct span text)
{
    unsigned char first = (unsigned char)text.at[0];
    unsigned char second = text.length > 1 ? (unsigned char)text.at[1] : 0;
    size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (length == 0 || first > 0xf4 || text.length < length) {
        return 0;
    }
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
        (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if (((unsigned char)text.at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return length;
}

static void add_escaped(struct buf *out, struct span value)
{
    while (value.length > 0) {
        char c = value.at[0];
        size_t length = utf8_length(value);
        if (c == '\\' || c == '"') {
            buf_char(out, '\\');
            buf_char(out, c);
        } else if (c == '\n') {
            buf_text(out, "\\n");
        } else if (length == 0 || (unsigned char)c < ' ') {
            buf_char(out, '?');
        } else {
            buf_bytes(out, value.at, length);
        }
        value = span_skip(value, length > 0 ? length : 1);
    }
}

void label_add(struct buf *out, const char *name, struct span value)
{
    value.length = value.length > LABEL_BYTES_MAX ? LABEL_BYTES_MAX : value.length;
    buf_text(out, name);
    buf_text(out, "=\"");
    add_escaped(out, value);
    buf_char(out, '"');
}
