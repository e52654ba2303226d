#include "redis/tls_verdict.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/mem.h"

static bool is_address(const char *name)
{
    unsigned char binary[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, name, binary) == 1 || inet_pton(AF_INET6, name, binary) == 1;
}

// A name may end with a dot, which no certificate has.
static void add_name(struct tls_verdict *verdict, const char *name)
{
    if (name != NULL && name[0] != '\0') {
        size_t length = strlen(name);
        length -= name[length - 1] == '.' ? 1 : 0;
        verdict->name[verdict->name_count++] = mem_copy(name, length);
    }
}

void tls_verdict_init(struct tls_verdict *verdict, const struct tls_options *options,
                      const struct tls_names *names)
{
    *verdict = (struct tls_verdict){.shows_certificate = options->cert_file != NULL};
    for (size_t i = 0; i < TLS_NAMES_MAX; i++) {
        add_name(verdict, names->name[i]);
    }
}

void tls_verdict_clear(struct tls_verdict *verdict)
{
    for (size_t i = 0; i < verdict->name_count; i++) {
        free(verdict->name[i]);
    }
    verdict->name_count = 0;
}

char *tls_verdict_sni(const struct tls_verdict *verdict)
{
    for (size_t i = 0; i < verdict->name_count; i++) {
        if (!is_address(verdict->name[i])) {
            return verdict->name[i];
        }
    }
    return NULL;
}

static void set(struct tls_verdict *verdict, enum outcome outcome, struct span detail)
{
    size_t length = detail.length < TLS_DETAIL_SIZE - 1 ? detail.length : TLS_DETAIL_SIZE - 1;
    if (verdict->outcome != OUTCOME_OK) {
        return;
    }
    verdict->outcome = outcome;
    for (size_t i = 0; i < length; i++) {
        char c = detail.at[i];
        verdict->detail[i] = (char)(c >= ' ' && c <= '~' ? c : '?');
    }
    verdict->detail[length] = '\0';
}

const char tls_plain_text[] = "the server does not speak TLS here";

void tls_verdict_set(struct tls_verdict *verdict, enum outcome outcome, const char *detail)
{
    set(verdict, outcome, span_of(detail));
}

// --- the certificate ---

static void describe_names(struct buf *out, const X509 *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    size_t before = out->length;
    for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++) {
        char text[INET6_ADDRSTRLEN];
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        const char *separator = out->length > before ? ", " : "";
        if (name->type == GEN_DNS) {
            buf_format(out, "%s%.*s", separator, ASN1_STRING_length(name->d.dNSName),
                       (const char *)ASN1_STRING_get0_data(name->d.dNSName));
        } else if (name->type == GEN_IPADD) {
            int family = ASN1_STRING_length(name->d.iPAddress) == 4 ? AF_INET : AF_INET6;
            const void *binary = ASN1_STRING_get0_data(name->d.iPAddress);
            bool fits = family == AF_INET || ASN1_STRING_length(name->d.iPAddress) == 16;
            buf_format(out, "%s%s", separator,
                       fits ? inet_ntop(family, binary, text, sizeof(text)) : "?");
        }
    }
    buf_text(out, out->length > before ? "" : "no name (it has no subjectAltName)");
    GENERAL_NAMES_free(names);
}

static void reject_name(struct tls_verdict *verdict, const X509 *certificate)
{
    struct buf text = BUF_EMPTY;
    buf_text(&text, "not made for ");
    for (size_t i = 0; i < verdict->name_count; i++) {
        buf_format(&text, "%s%s", i > 0 ? " or " : "", verdict->name[i]);
    }
    buf_text(&text, ": the certificate is for ");
    describe_names(&text, certificate);
    set(verdict, OUTCOME_TLS_NAME, buf_view(&text));
    buf_free(&text);
}

// The common name does not count: it has not been where names stand for a long time (RFC 9525).
static bool is_for(X509 *certificate, const char *name)
{
    return is_address(name) ? X509_check_ip_asc(certificate, name, 0) == 1
                            : X509_check_host(certificate, name, 0,
                                              X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;
}

static bool has_a_name(const struct tls_verdict *verdict, X509 *certificate)
{
    for (size_t i = 0; i < verdict->name_count; i++) {
        if (is_for(certificate, verdict->name[i])) {
            return true;
        }
    }
    return false;
}

static void add_time(struct buf *out, const ASN1_TIME *time)
{
    struct tm broken_down;
    char text[32];
    if (ASN1_TIME_to_tm(time, &broken_down) == 1 &&
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &broken_down) > 0) {
        buf_text(out, text);
    }
}

static void distrust(struct tls_verdict *verdict, X509_STORE_CTX *store)
{
    const X509 *certificate = X509_STORE_CTX_get_current_cert(store);
    int error = X509_STORE_CTX_get_error(store);
    bool over = error == X509_V_ERR_CERT_HAS_EXPIRED;
    bool early = error == X509_V_ERR_CERT_NOT_YET_VALID;
    struct buf text = BUF_EMPTY;
    buf_text(&text, X509_STORE_CTX_get_error_depth(store) > 0 ? "an authority's certificate "
                                                              : "the certificate ");
    if (over || early) {
        buf_text(&text, over ? "has expired: it was valid until " : "is valid only from ");
        add_time(&text, over ? X509_get0_notAfter(certificate) : X509_get0_notBefore(certificate));
    } else {
        buf_format(&text, "is not trusted: %s", X509_verify_cert_error_string(error));
    }
    set(verdict, over || early ? OUTCOME_TLS_EXPIRED : OUTCOME_TLS_UNTRUSTED, buf_view(&text));
    buf_free(&text);
}

// The server's own certificate comes last, when its authorities were found to be trusted.
int tls_verdict_of_certificate(struct tls_verdict *verdict, bool trusted, X509_STORE_CTX *store)
{
    X509 *certificate = X509_STORE_CTX_get_current_cert(store);
    if (!trusted) {
        distrust(verdict, store);
    } else if (X509_STORE_CTX_get_error_depth(store) == 0 && !has_a_name(verdict, certificate)) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
        reject_name(verdict, certificate);
    }
    return verdict->outcome == OUTCOME_OK;
}

// --- failures ---

static bool is_about_version(int reason)
{
    return reason == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION || reason == SSL_R_UNSUPPORTED_PROTOCOL ||
           reason == SSL_R_WRONG_SSL_VERSION || reason == SSL_R_VERSION_TOO_LOW ||
           reason == SSL_R_NO_PROTOCOLS_AVAILABLE;
}

// Alerts of a server that does not like our certificate, or misses one.
static bool is_about_our_certificate(const struct tls_verdict *verdict, int reason)
{
    static const int alerts[] = {
        SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, SSL_R_SSLV3_ALERT_NO_CERTIFICATE,
        SSL_R_SSLV3_ALERT_BAD_CERTIFICATE,       SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
        SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED,   SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,
        SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN,   SSL_R_TLSV1_ALERT_UNKNOWN_CA,
        SSL_R_TLSV1_ALERT_ACCESS_DENIED,         SSL_R_TLSV1_ALERT_DECRYPT_ERROR};
    for (size_t i = 0; i < sizeof(alerts) / sizeof(alerts[0]); i++) {
        if (reason == alerts[i]) {
            return true;
        }
    }
    return verdict->certificate_wanted && reason == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE;
}

// A server of TLS 1.3 misses our certificate only when the handshake is over for us; what it says
// of that can be lost as it hangs up.
void tls_verdict_of_failure(struct tls_verdict *verdict, unsigned long code, int error)
{
    static const char wanted[] = "the server wants a client certificate, and none is configured";
    int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
    const char *text = ERR_reason_error_string(code);
    text = text != NULL ? text : "TLS has failed";
    struct buf detail = BUF_EMPTY;
    if (is_about_our_certificate(verdict, reason) && verdict->shows_certificate) {
        buf_format(&detail, "the server refuses the client certificate: %s", text);
        set(verdict, OUTCOME_TLS_CLIENT, buf_view(&detail));
    } else if (is_about_our_certificate(verdict, reason) ||
               (error != EPROTO && verdict->certificate_wanted)) {
        tls_verdict_set(verdict, OUTCOME_TLS_CLIENT, wanted);
    } else if (reason == SSL_R_WRONG_VERSION_NUMBER) {
        tls_verdict_set(verdict, OUTCOME_TLS_PLAIN, tls_plain_text); // no record begins like this
    } else if (is_about_version(reason)) {
        buf_format(&detail, "no common version of TLS: %s", text);
        set(verdict, OUTCOME_TLS_VERSION, buf_view(&detail));
    } else if (error == EPROTO) {
        tls_verdict_set(verdict, OUTCOME_TLS, text);
    }
    buf_free(&detail);
}
