// Writes a metrics page: the text format 0.0.4 or OpenMetrics 1.0. A family's HELP and TYPE lines
// are written with its first sample, so a family without samples leaves no trace.
#pragma once

#include "base/buf.h"
#include "metrics/metric.h"

enum page_format { PAGE_TEXT, PAGE_OPENMETRICS, PAGE_FORMAT_COUNT };

struct label {
    const char *name;
    struct span value;
};

struct emitter {
    struct buf *out;
    enum page_format format;
    const struct metric *metric; // the row whose samples come now
    bool header_written;         // of the row's family
    struct span labels;          // rendered labels that every sample begins with; may be empty
    size_t samples;              // written so far
};

// `out` is borrowed.
struct emitter page_begin(struct buf *out, enum page_format format);

// The samples that follow belong to `metric`. A row of the same name as the one before continues
// its family.
void page_metric(struct emitter *to, const struct metric *metric);

void page_end(struct emitter *to);

// One sample, with the emitter's labels and, in emit_labelled, more.
void emit(struct emitter *to, double value);
void emit_labelled(struct emitter *to, const struct label *labels, size_t count, double value);

// One sample from a reply's text, which samples.h has accepted for this row: copied as it is where
// no arithmetic is needed.
void emit_text(struct emitter *to, const struct label *labels, size_t count, struct span text);

// Adds name="value", escaped; bytes that are not UTF-8 become '?', and long values are cut.
void label_add(struct buf *out, const char *name, struct span value);

// The unit that a metric's name ends in ("seconds", "bytes", "ratio"), without _total; NULL: none.
const char *metric_unit(const struct metric *metric);

// "gauge", "counter", "info".
const char *metric_type_name(enum metric_type type);
