// What the nodes of a simulated cluster answer: captures of real replies, with the figures that
// tell one node from another put in, and figures that move from scrape to scrape.
// The cluster can change; see topology.h.
#pragma once

#include "base/buf.h"

struct replies;

// `captures`: a directory of tests/fixtures/captures; beside it is that of a replica, DIR-replica.
// `nodes`: 1 or an even number, at most 2000. All listen on `port`, each on an address of its own.
// `captures` is borrowed.
struct replies *replies_new(const char *captures, size_t nodes, uint16_t port);
void replies_free(struct replies *replies);

// As topology_change and topology_is_open.
bool replies_change(struct replies *replies, struct span what, size_t number);
bool replies_is_open(const struct replies *replies, size_t node);

// Adds the reply of `node` to a command of `count` words, one at least.
void replies_add(const struct replies *replies, size_t node, const struct span *words, size_t count,
                 struct buf *out);
