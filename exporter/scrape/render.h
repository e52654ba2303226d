// From snapshots to a metrics page, family by family.
#pragma once

#include "metrics/page.h"
#include "scrape/snapshot.h"

// Adds the page of all snapshots, and the exporter's own metrics, to `out`.
void render_page(struct buf *out, enum page_format format, const struct snapshot *const *snapshot,
                 size_t count);

// Adds the reference of all metrics as Markdown.
void render_reference(struct buf *out);
