// What all connections of a cluster share; borrowed by them, outlives them. It may change between
// two asks, what it points to as well: the next connect goes by it.
#pragma once

#include <event2/dns.h>
#include <event2/event.h>

#include "redis/address_map.h"
#include "redis/credentials.h"
#include "redis/tls.h"

struct conn_options {
    struct event_base *base;
    struct evdns_base *dns;
    const struct login *login;             // for all servers; NULL: none
    const struct credentials *credentials; // of single ones; may be NULL
    const struct tls *tls;                 // NULL: plain connections
    const char *tls_server_name;           // instead of that of the TLS options; may be NULL
    const struct address_map *address_map; // NULL: everybody is where the cluster says
    int64_t connect_timeout_us;            // TLS handshake included
    int64_t reply_timeout_us;
    size_t reply_bytes_max; // for all replies of one ask, as the time
};
