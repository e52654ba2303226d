#include "redis/tls_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/err.h>

#include "base/mem.h"
#include "redis/tls_parts.h"
#include "redis/tls_verdict.h"

struct tls_session {
    SSL_SESSION *session; // NULL: none
    unsigned generation;  // of the files it was made with
};

struct tls_link {
    SSL *ssl;
    int fd;
    struct tls_session *session;
    unsigned generation;
    bool begun; // bytes of TLS have come
    bool wants_write;
    struct tls_verdict verdict;
};

static void clear_session(struct tls_session *session)
{
    SSL_SESSION_free(session->session);
    session->session = NULL;
}

void tls_session_free(struct tls_session *session)
{
    if (session != NULL) {
        clear_session(session);
        free(session);
    }
}

int tls_on_new_session(SSL *ssl, SSL_SESSION *session)
{
    enum { TAKEN = 1 };
    struct tls_link *link = SSL_get_app_data(ssl);
    clear_session(link->session);
    link->session->session = session;
    link->session->generation = link->generation;
    return TAKEN;
}

int tls_on_verify(int trusted, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_link *link = SSL_get_app_data(ssl);
    return tls_verdict_of_certificate(&link->verdict, trusted != 0, store);
}

// Called when the server asks for a certificate and none is configured: the handshake goes on
// without, since it may do without.
int tls_on_certificate_wanted(SSL *ssl, X509 **certificate, EVP_PKEY **key)
{
    enum { NONE = 0 };
    struct tls_link *link = SSL_get_app_data(ssl);
    (void)certificate;
    (void)key;
    link->verdict.certificate_wanted = true;
    return NONE;
}

// A session of before, unless the files have changed since: they may trust another authority.
static void offer_session(struct tls_link *link, struct tls_session **session)
{
    if (*session == NULL) {
        *session = mem_new(1, sizeof(**session));
    }
    link->session = *session;
    if (link->session->session != NULL && link->session->generation == link->generation) {
        SSL_set_session(link->ssl, link->session->session);
    }
}

struct tls_link *tls_link_new(const struct tls *tls, int fd, const struct tls_names *names,
                              struct tls_session **session)
{
    struct tls_link *link = mem_new(1, sizeof(*link));
    link->ssl = SSL_new(tls->context);
    CHECK(link->ssl != NULL && SSL_set_fd(link->ssl, fd) == 1);
    link->fd = fd;
    link->generation = tls->generation;
    SSL_set_app_data(link->ssl, link);
    tls_verdict_init(&link->verdict, tls->options, names);
    if (tls_verdict_sni(&link->verdict) != NULL) {
        SSL_ctrl(link->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                 tls_verdict_sni(&link->verdict));
    }
    offer_session(link, session);
    SSL_set_connect_state(link->ssl);
    return link;
}

void tls_link_free(struct tls_link *link)
{
    if (link == NULL) {
        return;
    }
    if (link->verdict.outcome == OUTCOME_OK && SSL_is_init_finished(link->ssl)) {
        ERR_clear_error();
        SSL_shutdown(link->ssl); // as much as the socket takes now; else the session would be void
    } else {
        clear_session(link->session); // what failed is not to be taken up again
    }
    SSL_free(link->ssl);
    ERR_clear_error();
    tls_verdict_clear(&link->verdict);
    free(link);
}

// The result of a step, in terms of a socket's.
static int settle(struct tls_link *link, int result)
{
    int reason = SSL_get_error(link->ssl, result);
    int error = errno;
    link->wants_write = reason == SSL_ERROR_WANT_WRITE;
    switch (reason) {
    case SSL_ERROR_NONE:
        return result;
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        error = 0;
        break;
    case SSL_ERROR_SYSCALL:
        break;
    default:
        error = EPROTO;
        break;
    }
    tls_verdict_of_failure(&link->verdict, ERR_peek_error(), error);
    ERR_clear_error();
    if (link->verdict.outcome == OUTCOME_OK && error == 0) {
        return 0;
    }
    errno = link->verdict.outcome == OUTCOME_OK ? error : EPROTO;
    return -1;
}

// A server that speaks without TLS is told by its first byte: any record has another.
static bool is_plain(struct tls_link *link)
{
    enum { FIRST_TYPE = 20, LAST_TYPE = 24 }; // of records, RFC 8446 section 5.1
    unsigned char first;
    if (link->begun || recv(link->fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) != 1) {
        return false;
    }
    link->begun = true;
    return first < FIRST_TYPE || first > LAST_TYPE;
}

int tls_link_handshake(struct tls_link *link)
{
    if (is_plain(link)) {
        tls_verdict_set(&link->verdict, OUTCOME_TLS_PLAIN, tls_plain_text);
        errno = EPROTO;
        return -1;
    }
    ERR_clear_error();
    errno = 0;
    int result = settle(link, SSL_do_handshake(link->ssl));
    if (result == 0) {
        tls_verdict_set(&link->verdict, OUTCOME_CLOSED,
                        "closed by the server during the TLS handshake");
        errno = EPROTO;
        return -1;
    }
    return result == 1 ? 0 : -1;
}

ssize_t tls_link_read(struct tls_link *link, void *out, size_t size)
{
    if (link->verdict.outcome != OUTCOME_OK) {
        errno = EPROTO;
        return -1;
    }
    ERR_clear_error();
    errno = 0;
    int got = settle(link, SSL_read(link->ssl, out, (int)size));
    link->verdict.certificate_wanted = link->verdict.certificate_wanted && got <= 0;
    return got;
}

ssize_t tls_link_write(struct tls_link *link, const void *bytes, size_t length)
{
    ERR_clear_error();
    errno = 0;
    int written = settle(link, SSL_write(link->ssl, bytes, (int)length));
    if (written == 0) {
        errno = EPIPE;
        return -1;
    }
    return written;
}

bool tls_link_has_begun(const struct tls_link *link)
{
    return link->begun;
}

bool tls_link_wants_write(const struct tls_link *link)
{
    return link->wants_write;
}

bool tls_link_has_more(const struct tls_link *link)
{
    return SSL_has_pending(link->ssl) == 1;
}

enum outcome tls_link_outcome(const struct tls_link *link)
{
    return link->verdict.outcome;
}

const char *tls_link_detail(const struct tls_link *link)
{
    return link->verdict.detail;
}
