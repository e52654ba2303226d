// What TLS comes to with one server: whether its certificate will do, and what has failed. A part
// of tls_link.c, which alone uses it.
#pragma once

#include <openssl/x509_vfy.h>

#include "redis/tls_link.h"

enum { TLS_DETAIL_SIZE = 160 };

struct tls_verdict {
    enum outcome outcome;
    char detail[TLS_DETAIL_SIZE]; // printable
    char *name[TLS_NAMES_MAX];    // those that are there
    size_t name_count;
    bool shows_certificate;  // we have one
    bool certificate_wanted; // by the server, while we have none and it has not said anything yet
};

void tls_verdict_init(struct tls_verdict *verdict, const struct tls_options *options,
                      const struct tls_names *names);
void tls_verdict_clear(struct tls_verdict *verdict);

// The first name that is no address, or NULL.
char *tls_verdict_sni(const struct tls_verdict *verdict);

// What goes with OUTCOME_TLS_PLAIN.
extern const char tls_plain_text[];

// Unless there is an outcome already.
void tls_verdict_set(struct tls_verdict *verdict, enum outcome outcome, const char *detail);

// For OpenSSL's verify callback, whose arguments and result these are.
int tls_verdict_of_certificate(struct tls_verdict *verdict, bool trusted, X509_STORE_CTX *store);

// `code` is OpenSSL's oldest error, `error` an errno; 0: the connection was closed. The outcome
// stays OUTCOME_OK when that has nothing to do with TLS.
void tls_verdict_of_failure(struct tls_verdict *verdict, unsigned long code, int error);
