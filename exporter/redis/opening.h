// From a server's address to a connection that it can be talked to on: the address map, TCP, and
// the TLS handshake, within one limit.
//
// With TLS the server's certificate has to be for one of the names by which it is known: the host
// that the address map names for it, the host name that it announces, or the host of its address.
// A fixed name of the options stands for all of them.
#pragma once

#include "redis/conn_options.h"
#include "redis/outcome.h"
#include "redis/transport.h"

struct opening;

// Comes once: the transport, the owner's to close, with OUTCOME_OK, or NULL with the reason.
// `detail` is a printable phrase for logs. The owner frees the opening in here or later.
typedef void opening_done(void *owner, const struct transport *transport, enum outcome outcome,
                          const char *detail);

// Never calls `done` from inside. `hostname` is the announced one, "" when there is none; it and
// `address` are copied. `session` is kept by the owner from one connection to the next.
struct opening *opening_new(const struct conn_options *options, const struct address *address,
                            const char *hostname, struct tls_session **session, opening_done *done,
                            void *owner);

void opening_give_up(struct opening *opening); // calls `done` from inside, as when the limit passes
void opening_free(struct opening *opening);    // `done` comes no more; NULL is fine
