// GnuTLS's priority strings name algorithms, not suites, and those of TLS 1.3 are the same as those
// before. So a session begins with a priority that settles the version, and gets the one with the
// chosen suites once it is known to be TLS 1.2 or older.
#include "web/tls_context.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include <gnutls/x509.h>

#include "base/file.h"
#include "base/mem.h"

enum { PEM_MAX = 4 * 1024 * 1024 };

struct tls_context {
    size_t holders;
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priority;
    gnutls_priority_t priority_before_13; // NULL when those versions are not spoken
    enum client_auth client_auth;
    char **allowed_name;
    size_t allowed_name_count;
    int64_t expiry_s;
};

// --- making one ---

static char *complain(const char *file, const char *what, const char *reason)
{
    struct buf text = BUF_EMPTY;
    buf_format(&text, "%s%s%s: %s", what, file != NULL ? " " : "", file != NULL ? file : "",
               reason);
    return buf_take(&text);
}

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

// The content of the file, or the text itself.
static char *load_pem(const char *file, const char *text, const char *what, struct buf *out)
{
    if (!is_given(file)) {
        buf_text(out, text);
        return NULL;
    }
    const char *problem = file_read(file, PEM_MAX, out, NULL);
    return problem != NULL ? complain(file, what, problem) : NULL;
}

static gnutls_datum_t datum_of(struct buf *pem)
{
    return (gnutls_datum_t){(unsigned char *)pem->data, (unsigned)pem->length};
}

static int64_t expiry_of(gnutls_certificate_credentials_t credentials)
{
    gnutls_x509_crt_t *chain;
    unsigned count;
    CHECK(gnutls_certificate_get_x509_crt(credentials, 0, &chain, &count) == 0 && count > 0);
    int64_t first = INT64_MAX;
    for (unsigned i = 0; i < count; i++) {
        int64_t expiry = (int64_t)gnutls_x509_crt_get_expiration_time(chain[i]);
        first = expiry < first ? expiry : first;
        gnutls_x509_crt_deinit(chain[i]);
    }
    gnutls_free(chain);
    return first;
}

static char *load_pair(struct tls_context *context, const struct tls_settings *settings)
{
    struct buf cert = BUF_EMPTY;
    struct buf key = BUF_EMPTY;
    char *problem = load_pem(settings->cert_file, settings->cert, "cert_file", &cert);
    if (problem == NULL) {
        problem = load_pem(settings->key_file, settings->key, "key_file", &key);
    }
    if (problem == NULL) {
        gnutls_datum_t cert_data = datum_of(&cert);
        gnutls_datum_t key_data = datum_of(&key);
        int result = gnutls_certificate_set_x509_key_mem(context->credentials, &cert_data,
                                                         &key_data, GNUTLS_X509_FMT_PEM);
        problem = result < 0 ? complain(settings->cert_file, "certificate and key",
                                        gnutls_strerror(result))
                             : NULL;
    }
    if (problem == NULL) {
        context->expiry_s = expiry_of(context->credentials);
    }
    buf_free(&cert);
    buf_wipe(&key);
    return problem;
}

// Without a CA of its own the system's are trusted, as Go does.
static char *load_trust(struct tls_context *context, const struct tls_settings *settings)
{
    bool verifies = settings->client_auth == CLIENT_AUTH_IF_GIVEN ||
                    settings->client_auth == CLIENT_AUTH_REQUIRE;
    struct buf pem = BUF_EMPTY;
    if (!is_given(settings->client_ca_file) && !is_given(settings->client_ca)) {
        if (verifies) {
            gnutls_certificate_set_x509_system_trust(context->credentials);
        }
        return NULL;
    }
    char *problem = load_pem(settings->client_ca_file, settings->client_ca, "client_ca_file", &pem);
    if (problem == NULL) {
        gnutls_datum_t data = datum_of(&pem);
        int result =
            gnutls_certificate_set_x509_trust_mem(context->credentials, &data, GNUTLS_X509_FMT_PEM);
        problem = result < 1 ? complain(settings->client_ca_file, "client_ca_file",
                                        "holds no certificate in PEM form")
                             : NULL;
    }
    buf_free(&pem);
    return problem;
}

static char *set_priority(gnutls_priority_t *out, char *text)
{
    const char *at = NULL;
    if (text == NULL) {
        return NULL;
    }
    int result = gnutls_priority_init(out, text, &at);
    free(text);
    return result < 0 ? complain(NULL, "tls_server_config",
                                 "GnuTLS does not have these versions, suites and curves")
                      : NULL;
}

struct tls_context *tls_context_new(const struct tls_settings *settings, char **out_problem)
{
    struct tls_context *context = mem_new(1, sizeof(*context));
    context->holders = 1;
    context->client_auth = settings->client_auth;
    context->allowed_name_count = settings->allowed_name_count;
    context->allowed_name = mem_new(settings->allowed_name_count + 1, sizeof(char *));
    for (size_t i = 0; i < settings->allowed_name_count; i++) {
        const char *name = settings->allowed_name[i];
        context->allowed_name[i] = mem_copy(name, strlen(name));
    }
    CHECK(gnutls_certificate_allocate_credentials(&context->credentials) == 0);
    char *problem = load_pair(context, settings);
    if (problem == NULL) {
        problem = load_trust(context, settings);
    }
    if (problem == NULL) {
        problem = set_priority(&context->priority, tls_priority(settings));
    }
    if (problem == NULL) {
        problem = set_priority(&context->priority_before_13, tls_priority_before_13(settings));
    }
    *out_problem = problem;
    if (problem != NULL) {
        tls_context_release(context);
        return NULL;
    }
    return context;
}

int64_t tls_context_expiry_s(const struct tls_context *context)
{
    return context->expiry_s;
}

void tls_context_hold(struct tls_context *context)
{
    context->holders++;
}

void tls_context_release(struct tls_context *context)
{
    if (--context->holders > 0) {
        return;
    }
    gnutls_certificate_free_credentials(context->credentials);
    gnutls_priority_deinit(context->priority);
    gnutls_priority_deinit(context->priority_before_13);
    for (size_t i = 0; i < context->allowed_name_count; i++) {
        free(context->allowed_name[i]);
    }
    free(context->allowed_name);
    free(context);
}

// --- the client's certificate ---

static bool is_allowed(const struct tls_context *context, const char *name)
{
    for (size_t i = 0; i < context->allowed_name_count; i++) {
        if (strcmp(context->allowed_name[i], name) == 0) {
            return true;
        }
    }
    return false;
}

// A DNS name, mail address, URI or IP address.
static bool is_allowed_san(const struct tls_context *context, int type, const char *value,
                           size_t length)
{
    char text[INET6_ADDRSTRLEN];
    if (type == GNUTLS_SAN_IPADDRESS) {
        int family = length == sizeof(struct in_addr) ? AF_INET : AF_INET6;
        bool whole = length == sizeof(struct in_addr) || length == sizeof(struct in6_addr);
        return whole && inet_ntop(family, value, text, sizeof(text)) != NULL &&
               is_allowed(context, text);
    }
    bool is_text =
        type == GNUTLS_SAN_DNSNAME || type == GNUTLS_SAN_RFC822NAME || type == GNUTLS_SAN_URI;
    return is_text && memchr(value, '\0', length) == NULL && is_allowed(context, value);
}

static bool has_allowed_san(const struct tls_context *context, gnutls_x509_crt_t cert)
{
    enum { NAME_MAX_BYTES = 1024 };
    char value[NAME_MAX_BYTES + 1];
    int type = 0;
    for (unsigned i = 0; type != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE; i++) {
        size_t length = NAME_MAX_BYTES;
        type = gnutls_x509_crt_get_subject_alt_name(cert, i, value, &length, NULL);
        if (type < 0) {
            continue; // also one that is too long
        }
        value[length] = '\0';
        if (is_allowed_san(context, type, value, length)) {
            return true;
        }
    }
    return false;
}

static bool leaf_is_allowed(const struct tls_context *context, const gnutls_datum_t *leaf)
{
    gnutls_x509_crt_t cert;
    if (context->allowed_name_count == 0) {
        return true;
    }
    if (gnutls_x509_crt_init(&cert) != 0) {
        return false;
    }
    bool allowed = gnutls_x509_crt_import(cert, leaf, GNUTLS_X509_FMT_DER) == 0 &&
                   has_allowed_san(context, cert);
    gnutls_x509_crt_deinit(cert);
    return allowed;
}

// Issued for clients by a CA that is trusted, and valid now.
static bool chain_is_trusted(gnutls_session_t session)
{
    static char purpose[] = GNUTLS_KP_TLS_WWW_CLIENT;
    gnutls_typed_vdata_st data = {GNUTLS_DT_KEY_PURPOSE_OID, (unsigned char *)purpose, 0};
    unsigned status = 0;
    return gnutls_certificate_verify_peers(session, &data, 1, &status) == 0 && status == 0;
}

static bool needs_certificate(const struct tls_context *context)
{
    return context->client_auth == CLIENT_AUTH_ANY || context->client_auth == CLIENT_AUTH_REQUIRE;
}

// libmicrohttpd hangs up without a word, which tells whoever scrapes nothing.
static int refuse(gnutls_session_t session, int error)
{
    bool knows = gnutls_protocol_get_version(session) >= GNUTLS_TLS1_3;
    gnutls_alert_description_t missing =
        knows ? GNUTLS_A_CERTIFICATE_REQUIRED : GNUTLS_A_HANDSHAKE_FAILURE;
    gnutls_alert_send(session, GNUTLS_AL_FATAL,
                      error == GNUTLS_E_CERTIFICATE_REQUIRED ? missing : GNUTLS_A_BAD_CERTIFICATE);
    return error;
}

// GnuTLS itself ends a handshake without the certificate that is needed. An empty list of them is
// nothing but zeros: RFC 5246 section 7.4.2, RFC 8446 section 4.4.2.
static int on_certificate(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
                          const gnutls_datum_t *message)
{
    const struct tls_context *context = gnutls_session_get_ptr(session);
    bool empty = incoming != 0;
    (void)type;
    (void)when;
    for (unsigned i = 0; i < message->size; i++) {
        empty = empty && message->data[i] == 0;
    }
    return empty && needs_certificate(context) ? refuse(session, GNUTLS_E_CERTIFICATE_REQUIRED) : 0;
}

// Within the handshake: other than 0 ends it.
static int verify_client(gnutls_session_t session)
{
    const struct tls_context *context = gnutls_session_get_ptr(session);
    enum client_auth auth = context->client_auth;
    unsigned count = 0;
    const gnutls_datum_t *cert = gnutls_certificate_get_peers(session, &count);
    if (cert == NULL || count == 0) {
        return needs_certificate(context) ? GNUTLS_E_CERTIFICATE_REQUIRED : 0;
    }
    bool verifies = auth == CLIENT_AUTH_IF_GIVEN || auth == CLIENT_AUTH_REQUIRE;
    bool good = (!verifies || chain_is_trusted(session)) && leaf_is_allowed(context, &cert[0]);
    return good ? 0 : refuse(session, GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR);
}

// --- a session ---

static int choose_suites(gnutls_session_t session)
{
    const struct tls_context *context = gnutls_session_get_ptr(session);
    if (gnutls_protocol_get_version(session) >= GNUTLS_TLS1_3 ||
        context->priority_before_13 == NULL) {
        return 0;
    }
    return gnutls_priority_set(session, context->priority_before_13);
}

void tls_context_apply(struct tls_context *context, gnutls_session_t session)
{
    static const gnutls_certificate_request_t requests[CLIENT_AUTH_COUNT] = {
        [CLIENT_AUTH_NONE] = GNUTLS_CERT_IGNORE,     [CLIENT_AUTH_REQUEST] = GNUTLS_CERT_REQUEST,
        [CLIENT_AUTH_ANY] = GNUTLS_CERT_REQUIRE,     [CLIENT_AUTH_IF_GIVEN] = GNUTLS_CERT_REQUEST,
        [CLIENT_AUTH_REQUIRE] = GNUTLS_CERT_REQUIRE,
    };
    gnutls_credentials_clear(session);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, context->credentials);
    gnutls_priority_set(session, context->priority);
    gnutls_certificate_server_set_request(session, requests[context->client_auth]);
    gnutls_session_set_ptr(session, context);
    gnutls_session_set_verify_function(session, verify_client);
    gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_CERTIFICATE_PKT, GNUTLS_HOOK_POST,
                                       on_certificate);
    gnutls_handshake_set_post_client_hello_function(session, choose_suites);
}
