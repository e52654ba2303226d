#include "redis/address_map.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "base/mem.h"

struct place {
    char host[ADDRESS_HOST_SIZE]; // "": any, or as it is
    uint16_t port;                // 0: the same
};

struct address_rule {
    struct place from;
    struct place to;
};

static const char complaint[] =
    "must be FROM=TO such as 10.0.0.1:6379=127.0.0.1:16379, 10.0.0.1=redis-1.example.org or "
    "*:6379=*:16379, IPv6 in brackets; several separated by commas";

// One way to write a numeric address, since IPv6 has many.
static void make_canonical(char *host)
{
    struct in6_addr binary;
    if (inet_pton(AF_INET6, host, &binary) == 1) {
        inet_ntop(AF_INET6, &binary, host, ADDRESS_HOST_SIZE);
    }
}

// Where the port begins, with its ':'; text.length when there is none.
static size_t find_port(struct span text)
{
    const char *colon = memrchr(text.at, ':', text.length);
    bool within_brackets = text.at[text.length - 1] == ']';
    return colon == NULL || within_brackets ? text.length : (size_t)(colon - text.at);
}

// The host is parsed as that of any address, with a port in the place of '*'.
static bool parse_place(struct span text, struct place *out)
{
    enum { SOME_PORT = 1 };
    struct address address = {.port = 0};
    text = span_trim(text);
    if (text.length == 0) {
        return false;
    }
    size_t port_at = find_port(text);
    struct span host = span_make(text.at, port_at);
    struct span port = span_skip(text, port_at);
    bool any_host = span_is(host, "*");
    bool any_port = port.length == 0 || span_is(port, ":*");
    struct buf whole = BUF_EMPTY;
    buf_span(&whole, any_host ? SPAN("any") : host);
    buf_span(&whole, any_port ? SPAN("") : port);
    bool valid = address_parse(buf_view(&whole), SOME_PORT, &address);
    buf_free(&whole);
    *out = (struct place){.port = any_port ? 0 : address.port};
    if (valid && !any_host) {
        make_canonical(address.host);
        span_copy(span_of(address.host), out->host, sizeof(out->host));
    }
    return valid;
}

static bool is_same(const struct place *a, const struct place *b)
{
    return a->port == b->port && strcasecmp(a->host, b->host) == 0;
}

static const struct address_rule *find(const struct address_map *map, const struct place *from)
{
    for (size_t i = 0; i < map->count; i++) {
        if (is_same(&map->rule[i].from, from)) {
            return &map->rule[i];
        }
    }
    return NULL;
}

static const char *add_rule(struct address_map *map, struct span text)
{
    struct address_rule rule;
    struct span from;
    struct span to;
    if (!span_split(text, '=', &from, &to) || !parse_place(from, &rule.from) ||
        !parse_place(to, &rule.to)) {
        return complaint;
    }
    if (find(map, &rule.from) != NULL) {
        return "must have one rule for each address: two have the same on the left side";
    }
    map->rule = mem_grow(map->rule, map->count, &map->capacity, sizeof(map->rule[0]));
    map->rule[map->count++] = rule;
    return NULL;
}

const char *address_map_add(struct address_map *map, struct span text)
{
    struct span rule;
    const char *problem = text.length == 0 ? complaint : NULL;
    while (problem == NULL && span_cut(&text, ',', &rule)) {
        problem = add_rule(map, rule);
    }
    return problem;
}

static bool is_same_place(const struct place *a, const struct place *b)
{
    return strcmp(a->host, b->host) == 0 && a->port == b->port;
}

bool address_map_equal(const struct address_map *a, const struct address_map *b)
{
    bool equal = a->count == b->count;
    for (size_t i = 0; equal && i < a->count; i++) {
        equal = is_same_place(&a->rule[i].from, &b->rule[i].from) &&
                is_same_place(&a->rule[i].to, &b->rule[i].to);
    }
    return equal;
}

void address_map_clear(struct address_map *map)
{
    free(map->rule);
    *map = (struct address_map){.count = 0};
}

static const struct address_rule *choose(const struct address_map *map, struct place *place)
{
    const struct address_rule *rule = find(map, place);
    struct place host = *place;
    struct place port = {.port = place->port};
    struct place any = {.port = 0};
    host.port = 0;
    rule = rule != NULL ? rule : find(map, &host);
    rule = rule != NULL ? rule : find(map, &port);
    return rule != NULL ? rule : find(map, &any);
}

void address_map_apply(const struct address_map *map, const struct address *address,
                       struct address *out)
{
    struct place place = {.port = address->port};
    const struct address_rule *rule = NULL;
    if (map != NULL && map->count > 0) {
        span_copy(span_of(address->host), place.host, sizeof(place.host));
        make_canonical(place.host);
        rule = choose(map, &place);
    }
    *out = *address;
    if (rule != NULL && rule->to.host[0] != '\0') {
        span_copy(span_of(rule->to.host), out->host, sizeof(out->host));
    }
    if (rule != NULL && rule->to.port != 0) {
        out->port = rule->to.port;
    }
}
