// The findings about one scrape, and the whole model as JSON.
#pragma once

#include "cluster/findings.h"
#include "scrape/snapshot.h"

// Findings name nodes by their index in the snapshot's health; findings_clear() them.
struct findings report_findings(const struct snapshot *snapshot);

// Gives the clusters as JSON text: nodes, shards, slots, replication, problems; free() it.
char *report_json(const struct snapshot *const *snapshot, size_t count);

// Adds the findings as lines of text, the worst first, and a line for the whole.
void report_text(struct buf *out, const struct snapshot *snapshot, const struct findings *findings);
