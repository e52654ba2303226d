#include "metrics/page.h"

#include "base/mem.h"
#include "base/utf8.h"

enum {
    LABEL_BYTES_MAX = 256,
    PIECE_BYTES = 64 << 10, // that stay in the processor's cache until they are compressed
};

static const char *const type_names[] = {"gauge", "counter", "info", "summary", "histogram"};

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

struct emitter page_begin(struct buf *out, enum page_format format, enum dialect dialect)
{
    CHECK(dialect == DIALECT_NATIVE || format == PAGE_TEXT);
    return (struct emitter){.out = out, .format = format, .dialect = dialect};
}

bool page_metric(struct emitter *to, const struct metric *metric)
{
    bool renamed = to->dialect == DIALECT_RX && metric->rx_name != NULL;
    const char *name = renamed ? metric->rx_name : metric->name;
    if (name[0] == '\0') {
        return false;
    }
    page_family(to, metric, name);
    return true;
}

void page_family(struct emitter *to, const struct metric *metric, const char *name)
{
    if (to->name == NULL || strcmp(to->name, name) != 0) {
        to->header_written = false;
    }
    to->metric = metric;
    to->name = name;
    to->name_length = strlen(name);
}

// OpenMetrics names a family without the suffix that its samples carry.
static struct span family_name(const struct emitter *to)
{
    struct span name = span_of(to->name);
    if (to->format == PAGE_TEXT || (to->metric->type != INFO && to->metric->type != COUNTER)) {
        return name;
    }
    return without_suffix(name, to->metric->type == INFO ? SPAN("_info") : SPAN("_total"));
}

static enum metric_type shown_type(const struct emitter *to)
{
    const struct metric *metric = to->metric;
    bool rx = to->dialect == DIALECT_RX;
    bool plain_info = metric->type == INFO && to->format == PAGE_TEXT;
    if (rx && metric->rx_counter) {
        return COUNTER;
    }
    return plain_info || (rx && metric->rx_gauge) ? GAUGE : metric->type;
}

const char *source_word(enum source source)
{
    static const char *const words[SOURCE_COUNT] = {
        [FROM_INFO] = "INFO",
        [FROM_CLUSTER_INFO] = "CLUSTER INFO",
        [FROM_CONFIG] = "CONFIG",
        [FROM_SLOWLOG] = "SLOWLOG",
        [FROM_LATENCY] = "LATENCY",
        [FROM_COMMANDLOG] = "COMMANDLOG",
        [FROM_CLIENTS] = "CLIENT LIST",
        [FROM_LINKS] = "CLUSTER LINKS",
        [FROM_MIGRATIONS] = "CLUSTER GETSLOTMIGRATIONS",
        [FROM_OPEN_SLOTS] = "CLUSTER COUNTKEYSINSLOT",
        [FROM_SLOT_STATS] = "CLUSTER SLOT-STATS",
        [FROM_EXPORTER] = "",
        [FROM_KEY] = "key",
        [FROM_STREAM] = "XINFO STREAM",
        [FROM_STREAM_GROUP] = "XINFO GROUPS",
        [FROM_STREAM_CONSUMER] = "XINFO CONSUMERS",
        [FROM_SEARCH] = "FT.INFO",
        [FROM_SENTINEL_MASTER] = "SENTINEL",
        [FROM_SENTINEL_PEER] = "SENTINEL SENTINELS",
        [FROM_SENTINEL_CONFIG] = "SENTINEL CONFIG GET",
        [FROM_CLIENT] = "CLIENT LIST",
    };
    return words[source];
}

const char *source_labels(enum source source)
{
    static const char *const labels[SOURCE_COUNT] = {
        [FROM_KEY] = "db, key",
        [FROM_STREAM] = "db, stream",
        [FROM_STREAM_GROUP] = "db, stream, group",
        [FROM_STREAM_CONSUMER] = "db, stream, group, consumer",
        [FROM_SEARCH] = "index_name",
        [FROM_SENTINEL_MASTER] = "master_name, master_address",
        [FROM_SENTINEL_PEER] = "master_name, master_address, name, ip, port, runid, flags",
        [FROM_SENTINEL_CONFIG] = "key",
        [FROM_CLIENT] = "id, name",
    };
    return labels[source];
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
        buf_text(to->out, " (");
        buf_text(to->out, source_word(metric->source));
        buf_char(to->out, ' ');
        buf_text(to->out, metric->field);
        buf_char(to->out, ')');
    }
    buf_char(to->out, '\n');
    add_metadata(to, "TYPE");
    buf_text(to->out, metric_type_name(shown_type(to)));
    buf_char(to->out, '\n');
    if (to->format == PAGE_OPENMETRICS && unit != NULL) {
        add_metadata(to, "UNIT");
        buf_text(to->out, unit);
        buf_char(to->out, '\n');
    }
    to->header_written = true;
}

static void give_piece(struct emitter *to)
{
    gzip_add(to->gzip, buf_view(to->out));
    to->given += to->out->length;
    to->out->length = 0;
}

static char *put(char *at, struct span text)
{
    if (text.length > 0) {
        memcpy(at, text.at, text.length);
    }
    return at + text.length;
}

// The name and the rendered labels, up to the closing brace, which is left out. `suffix` follows
// the name.
static void begin_line(struct emitter *to, struct span suffix, struct span more)
{
    if (!to->header_written) {
        write_header(to);
    }
    if (to->out->length >= PIECE_BYTES && to->gzip != NULL) {
        give_piece(to);
    }
    to->samples++;
    char *at =
        buf_reserve(to->out, to->name_length + suffix.length + to->labels.length + more.length + 2);
    char *end = put(put(at, span_make(to->name, to->name_length)), suffix);
    if (to->labels.length > 0 || more.length > 0) {
        *end++ = '{';
        end = put(end, to->labels);
        if (to->labels.length > 0 && more.length > 0) {
            *end++ = ',';
        }
        end = put(end, more);
    }
    to->out->length += (size_t)(end - at);
}

void page_end(struct emitter *to)
{
    if (to->format == PAGE_OPENMETRICS) {
        buf_text(to->out, "# EOF\n");
    }
    if (to->gzip != NULL) {
        give_piece(to);
    }
}

// `rendered` labels and those of the array; one of them may be empty.
static void begin_sample(struct emitter *to, struct span suffix, struct span rendered,
                         const struct label *labels, size_t count)
{
    bool has_labels = to->labels.length > 0 || rendered.length > 0;
    begin_line(to, suffix, rendered);
    for (size_t i = 0; i < count; i++) {
        buf_char(to->out, has_labels || i > 0 ? ',' : '{');
        label_add(to->out, labels[i].name, labels[i].value);
    }
    if (has_labels || count > 0) {
        buf_char(to->out, '}');
    }
    buf_char(to->out, ' ');
}

void emit_part(struct emitter *to, const char *suffix, const struct label *labels, size_t count,
               double value)
{
    begin_sample(to, span_of(suffix), SPAN(""), labels, count);
    buf_f64(to->out, value);
    buf_char(to->out, '\n');
}

void emit_labelled(struct emitter *to, const struct label *labels, size_t count, double value)
{
    emit_part(to, "", labels, count, value);
}

void emit(struct emitter *to, double value)
{
    emit_part(to, "", NULL, 0, value);
}

void emit_us(struct emitter *to, int64_t us)
{
    begin_sample(to, SPAN(""), SPAN(""), NULL, 0);
    buf_i64_shifted(to->out, us, -6);
    buf_char(to->out, '\n');
}

// Where redis_exporter has another name, it is because it passes the server's unit on.
static bool is_raw(const struct emitter *to)
{
    return to->dialect == DIALECT_RX && to->metric->rx_name != NULL;
}

int emit_shift(const struct emitter *to)
{
    return is_raw(to) ? 0 : to->metric->shift;
}

// Before Redis 6.2.2 a duration "since" something that never was counts from 1970.
static bool says_never(const struct emitter *to, struct span text)
{
    enum { EPOCH_DIGITS = 10 };
    const struct metric *metric = to->metric;
    bool negative = text.at[0] == '-' && metric->no_negative;
    return metric->match == NULL && !is_raw(to) &&
           (negative || (metric->no_epoch && text.length >= EPOCH_DIGITS));
}

// OpenMetrics and Go parse any decimal text that Redis writes, but not a leading '+'.
static void add_value(struct emitter *to, struct span text)
{
    int shift = emit_shift(to);
    if (to->metric->match != NULL) {
        buf_char(to->out, span_is(text, to->metric->match) ? '1' : '0');
    } else if (shift != 0 || text.at[0] == '+') {
        buf_shifted(to->out, text, shift);
    } else {
        buf_span(to->out, text);
    }
    buf_char(to->out, '\n');
}

void emit_text(struct emitter *to, const struct label *labels, size_t count, struct span text)
{
    if (!says_never(to, text)) {
        begin_sample(to, SPAN(""), SPAN(""), labels, count);
        add_value(to, text);
    }
}

void emit_rendered(struct emitter *to, struct span labels, struct span text)
{
    if (!says_never(to, text)) {
        begin_sample(to, SPAN(""), labels, NULL, 0);
        add_value(to, text);
    }
}

// How many bytes at the front stand for themselves.
static size_t plain_length(struct span value)
{
    size_t i = 0;
    while (i < value.length && value.at[i] >= ' ' && value.at[i] <= '~' && value.at[i] != '"' &&
           value.at[i] != '\\') {
        i++;
    }
    return i;
}

// Whether everything went in as it was; bytes that a label cannot hold become '?'.
static bool add_escaped(struct buf *out, struct span value)
{
    bool intact = true;
    while (value.length > 0) {
        size_t plain = plain_length(value);
        buf_bytes(out, value.at, plain);
        value = span_skip(value, plain);
        if (value.length == 0) {
            break;
        }
        char c = value.at[0];
        size_t length = utf8_length(value);
        if (c == '\\' || c == '"') {
            buf_char(out, '\\');
            buf_char(out, c);
        } else if (c == '\n') {
            buf_text(out, "\\n");
        } else if (length == 0 || (unsigned char)c < ' ') {
            buf_char(out, '?');
            intact = false;
        } else {
            buf_bytes(out, value.at, length);
        }
        value = span_skip(value, length > 0 ? length : 1);
    }
    return intact;
}

static uint32_t checksum(struct span value)
{
    uint32_t sum = 2166136261u;
    for (size_t i = 0; i < value.length; i++) {
        sum = (sum ^ (unsigned char)value.at[i]) * 16777619u;
    }
    return sum;
}

// A value that could not go in as it was carries a checksum, so that two of them stay two.
void label_add(struct buf *out, const char *name, struct span value)
{
    struct span shown = value;
    shown.length = value.length > LABEL_BYTES_MAX ? LABEL_BYTES_MAX : value.length;
    buf_text(out, name);
    buf_text(out, "=\"");
    if (!add_escaped(out, shown) || shown.length < value.length) {
        buf_format(out, "~%08x", checksum(value));
    }
    buf_char(out, '"');
}
