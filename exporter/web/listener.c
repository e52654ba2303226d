// The daemon is in MHD's external-epoll mode: its epoll descriptor is one event of the loop, its
// timeout one timer. The rule that keeps it from stalling: whenever a request was resumed, MHD_run
// follows before the loop sleeps.
#include "web/listener.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gnutls/abstract.h>

#include "base/mem.h"

struct listener {
    const struct listener_options *options;
    struct MHD_Daemon *daemon;
    size_t connections;
    bool has_left;           // one of them, in MHD's present run
    struct event *readable;  // MHD's epoll descriptor
    struct event *timer;     // MHD's timeout
    struct socket_file file; // of a Unix socket
};

struct visit {
    bool excess;             // beyond the limit
    struct tls_context *tls; // what its session goes by; NULL without TLS
    const struct listener_options *options;
    int fd;
    struct event *patience; // until the headers of its next request are whole
};

// --- connections ---

struct visit *visit_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    CHECK(info != NULL && info->socket_context != NULL);
    return info->socket_context;
}

// MHD's own limit begins anew with each byte.
static void expect_request(struct visit *visit, time_t seconds)
{
    const struct timeval limit = {seconds, 0};
    event_add(visit->patience, &limit);
}

static void on_no_request(evutil_socket_t fd, short what, void *context)
{
    const struct visit *visit = context;
    (void)fd;
    (void)what;
    (void)shutdown(visit->fd, SHUT_RDWR); // MHD sees it
    event_active(visit->options->pump, EV_TIMEOUT, 0);
}

bool visit_begin_request(struct visit *visit)
{
    event_del(visit->patience);
    return visit->excess;
}

void visit_end_request(struct visit *visit)
{
    expect_request(visit, CONNECTION_TIMEOUT_S);
}

bool listener_speaks_tls(const struct listener_options *options)
{
    return options->gate != NULL && gate_has_tls(options->gate);
}

// MHD has made the session, with the daemon's own credentials; its handshake comes after this.
static void begin_tls(struct gate *gate, struct MHD_Connection *connection, struct visit *visit)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    CHECK(info != NULL && info->tls_session != NULL);
    visit->tls = gate_tls(gate);
    tls_context_hold(visit->tls);
    tls_context_apply(visit->tls, info->tls_session);
}

static struct visit *begin_visit(const struct listener_options *options,
                                 struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct visit *visit = mem_new(1, sizeof(*visit));
    CHECK(info != NULL);
    visit->options = options;
    visit->fd = info->connect_fd;
    visit->patience = evtimer_new(options->base, on_no_request, visit);
    CHECK(visit->patience != NULL);
    expect_request(visit, FIRST_REQUEST_S);
    return visit;
}

// Beyond the limit a few more are taken, so that they can be told.
static void on_connection(void *context, struct MHD_Connection *connection, void **record,
                          enum MHD_ConnectionNotificationCode what)
{
    struct listener *listener = context;
    struct visit *visit = *record;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        listener->connections--;
        listener->has_left = true;
        if (visit->tls != NULL) {
            tls_context_release(visit->tls);
        }
        event_free(visit->patience);
        free(visit);
        return;
    }
    visit = begin_visit(listener->options, connection);
    visit->excess = ++listener->connections > listener->options->limits->options.connections_max;
    if (listener_speaks_tls(listener->options)) {
        begin_tls(listener->options->gate, connection, visit);
    }
    *record = visit;
}

// --- the loop ---

// Runs MHD until it has nothing to do at once, and sets its timer. Where it accepted no more, since
// descriptors had run out, and the last connection leaves, only one more run makes it listen again.
void listener_run(struct listener *listener)
{
    enum { ROUNDS_MAX = 16 }; // then others get their turn
    MHD_UNSIGNED_LONG_LONG timeout_ms = 0;
    bool wants_timer = false;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        listener->has_left = false;
        MHD_run(listener->daemon);
        wants_timer = MHD_get_timeout(listener->daemon, &timeout_ms) == MHD_YES;
        if (!listener->has_left && (!wants_timer || timeout_ms > 0)) {
            break;
        }
    }
    if (listener->has_left) {
        wants_timer = true;
        timeout_ms = 0;
    }
    event_del(listener->timer);
    if (wants_timer) {
        struct timeval limit = {(time_t)(timeout_ms / 1000),
                                (suseconds_t)(timeout_ms % 1000) * 1000};
        event_add(listener->timer, &limit);
    }
}

static void on_listener(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    listener_run(context);
}

// --- from start to end ---

// A path with an escaped NUL would end there: it stays as it is, and is found nowhere.
static size_t unescape(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context;
    (void)connection;
    return strstr(text, "%00") != NULL ? strlen(text) : MHD_http_unescape(text);
}

// MHD does not start without one; begin_tls gives each session its own.
// The signature is GnuTLS's. NOLINTNEXTLINE(readability-function-size)
static int no_certificate(gnutls_session_t session, const gnutls_datum_t *names, int name_count,
                          const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
                          gnutls_pcert_st **certs, unsigned *cert_count, gnutls_privkey_t *key)
{
    (void)session, (void)names, (void)name_count, (void)algorithms;
    (void)algorithm_count, (void)certs, (void)cert_count, (void)key;
    return -1;
}

struct listener *listener_new(const struct listener_options *options, int fd,
                              const struct socket_file *file)
{
    struct listener *listener = mem_new(1, sizeof(*listener));
    unsigned connections_max = options->limits->options.connections_max + CONNECTIONS_SPARE;
    listener->options = options;
    unsigned tls = listener_speaks_tls(options) ? MHD_USE_TLS : 0;
    listener->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | tls, 0, NULL, NULL, options->on_request,
        options->owner, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, connections_max,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, listener, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)CONNECTION_TIMEOUT_S, MHD_OPTION_NOTIFY_COMPLETED, options->on_completed,
        options->owner, MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL,
        tls != 0 ? MHD_OPTION_HTTPS_CERT_CALLBACK : MHD_OPTION_END, no_certificate, MHD_OPTION_END);
    if (listener->daemon == NULL) {
        free(listener);
        return NULL;
    }
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    CHECK(info != NULL);
    listener->readable =
        event_new(options->base, info->epoll_fd, EV_READ | EV_PERSIST, on_listener, listener);
    listener->timer = evtimer_new(options->base, on_listener, listener);
    CHECK(listener->readable != NULL && listener->timer != NULL);
    event_add(listener->readable, NULL);
    if (file != NULL) {
        listener->file = *file;
    }
    return listener;
}

void listener_stop(struct listener *listener)
{
    int fd = MHD_quiesce_daemon(listener->daemon);
    listen_remove(&listener->file);
    if (fd >= 0) {
        close(fd);
    }
}

void listener_free(struct listener *listener)
{
    MHD_run(listener->daemon); // what was resumed is sent
    event_free(listener->readable);
    event_free(listener->timer);
    MHD_stop_daemon(listener->daemon);
    listen_remove(&listener->file);
    free(listener);
}
