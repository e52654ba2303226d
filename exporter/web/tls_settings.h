// What an operator says about TLS of the HTTP server, in Go's names, and what GnuTLS calls it.
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum web_tls_version { WEB_TLS_10, WEB_TLS_11, WEB_TLS_12, WEB_TLS_13, WEB_TLS_VERSION_COUNT };

enum client_auth {
    CLIENT_AUTH_NONE,
    CLIENT_AUTH_REQUEST,  // whatever certificate comes is taken, also none
    CLIENT_AUTH_ANY,      // one is needed; who issued it does not matter
    CLIENT_AUTH_IF_GIVEN, // if one comes, a trusted CA must have issued it
    CLIENT_AUTH_REQUIRE,  // one is needed, issued by a trusted CA
    CLIENT_AUTH_COUNT
};

// A cipher suite: what it takes up to TLS 1.2. Of those of TLS 1.3, which are always all on, only
// the name is set.
struct tls_suite {
    const char *name;
    const char *exchange;
    const char *cipher;
    const char *mac;
};

enum { TLS_SUITES_MAX = 32, TLS_GROUPS_MAX = 8 };

// PEM texts beat nothing: a file beats the text. All texts are malloc'd, NULL when not given.
struct tls_settings {
    bool enabled;
    char *cert;
    char *cert_file;
    char *key; // secret
    char *key_file;
    char *client_ca;
    char *client_ca_file;
    enum client_auth client_auth;
    char **allowed_name; // of clients: one of them must be in the certificate, if there are some
    size_t allowed_name_count;
    size_t allowed_name_capacity;
    enum web_tls_version min_version;
    enum web_tls_version max_version;
    const struct tls_suite *suite[TLS_SUITES_MAX]; // none: all that are safe
    size_t suite_count;
    bool server_order;                 // of suites
    const char *group[TLS_GROUPS_MAX]; // GnuTLS's names; none: its defaults
    size_t group_count;
};

void tls_settings_clear(struct tls_settings *settings);

// False, and nothing set, for an unknown name. Version: TLS10 to TLS13.
bool web_tls_version_parse(const char *name, enum web_tls_version *out);
bool client_auth_parse(const char *name, enum client_auth *out);
const struct tls_suite *tls_suite_find(const char *name); // NULL when unknown
const char *tls_group_find(const char *name);             // GnuTLS's name, or NULL

// GnuTLS's priority string for settling the version, and for TLS 1.3; free() it.
char *tls_priority(const struct tls_settings *settings);

// The one for TLS 1.2 and older, which names the suites chosen; NULL when they are not spoken at
// all.
char *tls_priority_before_13(const struct tls_settings *settings);
