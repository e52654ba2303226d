// Bytes to and from one server, over a connected, non-blocking socket: as they are, or inside TLS.
// Each call returns what the one of the socket would; see also tls_link.h.
#pragma once

#include "redis/tls_link.h"

struct transport {
    int fd;               // -1: none
    struct tls_link *tls; // NULL: plain
};

#define TRANSPORT_NONE ((struct transport){-1, NULL})

ssize_t transport_read(const struct transport *transport, void *out, size_t size);
ssize_t transport_write(const struct transport *transport, const void *bytes, size_t length);

// After EAGAIN of a write: whether it waits for the socket to take bytes.
bool transport_wants_write(const struct transport *transport);

// Bytes may be there of which the socket will not tell.
bool transport_has_more(const struct transport *transport);

// Bytes have come to the socket that were not read.
bool transport_has_arrived(const struct transport *transport);

// Open, and nothing to read: what came would be lost.
bool transport_is_quiet(const struct transport *transport);

void transport_close(struct transport *transport); // none is fine; it is none then
