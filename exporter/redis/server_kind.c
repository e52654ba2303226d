#include "redis/server_kind.h"

enum { PART_MAX = 99 };

uint32_t server_version(struct span text)
{
    uint32_t version = 0;
    for (int i = 0; i < 3; i++) {
        struct span part = {NULL, 0};
        uint64_t number = 0;
        span_cut(&text, '.', &part);
        span_u64(part, &number);
        version = version * 100 + (uint32_t)(number < PART_MAX ? number : PART_MAX);
    }
    return version;
}

struct server_kind server_kind_of(const struct server_words *words)
{
    return (struct server_kind){
        .redis_version = server_version(words->redis_version),
        .valkey_version = server_version(words->valkey_version),
        .cluster_mode = span_is(words->cluster_enabled, "1"),
        .sentinel =
            span_is(words->redis_mode, "sentinel") || span_is(words->server_mode, "sentinel"),
        .loading = span_is(words->loading, "1"),
    };
}
