// Compares passwords with their hashes in a thread of its own: bcrypt takes tens of milliseconds
// and more, for which the loop must not stop. It is the only thread beside the loop's, and the two
// share one comparison, which belongs to one of them at any time.
#pragma once

#include <stdbool.h>

#include <event2/event.h>

struct hasher;

// `done` comes from the loop, once for each hasher_start. The thread begins with the first one.
struct hasher *hasher_new(struct event_base *base, void (*done)(void *owner, bool equal),
                          void *owner);

// Not before the comparison before was done. The texts are copied; the password is overwritten
// afterwards. `hash` is a bcrypt hash, of 60 letters.
void hasher_start(struct hasher *hasher, const char *hash, const char *password);

// Waits for a comparison under way, which nobody hears of any more.
void hasher_free(struct hasher *hasher);
