#include "redis/address.h"

#include <stdlib.h>

#include "base/mem.h"

enum { DEFAULT_PORT = 6379 };

static bool parse_port(struct span text, uint16_t *out)
{
    uint64_t port;
    if (text.length > 5 || !span_u64(text, &port) || port < 1 || port > 65535) {
        return false;
    }
    *out = (uint16_t)port;
    return true;
}

bool address_is_host(struct span text)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = text.at[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '.' || c == '-' || c == '_' || c == ':' || c == '%';
        if (!fine) {
            return false;
        }
    }
    return text.length > 0 && text.at[0] != '-';
}

bool address_parse(struct span text, uint16_t default_port, struct address *out)
{
    struct span host = text;
    struct span port = {NULL, 0};
    bool has_port = false;
    if (text.length > 0 && text.at[0] == '[') {
        struct span after;
        if (!span_split(span_skip(text, 1), ']', &host, &after) ||
            (after.length > 0 && after.at[0] != ':') || memchr(host.at, ':', host.length) == NULL) {
            return false;
        }
        has_port = after.length > 0;
        port = has_port ? span_skip(after, 1) : port;
    } else {
        has_port = span_split_last(text, ':', &host, &port);
        if (has_port && memchr(host.at, ':', host.length) != NULL) {
            return false; // IPv6 without brackets: the port cannot be told from the address
        }
    }
    struct address parsed = {.port = default_port};
    if (!address_is_host(host) || !span_copy(host, parsed.host, sizeof(parsed.host)) ||
        (has_port && !parse_port(port, &parsed.port)) || parsed.port == 0) {
        return false;
    }
    *out = parsed;
    return true;
}

bool address_equal(const struct address *a, const struct address *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

void address_add(struct buf *buf, const char *host, uint16_t port)
{
    buf_format(buf, strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, port);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// NULL for a broken escape or an escaped NUL.
static char *percent_decode(struct span text)
{
    char *out = mem_copy(text.at, text.length);
    size_t length = 0;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.at[i];
        if (c == '%') {
            int high = i + 2 < text.length ? hex_digit(text.at[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(text.at[i + 2]) : -1;
            if (low < 0 || high * 16 + low == 0) {
                free(out);
                return NULL;
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        out[length++] = c;
    }
    out[length] = '\0';
    return out;
}

static const char *strip_scheme(struct span *text, enum scheme *out)
{
    struct span marker = SPAN("://");
    const char *found =
        text->length > 0 ? memmem(text->at, text->length, marker.at, marker.length) : NULL;
    *out = SCHEME_NONE;
    if (found == NULL) {
        return NULL;
    }
    struct span scheme = span_make(text->at, (size_t)(found - text->at));
    *text = span_skip(*text, scheme.length + marker.length);
    if (span_is(scheme, "redis") || span_is(scheme, "valkey")) {
        *out = SCHEME_PLAIN;
    } else if (span_is(scheme, "rediss") || span_is(scheme, "valkeys")) {
        *out = SCHEME_TLS;
    }
    return *out != SCHEME_NONE ? NULL
                               : "the scheme must be redis:// or valkey://, with TLS rediss:// or "
                                 "valkeys://";
}

static const char *parse_credentials(struct span text, struct seed *out)
{
    struct span user = text;
    struct span password = {NULL, 0};
    bool has_password = span_split(text, ':', &user, &password);
    if (user.length > 0) {
        out->user = percent_decode(user);
    }
    if (has_password && password.length > 0) {
        out->password = percent_decode(password);
    }
    bool broken = (user.length > 0 && out->user == NULL) ||
                  (has_password && password.length > 0 && out->password == NULL);
    return broken ? "user or password has a broken % escape" : NULL;
}

// Cluster mode knows database 0 only, and INFO is the same in every database.
static bool is_database(struct span path)
{
    uint64_t number;
    return path.length == 0 || span_u64(path, &number);
}

const char *seed_parse(struct span text, struct seed *out)
{
    struct seed seed = {.user = NULL, .password = NULL};
    struct span credentials;
    struct span path = {NULL, 0};
    const char *problem = strip_scheme(&text, &seed.scheme);
    if (problem == NULL && seed.scheme != SCHEME_NONE) {
        if (span_split_last(text, '@', &credentials, &text)) {
            problem = parse_credentials(credentials, &seed);
        }
        span_split(text, '/', &text, &path);
    }
    if (problem == NULL && !is_database(path)) {
        problem = "what follows the address must be a database number";
    }
    if (problem == NULL && !address_parse(text, DEFAULT_PORT, &seed.address)) {
        problem = "the address must be host:port or [IPv6]:port";
    }
    if (problem != NULL) {
        seed_clear(&seed);
        return problem;
    }
    *out = seed;
    return NULL;
}

const char *seeds_use_tls(const struct seed *seed, size_t count, bool *out)
{
    bool seen[SCHEME_TLS + 1] = {false};
    for (size_t i = 0; i < count; i++) {
        seen[seed[i].scheme] = true;
    }
    *out = seen[SCHEME_TLS];
    return seen[SCHEME_TLS] && seen[SCHEME_PLAIN]
               ? "all addresses of a cluster must be with TLS (rediss://), or none"
               : NULL;
}

void seed_clear(struct seed *seed)
{
    free(seed->user);
    if (seed->password != NULL) {
        explicit_bzero(seed->password, strlen(seed->password));
        free(seed->password);
    }
    seed->user = NULL;
    seed->password = NULL;
}
