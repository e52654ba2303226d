// What the nodes of a simulated cluster answer: captures of real replies, with the figures that
// tell one node from another put in, and figures that move from scrape to scrape.
//
// The first half of the nodes are masters, the others are replicas, one of each master.
#pragma once

#include "base/buf.h"

enum { ADDRESS_SIZE = 16 };

struct replies;

// `captures`: a directory of tests/fixtures/captures; beside it is that of a replica, DIR-replica.
// `nodes`: 1 or an even number, at most 2000. All listen on `port`, each on an address of its own.
struct replies *replies_new(const char *captures, size_t nodes, uint16_t port);
void replies_free(struct replies *replies);

// The address of a node, of the same length for all nodes.
void replies_address(size_t node, char out[ADDRESS_SIZE]);

// Adds the reply of `node` to a command of `count` words, one at least.
void replies_add(const struct replies *replies, size_t node, const struct span *words, size_t count,
                 struct buf *out);
