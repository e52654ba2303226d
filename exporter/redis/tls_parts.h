// What tls.c and tls_link.c share.
#pragma once

#include <openssl/ssl.h>

#include "redis/tls.h"

struct tls {
    const struct tls_options *options;
    SSL_CTX *context;
    unsigned generation; // of the files that were read
};
