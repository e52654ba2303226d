// What kind of server answered, as INFO tells: it decides which commands make sense.
#pragma once

#include "redis/lines.h"

enum { VERSION_NONE = 0 }; // of a flavour that a server is not, or that is not told

struct server_kind {
    uint32_t redis_version;  // 70015 for 7.0.15; of Valkey the Redis version that it is like
    uint32_t valkey_version; // VERSION_NONE for Redis
    bool cluster_mode;
    bool sentinel;
    bool loading;
};

// Major, minor and patch as one number.
uint32_t server_version(struct span text);

struct server_kind server_kind_parse(struct span info);
