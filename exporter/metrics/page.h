// Writes a metrics page: the text format 0.0.4 or OpenMetrics 1.0. A family's HELP and TYPE lines
// are written with its first sample, so a family without samples leaves no trace.
#pragma once

#include "base/buf.h"
#include "metrics/gzip.h"
#include "metrics/metric.h"

enum page_format { PAGE_TEXT, PAGE_OPENMETRICS };

// Which names, labels and units: ours, or exactly those of redis_exporter.
enum dialect { DIALECT_NATIVE, DIALECT_RX };

struct label {
    const char *name;
    struct span value;
};

struct emitter {
    struct buf *out;
    enum page_format format;
    enum dialect dialect;
    const struct metric *metric; // the row whose samples come now
    const char *name;            // of its family, in this dialect
    size_t name_length;
    bool header_written; // of the row's family
    struct span labels;  // rendered labels that every sample begins with; may be empty
    size_t samples;      // written so far
    struct gzip *gzip;   // takes what `out` holds, piece by piece; NULL: it stays there
    size_t given;        // bytes that it has taken
};

// `out` is borrowed. The dialect of redis_exporter knows the text format only.
struct emitter page_begin(struct buf *out, enum page_format format, enum dialect dialect);

// The samples that follow belong to `metric`. A row of the same name as the one before continues
// its family. False when the dialect does not have the metric: then none may follow.
bool page_metric(struct emitter *to, const struct metric *metric);

// As page_metric, for a family whose name the caller makes up; `name` is borrowed until the next.
void page_family(struct emitter *to, const struct metric *metric, const char *name);

// The last line, where the format has one. All that is left goes to the gzip.
void page_end(struct emitter *to);

// How many bytes the page has by now, before compression.
static inline size_t page_length(const struct emitter *to)
{
    return to->given + to->out->length;
}

// One sample, with the emitter's labels and, in emit_labelled, more.
void emit(struct emitter *to, double value);
void emit_labelled(struct emitter *to, const struct label *labels, size_t count, double value);

// One sample in seconds, of microseconds.
void emit_us(struct emitter *to, int64_t us);

// As emit_labelled, for the parts of summaries and histograms: `suffix` follows the name.
void emit_part(struct emitter *to, const char *suffix, const struct label *labels, size_t count,
               double value);

// One sample from a reply's text, which samples.h has accepted for this row: copied as it is where
// no arithmetic is needed. Nothing where the row does not take it.
void emit_text(struct emitter *to, const struct label *labels, size_t count, struct span text);

// As emit_text, with further labels that are rendered already; they may be empty.
void emit_rendered(struct emitter *to, struct span labels, struct span text);

// Adds name="value", escaped. Bytes that are not UTF-8 become '?' and long values are cut; such a
// value ends in ~ and a checksum of the original.
void label_add(struct buf *out, const char *name, struct span value);

// The unit that a metric's name ends in ("seconds", "bytes", "ratio"), without _total; NULL: none.
const char *metric_unit(const struct metric *metric);

// By how many decimal places the present row's values move in this dialect.
int emit_shift(const struct emitter *to);

// "gauge", "counter", "info", "summary", "histogram".
const char *metric_type_name(enum metric_type type);

// "INFO", "CLUSTER INFO", ...; "" for what is computed.
const char *source_word(enum source source);

// The labels that its samples carry, for the reference; NULL: none.
const char *source_labels(enum source source);
