// Where a server is, and the seed URLs an operator names.
#pragma once

#include "base/buf.h"

enum { ADDRESS_HOST_SIZE = 256 }; // a DNS name has at most 253 characters

struct address {
    char host[ADDRESS_HOST_SIZE]; // a name or a numeric address, IPv6 without brackets; never ""
    uint16_t port;                // never 0
};

// Whether a host can be called so: letters, digits, and what names and numeric addresses have ('.',
// '-' but not in front, '_', ':', and '%' for IPv6 zones). Anything else is a mistake, or an
// attempt at something: hosts go into commands that people copy.
bool address_is_host(struct span text);

// host:port, [v6]:port, or a bare host with `default_port` (0: a port is required).
bool address_parse(struct span text, uint16_t default_port, struct address *out);

bool address_equal(const struct address *a, const struct address *b);

// Adds host:port, IPv6 in brackets.
void address_add(struct buf *buf, const char *host, uint16_t port);

enum scheme {
    SCHEME_NONE,  // it was no URL
    SCHEME_PLAIN, // redis://, valkey://
    SCHEME_TLS,   // rediss://, valkeys://
};

// A seed: where to look for the cluster, and the credentials its URL carried (NULL: none).
struct seed {
    struct address address;
    enum scheme scheme;
    char *user;
    char *password;
};

// Takes redis://[user[:password]@]host[:port][/db], the same with the other schemes, host:port and
// [v6]:port; percent escapes are decoded in user and password. Returns NULL, or why not: a phrase
// that never repeats the text (it may hold a password) and that the caller does not free.
const char *seed_parse(struct span text, struct seed *out);

// How the cluster of these seeds is spoken to: as their URLs say. NULL, or what is wrong: they do
// not agree. It is not to be freed.
const char *seeds_use_tls(const struct seed *seed, size_t count, bool *out);

void seed_clear(struct seed *seed);
