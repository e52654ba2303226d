#include "web/tls_settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const version_names[WEB_TLS_VERSION_COUNT] = {"TLS10", "TLS11", "TLS12",
                                                                 "TLS13"};

static const char *const version_priorities[WEB_TLS_VERSION_COUNT] = {
    ":+VERS-TLS1.0", ":+VERS-TLS1.1", ":+VERS-TLS1.2", ":+VERS-TLS1.3"};

// The names are those of Go's tls.CipherSuites(), where the format is from, and IANA's. Since Go
// 1.22 those without forward secrecy (TLS_RSA_...) are not among them.
static const struct tls_suite suites[] = {
    {"TLS_AES_128_GCM_SHA256", NULL, NULL, NULL},
    {"TLS_AES_256_GCM_SHA384", NULL, NULL, NULL},
    {"TLS_CHACHA20_POLY1305_SHA256", NULL, NULL, NULL},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA", "AES-128-CBC", "SHA1"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA", "AES-256-CBC", "SHA1"},
    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA", "AES-128-CBC", "SHA1"},
    {"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA", "AES-256-CBC", "SHA1"},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA", "AES-128-GCM", "AEAD"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA", "AES-256-GCM", "AEAD"},
    {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA", "AES-128-GCM", "AEAD"},
    {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA", "AES-256-GCM", "AEAD"},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA", "CHACHA20-POLY1305", "AEAD"},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA", "CHACHA20-POLY1305", "AEAD"},
};

static const char *const groups[][2] = {
    {"CurveP256", "GROUP-SECP256R1"},
    {"CurveP384", "GROUP-SECP384R1"},
    {"CurveP521", "GROUP-SECP521R1"},
    {"X25519", "GROUP-X25519"},
};

static const struct {
    const char *name;
    enum client_auth value;
} client_auths[] = {
    {"", CLIENT_AUTH_NONE},
    {"NoClientCert", CLIENT_AUTH_NONE},
    {"RequestClientCert", CLIENT_AUTH_REQUEST},
    {"RequireAnyClientCert", CLIENT_AUTH_ANY},
    {"RequireClientCert", CLIENT_AUTH_ANY}, // as the format's first version called it
    {"VerifyClientCertIfGiven", CLIENT_AUTH_IF_GIVEN},
    {"RequireAndVerifyClientCert", CLIENT_AUTH_REQUIRE},
};

bool web_tls_version_parse(const char *name, enum web_tls_version *out)
{
    for (size_t i = 0; i < COUNT(version_names); i++) {
        if (strcmp(name, version_names[i]) == 0) {
            *out = (enum web_tls_version)i;
            return true;
        }
    }
    return false;
}

bool client_auth_parse(const char *name, enum client_auth *out)
{
    for (size_t i = 0; i < COUNT(client_auths); i++) {
        if (strcmp(name, client_auths[i].name) == 0) {
            *out = client_auths[i].value;
            return true;
        }
    }
    return false;
}

const struct tls_suite *tls_suite_find(const char *name)
{
    for (size_t i = 0; i < COUNT(suites); i++) {
        if (strcmp(name, suites[i].name) == 0) {
            return &suites[i];
        }
    }
    return NULL;
}

const char *tls_group_find(const char *name)
{
    for (size_t i = 0; i < COUNT(groups); i++) {
        if (strcmp(name, groups[i][0]) == 0) {
            return groups[i][1];
        }
    }
    return NULL;
}

// --- GnuTLS's language ---

static void add_versions(struct buf *out, enum web_tls_version first, enum web_tls_version last)
{
    buf_text(out, "NORMAL:-VERS-ALL");
    for (int i = (int)last; i >= (int)first; i--) {
        buf_text(out, version_priorities[i]);
    }
}

static void add_preferences(struct buf *out, const struct tls_settings *settings)
{
    if (settings->group_count > 0) {
        buf_text(out, ":-GROUP-ALL");
    }
    for (size_t i = 0; i < settings->group_count; i++) {
        buf_format(out, ":+%s", settings->group[i]);
    }
    if (settings->server_order) {
        buf_text(out, ":%SERVER_PRECEDENCE");
    }
}

// What is there already keeps its place in the order.
static void add_suite(struct buf *out, const struct tls_suite *suite)
{
    buf_format(out, ":+%s:+%s:+%s", suite->exchange, suite->cipher, suite->mac);
}

static bool has_suite_before_13(const struct tls_settings *settings)
{
    bool has = settings->suite_count == 0;
    for (size_t i = 0; i < settings->suite_count; i++) {
        has |= settings->suite[i]->exchange != NULL;
    }
    return has;
}

// Without suites of theirs the older versions cannot be spoken.
static enum web_tls_version first_version(const struct tls_settings *settings)
{
    return has_suite_before_13(settings) ? settings->min_version : WEB_TLS_13;
}

char *tls_priority(const struct tls_settings *settings)
{
    struct buf out = BUF_EMPTY;
    add_versions(&out, first_version(settings), settings->max_version);
    buf_text(&out, ":-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA");
    add_preferences(&out, settings);
    return buf_take(&out);
}

char *tls_priority_before_13(const struct tls_settings *settings)
{
    struct buf out = BUF_EMPTY;
    enum web_tls_version last =
        settings->max_version < WEB_TLS_13 ? settings->max_version : WEB_TLS_12;
    if (first_version(settings) > last) {
        return NULL;
    }
    add_versions(&out, settings->min_version, last);
    buf_text(&out, ":-KX-ALL");
    buf_text(&out,
             settings->suite_count == 0 ? ":+ECDHE-ECDSA:+ECDHE-RSA" : ":-CIPHER-ALL:-MAC-ALL");
    for (size_t i = 0; i < settings->suite_count; i++) {
        if (settings->suite[i]->exchange != NULL) {
            add_suite(&out, settings->suite[i]);
        }
    }
    add_preferences(&out, settings);
    return buf_take(&out);
}

void tls_settings_clear(struct tls_settings *settings)
{
    if (settings->key != NULL) {
        explicit_bzero(settings->key, strlen(settings->key));
    }
    free(settings->cert);
    free(settings->cert_file);
    free(settings->key);
    free(settings->key_file);
    free(settings->client_ca);
    free(settings->client_ca_file);
    for (size_t i = 0; i < settings->allowed_name_count; i++) {
        free(settings->allowed_name[i]);
    }
    free(settings->allowed_name);
    *settings = (struct tls_settings){.enabled = false};
}
