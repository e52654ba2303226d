// TLS to the servers: what the operator says about it, and the context that the connections of a
// cluster share.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum tls_version { TLS_1_2, TLS_1_3 };

// All may be left zero: TLS 1.2 or later, and the certificate authorities that the system trusts.
struct tls_options {
    char *ca_file;     // PEM, instead of the system's; NULL: those
    char *cert_file;   // of the client, PEM, with intermediate ones; NULL: none
    char *key_file;    // of that certificate; both or neither
    char *server_name; // that certificates must be for, whatever the address; NULL: see opening.h
    enum tls_version min_version;
    bool skip_verify; // take any certificate
};

bool tls_version_parse(const char *text, enum tls_version *out); // "1.2", "TLS1.2", "TLS12"

struct tls;

// Reads the files. Borrows `options`, which outlive it. NULL, or one line that says what is wrong
// and names the file: free() it; *out is set only without a problem. A session is resumed only with
// the reading of the files that it was made with.
char *tls_new(const struct tls_options *options, struct tls **out);
const char *tls_server_name(const struct tls *tls); // of the options
// When the certificate that is shown to servers, or the first one of its chain, expires; 0: none.
int64_t tls_expiry_s(const struct tls *tls);
void tls_free(struct tls *tls); // connections may outlive it; NULL is fine
