// What kind of server answered, as INFO tells: it decides which commands make sense.
#pragma once

#include "base/span.h"

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

// The fields of INFO that tell it; empty where the server does not send one.
struct server_words {
    struct span redis_version;
    struct span valkey_version;
    struct span redis_mode;
    struct span server_mode; // since Valkey 8.1
    struct span cluster_enabled;
    struct span loading;
};

struct server_kind server_kind_of(const struct server_words *words);
