#include "redis/tls.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/err.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "redis/tls_parts.h"

// So many times were files read: connections go from one context to another.
static unsigned generations;

enum { READ_BYTES = 1 << 15 }; // two records, more than most nodes say at once

bool tls_version_parse(const char *text, enum tls_version *out)
{
    static const char *const names[][3] = {
        [TLS_1_2] = {"1.2", "TLS1.2", "TLS12"},
        [TLS_1_3] = {"1.3", "TLS1.3", "TLS13"},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        for (size_t j = 0; j < 3; j++) {
            if (strcmp(text, names[i][j]) == 0) {
                *out = (enum tls_version)i;
                return true;
            }
        }
    }
    return false;
}

static char *complain(const char *what, const char *path, const char *problem)
{
    struct buf text = BUF_EMPTY;
    buf_format(&text, "%s %s: %s", what, path, problem);
    return buf_take(&text);
}

// The oldest error says what went wrong, the others where that was noticed.
static const char *why(void)
{
    unsigned long code = ERR_peek_error();
    if (ERR_SYSTEM_ERROR(code)) {
        return strerror(ERR_GET_REASON(code));
    }
    const char *reason = ERR_reason_error_string(code);
    return reason != NULL ? reason : "cannot be used";
}

static char *complain_of_file(const char *what, const char *path)
{
    bool no_pem = ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_PEM &&
                  ERR_GET_REASON(ERR_peek_error()) == PEM_R_NO_START_LINE;
    return complain(what, path, no_pem ? "holds nothing of that kind in PEM form" : why());
}

// Nobody is there to type one in.
static int refuse_passphrase(char *out, int size, int writing, void *context)
{
    bool *asked = context;
    (void)out;
    (void)size;
    (void)writing;
    *asked = true;
    return -1;
}

static char *load_authorities(SSL_CTX *context, const char *path)
{
    if (path == NULL) {
        SSL_CTX_set_default_verify_paths(context); // none there: every server is reported
        return NULL;
    }
    return SSL_CTX_load_verify_file(context, path) == 1 ? NULL : complain_of_file("CA file", path);
}

static void warn_of_readable_key(const char *path)
{
    struct stat status;
    if (stat(path, &status) == 0 && file_is_exposed(&status)) {
        log_warn("the key file can be read by others", "file", path);
    }
}

static char *load_key(SSL_CTX *context, const char *path)
{
    bool asked = false;
    SSL_CTX_set_default_passwd_cb(context, refuse_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(context, &asked);
    bool loaded = SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM) == 1;
    SSL_CTX_set_default_passwd_cb_userdata(context, NULL);
    if (asked) {
        return complain("key file", path, "is encrypted; a key without a passphrase is needed");
    }
    if (!loaded) {
        bool differs = ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH;
        return differs ? complain("key file", path, "is not the key of the certificate")
                       : complain_of_file("key file", path);
    }
    warn_of_readable_key(path);
    return NULL;
}

static char *load_certificate(SSL_CTX *context, const struct tls_options *options)
{
    const char *cert = options->cert_file;
    const char *key = options->key_file;
    if (cert == NULL && key == NULL) {
        return NULL;
    }
    if (key == NULL) {
        return complain("certificate file", cert, "a key file is needed as well");
    }
    if (cert == NULL) {
        return complain("key file", key, "a certificate file is needed as well");
    }
    if (SSL_CTX_use_certificate_chain_file(context, cert) != 1) {
        return complain_of_file("certificate file", cert);
    }
    return load_key(context, key);
}

static char *load(const struct tls_options *options, SSL_CTX **out)
{
    static const int versions[] = {[TLS_1_2] = TLS1_2_VERSION, [TLS_1_3] = TLS1_3_VERSION};
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    CHECK(context != NULL);
    SSL_CTX_set_min_proto_version(context, versions[options->min_version]);
    if (options->skip_verify) {
        SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    } else {
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, tls_on_verify);
    }
    SSL_CTX_set_client_cert_cb(context, tls_on_certificate_wanted);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, tls_on_new_session);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, READ_BYTES);
    char *problem = load_authorities(context, options->ca_file);
    if (problem == NULL) {
        problem = load_certificate(context, options);
    }
    ERR_clear_error();
    if (problem != NULL) {
        SSL_CTX_free(context);
        return problem;
    }
    *out = context;
    return NULL;
}

char *tls_new(const struct tls_options *options, struct tls **out)
{
    SSL_CTX *context;
    char *problem = load(options, &context);
    if (problem == NULL) {
        *out = mem_new(1, sizeof(**out));
        **out = (struct tls){.options = options, .context = context, .generation = ++generations};
    }
    return problem;
}

static int64_t expiry_of(const X509 *certificate)
{
    struct tm time;
    bool known = ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) == 1;
    return known ? (int64_t)timegm(&time) : 0;
}

int64_t tls_expiry_s(const struct tls *tls)
{
    const X509 *own = SSL_CTX_get0_certificate(tls->context);
    STACK_OF(X509) *chain = NULL;
    int64_t first = own != NULL ? expiry_of(own) : 0;
    SSL_CTX_get0_chain_certs(tls->context, &chain);
    for (int i = 0; i < sk_X509_num(chain); i++) {
        int64_t expiry = expiry_of(sk_X509_value(chain, i));
        first = expiry < first ? expiry : first;
    }
    return first;
}

const char *tls_server_name(const struct tls *tls)
{
    return tls->options->server_name;
}

void tls_free(struct tls *tls)
{
    if (tls != NULL) {
        SSL_CTX_free(tls->context);
        free(tls);
    }
}
