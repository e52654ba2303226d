// What a TLS connection of the HTTP server goes by: certificate, key, CAs and priorities, in
// GnuTLS's form. Each connection holds the context that it began with, so that a new one can take
// over at any time.
#pragma once

#include <gnutls/gnutls.h>

#include "web/tls_settings.h"

struct tls_context;

// Reads the files. NULL with a problem (one line; free() it) when something is missing, broken, or
// does not fit together. `settings` is copied as far as needed. The caller holds the context.
struct tls_context *tls_context_new(const struct tls_settings *settings, char **out_problem);

// When its certificate, or the first one of the chain, expires.
int64_t tls_context_expiry_s(const struct tls_context *context);

void tls_context_hold(struct tls_context *context);
void tls_context_release(struct tls_context *context); // frees it after the last one

// Sets up a session before its handshake; takes over what the session was given before, its pointer
// included. The context has to be held until the session's end.
void tls_context_apply(struct tls_context *context, gnutls_session_t session);
