// From an address to a connected socket, without blocking: names are resolved through libevent's
// resolver, and each address of a name is tried: the next one as soon as one fails, or beside it
// when it does not answer for a while. The first that connects is taken.
#pragma once

#include <event2/dns.h>
#include <event2/event.h>

#include "redis/address.h"
#include "redis/outcome.h"

struct dial;

// Comes once: the socket (non-blocking, the owner's to close) with OUTCOME_OK, or -1 with the
// reason. `detail` is for logs. The owner frees the dial in here or later.
typedef void dial_done(void *owner, int fd, enum outcome outcome, const char *detail);

// Never calls `done` from inside. Has no time limit of its own: free it when the owner's ends.
struct dial *dial_new(struct event_base *base, struct evdns_base *dns,
                      const struct address *address, dial_done *done, void *owner);

// Whether it still waits for a name server.
bool dial_is_resolving(const struct dial *dial);

// Whether it has connected, and the loop has not told yet.
bool dial_has_connected(const struct dial *dial);

void dial_free(struct dial *dial); // `done` comes no more; NULL is fine
