// Where servers are reached, when not at the addresses that they announce: behind NAT, in
// containers, by mapped ports.
#pragma once

#include "redis/address.h"

struct address_rule; // address_map.c

struct address_map {
    struct address_rule *rule;
    size_t count;
    size_t capacity;
};

// Adds rules FROM=TO, separated by commas. Each side is HOST:PORT, HOST, HOST:* or *:PORT, IPv6 in
// brackets; TO keeps what it has a '*' for, or no port. NULL, or what the value must be: not to be
// freed. After a problem the map is only to be cleared.
const char *address_map_add(struct address_map *map, struct span text);
bool address_map_equal(const struct address_map *a, const struct address_map *b);
void address_map_clear(struct address_map *map);

// Where to connect for `address`, which may be the result's place. The rule of that host and port
// is taken, else the host's, else the port's, else that of '*'; no rule, or a NULL map: unchanged.
void address_map_apply(const struct address_map *map, const struct address *address,
                       struct address *out);
