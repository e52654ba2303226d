// From snapshots to a metrics page, family by family.
#pragma once

#include "metrics/page.h"
#include "scrape/snapshot.h"

struct render_options {
    enum page_format format;
    enum dialect dialect;
    collector_set collectors;
    bool with_process; // the exporter's own metrics too
    uint64_t size_max; // bytes; 0: any
    struct gzip *gzip; // takes the page; NULL: `out` does
};

// Adds the page of all snapshots to `out`. False, with part of it there, when it is too large.
bool render_page(struct buf *out, const struct render_options *options,
                 const struct snapshot *const *snapshot, size_t count);

// Adds the reference of all metrics as Markdown.
void render_reference(struct buf *out);
