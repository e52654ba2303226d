// What tls.c and tls_link.c share: the context, and its callbacks.
#pragma once

#include <openssl/ssl.h>

#include "redis/tls.h"

struct tls {
    const struct tls_options *options;
    SSL_CTX *context;
    unsigned generation; // which no other reading of files has
};

int tls_on_new_session(SSL *ssl, SSL_SESSION *session);
int tls_on_verify(int trusted, X509_STORE_CTX *store);
int tls_on_certificate_wanted(SSL *ssl, X509 **certificate, EVP_PKEY **key);
