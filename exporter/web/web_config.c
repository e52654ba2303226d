#include "web/web_config.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/yaml.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *name;
    const char *words[3]; // none: any value
} headers[WEB_HEADERS] = {
    {"Strict-Transport-Security", {NULL}},
    {"X-Content-Type-Options", {"nosniff", NULL}},
    {"X-Frame-Options", {"deny", "sameorigin", NULL}},
    {"X-XSS-Protection", {NULL}},
    {"Content-Security-Policy", {NULL}},
};

// --- tls_server_config ---

static void read_auth(struct yml *yaml, const struct yml_node *value, void *target)
{
    if (yml_expect(yaml, value, YML_TEXT) && !client_auth_parse(value->text.at, target)) {
        yml_fail(yaml, value,
                 "must be NoClientCert, RequestClientCert, RequireAnyClientCert, "
                 "VerifyClientCertIfGiven or RequireAndVerifyClientCert");
    }
}

static void read_version(struct yml *yaml, const struct yml_node *value, void *target)
{
    if (yml_expect(yaml, value, YML_TEXT) && !web_tls_version_parse(value->text.at, target)) {
        yml_fail(yaml, value, "must be TLS10, TLS11, TLS12 or TLS13");
    }
}

// Whether there is a further entry that says something; it may have to be a text.
static bool next_text(struct yml *yaml, const struct yml_node **entry)
{
    while (*entry != NULL && (*entry)->kind == YML_NOTHING) {
        *entry = (*entry)->next;
    }
    return *entry != NULL && yml_expect(yaml, *entry, YML_TEXT);
}

static void read_suites(struct yml *yaml, const struct yml_node *value, void *target)
{
    struct tls_settings *tls = target;
    if (!yml_expect(yaml, value, YML_LIST)) {
        return;
    }
    for (const struct yml_node *entry = value->child; next_text(yaml, &entry);
         entry = entry->next) {
        const struct tls_suite *suite = tls_suite_find(entry->text.at);
        if (suite == NULL || tls->suite_count == TLS_SUITES_MAX) {
            yml_fail(yaml, entry, "cipher_suites: %s",
                     suite != NULL ? "are too many"
                                   : "is no cipher suite by Go's name, such as "
                                     "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
            return;
        }
        tls->suite[tls->suite_count++] = suite;
    }
}

static void read_groups(struct yml *yaml, const struct yml_node *value, void *target)
{
    struct tls_settings *tls = target;
    if (!yml_expect(yaml, value, YML_LIST)) {
        return;
    }
    for (const struct yml_node *entry = value->child; next_text(yaml, &entry);
         entry = entry->next) {
        const char *group = tls_group_find(entry->text.at);
        if (group == NULL || tls->group_count == TLS_GROUPS_MAX) {
            yml_fail(yaml, entry, "curve_preferences: %s",
                     group != NULL ? "are too many"
                                   : "must be CurveP256, CurveP384, CurveP521 or X25519");
            return;
        }
        tls->group[tls->group_count++] = group;
    }
}

static void read_allowed_names(struct yml *yaml, const struct yml_node *value, void *target)
{
    struct tls_settings *tls = target;
    if (!yml_expect(yaml, value, YML_LIST)) {
        return;
    }
    for (const struct yml_node *entry = value->child; next_text(yaml, &entry);
         entry = entry->next) {
        tls->allowed_name = mem_grow(tls->allowed_name, tls->allowed_name_count,
                                     &tls->allowed_name_capacity, sizeof(tls->allowed_name[0]));
        tls->allowed_name[tls->allowed_name_count] = NULL;
        yml_take_text(yaml, entry, &tls->allowed_name[tls->allowed_name_count++]);
    }
}

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

// What does not fit together.
static const char *judge_tls(const struct tls_settings *tls)
{
    bool needs_cert =
        tls->client_auth == CLIENT_AUTH_ANY || tls->client_auth == CLIENT_AUTH_REQUIRE;
    if (!is_given(tls->cert) && !is_given(tls->cert_file)) {
        return "cert_file (or cert) is missing";
    }
    if (!is_given(tls->key) && !is_given(tls->key_file)) {
        return "key_file (or key) is missing";
    }
    if ((is_given(tls->client_ca) || is_given(tls->client_ca_file)) &&
        tls->client_auth == CLIENT_AUTH_NONE) {
        return "client_ca_file (or client_ca) needs a client_auth_type such as "
               "RequireAndVerifyClientCert";
    }
    if (tls->allowed_name_count > 0 && !needs_cert) {
        return "client_allowed_sans needs the client_auth_type RequireAndVerifyClientCert (or "
               "RequireAnyClientCert)";
    }
    return tls->min_version > tls->max_version ? "min_version is above max_version" : NULL;
}

#define TLS_TEXT(key)                                                                              \
    {                                                                                              \
#key, yml_take_text, offsetof(struct tls_settings, key)                                    \
    }

static void read_tls(struct yml *yaml, const struct yml_node *value, void *target)
{
    static const struct yml_field fields[] = {
        TLS_TEXT(cert),
        TLS_TEXT(cert_file),
        TLS_TEXT(key),
        TLS_TEXT(key_file),
        TLS_TEXT(client_ca),
        TLS_TEXT(client_ca_file),
        {"client_auth_type", read_auth, offsetof(struct tls_settings, client_auth)},
        {"client_allowed_sans", read_allowed_names, 0},
        {"min_version", read_version, offsetof(struct tls_settings, min_version)},
        {"max_version", read_version, offsetof(struct tls_settings, max_version)},
        {"cipher_suites", read_suites, 0},
        {"prefer_server_cipher_suites", yml_take_switch,
         offsetof(struct tls_settings, server_order)},
        {"curve_preferences", read_groups, 0},
    };
    static const char *const enabling[] = {
        "cert", "cert_file", "key", "key_file", "client_ca", "client_ca_file", "client_auth_type"};
    struct tls_settings *tls = target;
    yml_fields(yaml, value, fields, COUNT(fields), tls);
    for (const struct yml_node *entry = value->child; entry != NULL; entry = entry->next) {
        for (size_t i = 0; i < COUNT(enabling); i++) {
            tls->enabled |= span_is(entry->key, enabling[i]) && entry->text.length > 0 &&
                            entry->kind == YML_TEXT;
        }
    }
    const char *problem = tls->enabled ? judge_tls(tls) : NULL;
    if (problem != NULL) {
        yml_fail(yaml, value, "%s", problem);
    }
}

// --- http_server_config ---

static bool is_allowed(const char *const *words, const char *value)
{
    while (*words != NULL && strcmp(*words, value) != 0) {
        words++;
    }
    return *words != NULL;
}

// An empty value leaves the header out, where any is allowed.
static void read_header(struct yml *yaml, const struct yml_node *entry, size_t i,
                        struct web_header *out)
{
    char *value = NULL;
    if (entry->kind != YML_NOTHING) {
        yml_take_text(yaml, entry, &value);
    }
    bool restricted = headers[i].words[0] != NULL;
    if (restricted && !is_allowed(headers[i].words, value != NULL ? value : "")) {
        yml_fail(yaml, entry, "must be %s%s%s", headers[i].words[0],
                 headers[i].words[1] != NULL ? " or " : "",
                 headers[i].words[1] != NULL ? headers[i].words[1] : "");
    }
    for (const char *c = value; c != NULL && *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            yml_fail(yaml, entry, "must not hold control characters");
        }
    }
    free(out->value);
    out->value = is_given(value) ? value : NULL;
    if (out->value == NULL) {
        free(value);
    }
}

static void read_headers(struct yml *yaml, const struct yml_node *value, void *target)
{
    struct web_header *out = target;
    if (!yml_expect(yaml, value, YML_MAP)) {
        return;
    }
    for (const struct yml_node *entry = value->child; entry != NULL; entry = entry->next) {
        size_t i = 0;
        while (i < WEB_HEADERS && !span_is(entry->key, headers[i].name)) {
            i++;
        }
        if (i == WEB_HEADERS) {
            yml_fail(yaml, entry,
                     "is no header that can be set; these can: Strict-Transport-Security, "
                     "X-Content-Type-Options, X-Frame-Options, X-XSS-Protection, "
                     "Content-Security-Policy");
            return;
        }
        read_header(yaml, entry, i, &out[i]);
    }
}

// This server does not speak HTTP/2, and no client insists on it.
static void check_switch(struct yml *yaml, const struct yml_node *value, void *target)
{
    bool ignored;
    (void)target;
    yml_take_switch(yaml, value, &ignored);
}

static void read_http(struct yml *yaml, const struct yml_node *value, void *target)
{
    static const struct yml_field fields[] = {
        {"http2", check_switch, 0},
        {"headers", read_headers, 0},
    };
    yml_fields(yaml, value, fields, COUNT(fields), target);
}

// --- basic_auth_users ---

// $2b$10$ and 53 letters. More than 16 would take seconds for each attempt.
static const char *judge_hash(struct span hash)
{
    enum { LENGTH = 60, SALT_AT = 7, COST_MIN = 4, COST_MAX = 16 };
    static const char letters[] =
        "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    uint64_t cost;
    bool shaped = hash.length == LENGTH && span_starts(hash, SPAN("$2")) &&
                  strchr("abxy", hash.at[2]) != NULL && hash.at[3] == '$' && hash.at[6] == '$' &&
                  span_u64(span_make(hash.at + 4, 2), &cost) &&
                  strspn(hash.at + SALT_AT, letters) == LENGTH - SALT_AT;
    if (!shaped) {
        return "must be a bcrypt hash, as htpasswd -nBC 10 \"\" prints it";
    }
    return cost < COST_MIN || cost > COST_MAX ? "must be a bcrypt hash with a cost of 4 to 16"
                                              : NULL;
}

static void read_users(struct yml *yaml, const struct yml_node *value, void *target)
{
    struct web_config *config = target;
    if (!yml_expect(yaml, value, YML_MAP)) {
        return;
    }
    for (const struct yml_node *entry = value->child; entry != NULL; entry = entry->next) {
        struct web_user user = {NULL, NULL};
        bool has_text = entry->kind == YML_NOTHING || yml_expect(yaml, entry, YML_TEXT);
        const char *problem = has_text ? judge_hash(entry->text) : NULL;
        if (memchr(entry->key.at, ':', entry->key.length) != NULL) {
            problem = "a user's name must not hold a colon, which ends it in a request";
        }
        if (problem != NULL) {
            yml_fail(yaml, entry, "%s", problem);
        }
        if (yml_problem(yaml) != NULL) {
            return;
        }
        user.name = mem_copy(entry->key.at, entry->key.length);
        user.hash = mem_copy(entry->text.at, entry->text.length);
        config->user = mem_grow(config->user, config->user_count, &config->user_capacity,
                                sizeof(config->user[0]));
        config->user[config->user_count++] = user;
    }
}

// --- rate_limit ---

// As Go writes it: 500ms, 1m30s.
static bool parse_duration(struct span text, double *out_us)
{
    static const struct {
        const char *name;
        double microseconds;
    } units[] = {{"ns", 1e-3}, {"us", 1},   {"\xc2\xb5s", 1}, {"ms", 1e3},
                 {"s", 1e6},   {"m", 60e6}, {"h", 3600e6}};
    *out_us = 0;
    while (text.length > 0) {
        size_t digits = strspn(text.at, "0123456789.");
        double number;
        if (!span_f64(span_make(text.at, digits), &number)) {
            return false;
        }
        text = span_skip(text, digits);
        size_t letters = strcspn(text.at, "0123456789.");
        size_t i = 0;
        while (i < COUNT(units) && !span_is(span_make(text.at, letters), units[i].name)) {
            i++;
        }
        if (i == COUNT(units)) {
            return false;
        }
        *out_us += number * units[i].microseconds;
        text = span_skip(text, letters);
    }
    return true;
}

static void read_interval(struct yml *yaml, const struct yml_node *value, void *target)
{
    int64_t *interval_us = target;
    double us = 0;
    if (!yml_expect(yaml, value, YML_TEXT)) {
        return;
    }
    bool valid =
        span_is(value->text, "0") || (value->text.length > 0 && parse_duration(value->text, &us));
    if (!valid || us > 3600e6) {
        yml_fail(yaml, value, "must be a time with its unit, such as 200ms or 1s, at most 1h");
        return;
    }
    *interval_us = us > 0 && us < 1 ? 1 : (int64_t)us;
}

static void read_burst(struct yml *yaml, const struct yml_node *value, void *target)
{
    int64_t *burst = target;
    yml_take_number(yaml, value, burst);
    if (*burst < 0 || *burst > 1000000) {
        yml_fail(yaml, value, "must be a number of requests from 0 to 1000000");
    }
}

static void read_rate(struct yml *yaml, const struct yml_node *value, void *target)
{
    static const struct yml_field fields[] = {
        {"interval", read_interval, offsetof(struct web_config, rate_interval_us)},
        {"burst", read_burst, offsetof(struct web_config, rate_burst)},
    };
    struct web_config *config = target;
    yml_fields(yaml, value, fields, COUNT(fields), config);
    if (config->rate_interval_us > 0 && config->rate_burst == 0) {
        yml_fail(yaml, value, "burst must be at least 1, or no request would ever be answered");
    }
}

// --- the whole ---

static void make_absolute(char **file, const char *config_path)
{
    const char *slash = strrchr(config_path, '/');
    if (!is_given(*file) || (*file)[0] == '/' || slash == NULL) {
        return;
    }
    struct buf path = BUF_EMPTY;
    buf_bytes(&path, config_path, (size_t)(slash - config_path) + 1);
    buf_text(&path, *file);
    free(*file);
    *file = buf_take(&path);
}

char *web_config_read(const char *path, struct web_config *out)
{
    static const struct yml_field fields[] = {
        {"tls_server_config", read_tls, offsetof(struct web_config, tls)},
        {"http_server_config", read_http, offsetof(struct web_config, header)},
        {"basic_auth_users", read_users, 0},
        {"rate_limit", read_rate, 0},
    };
    *out = (struct web_config){
        .tls = {.min_version = WEB_TLS_12, .max_version = WEB_TLS_13, .server_order = true}};
    for (size_t i = 0; i < WEB_HEADERS; i++) {
        out->header[i].name = headers[i].name;
    }
    struct yml *yaml = yml_read(path);
    yml_fields(yaml, yml_root(yaml), fields, COUNT(fields), out);
    const char *problem = yml_problem(yaml);
    char *copy = problem != NULL ? mem_copy(problem, strlen(problem)) : NULL;
    yml_free(yaml);
    make_absolute(&out->tls.cert_file, path);
    make_absolute(&out->tls.key_file, path);
    make_absolute(&out->tls.client_ca_file, path);
    return copy;
}

void web_config_clear(struct web_config *config)
{
    tls_settings_clear(&config->tls);
    for (size_t i = 0; i < WEB_HEADERS; i++) {
        free(config->header[i].value);
    }
    for (size_t i = 0; i < config->user_count; i++) {
        free(config->user[i].name);
        free(config->user[i].hash);
    }
    free(config->user);
    *config = (struct web_config){.user_count = 0};
}
