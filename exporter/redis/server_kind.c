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

static bool is(struct span info, struct span key, const char *wanted)
{
    struct span value;
    return lines_find(info, key, &value) && span_is(value, wanted);
}

struct server_kind server_kind_parse(struct span info)
{
    struct server_kind server = {.redis_version = VERSION_NONE};
    struct span value;
    if (lines_find(info, SPAN("redis_version"), &value)) {
        server.redis_version = server_version(value);
    }
    if (lines_find(info, SPAN("valkey_version"), &value)) {
        server.valkey_version = server_version(value);
    }
    server.cluster_mode = is(info, SPAN("cluster_enabled"), "1");
    server.sentinel =
        is(info, SPAN("redis_mode"), "sentinel") || is(info, SPAN("server_mode"), "sentinel");
    server.loading = is(info, SPAN("loading"), "1");
    return server;
}
