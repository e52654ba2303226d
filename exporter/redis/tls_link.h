// TLS on one connected socket. The handshake is over only when the server has shown a certificate
// that is trusted and made for one of its names: what is written goes to nobody else.
#pragma once

#include <sys/types.h>

#include "redis/outcome.h"
#include "redis/tls.h"

enum { TLS_NAMES_MAX = 3 };

// Names or numeric addresses that the certificate may be for; NULL or "" where there is none. The
// first that is no address is told to the server (SNI). A fixed name of the options stands for all.
struct tls_names {
    const char *name[TLS_NAMES_MAX];
};

// What is kept of the last connection to a server, to make the next handshake a short one.
struct tls_session;

void tls_session_free(struct tls_session *session); // NULL is fine

struct tls_link;

// Borrows the socket and what `session` points to, which may be NULL and is replaced by newer ones;
// they outlive the link. Of `tls` and `names` nothing is needed afterwards.
struct tls_link *tls_link_new(const struct tls *tls, int fd, const struct tls_names *names,
                              struct tls_session **session);
void tls_link_free(struct tls_link *link); // says goodbye; NULL is fine

// As connect, recv and send on a non-blocking socket do: 0 or a number of bytes, or -1 and errno.
// EAGAIN: later. EPROTO: TLS has failed, for good; see tls_link_outcome.
int tls_link_handshake(struct tls_link *link);
ssize_t tls_link_read(struct tls_link *link, void *out, size_t size); // 0: closed
ssize_t tls_link_write(struct tls_link *link, const void *bytes, size_t length);

// Whether the server has said anything yet.
bool tls_link_has_begun(const struct tls_link *link);

// After EAGAIN: it waits for the socket to take bytes, not for some to come.
bool tls_link_wants_write(const struct tls_link *link);

// Bytes may have come from the socket that were not read: it will not tell of them again.
bool tls_link_has_more(const struct tls_link *link);

// Why it has failed, with a printable phrase for logs. OUTCOME_OK: it has not.
enum outcome tls_link_outcome(const struct tls_link *link);
const char *tls_link_detail(const struct tls_link *link);
