// One MHD daemon per listening socket, each in external-epoll mode: its epoll descriptor is one
// event of the loop, its timeout one timer. The rule that keeps it from stalling: whenever a
// request was resumed, MHD_run follows before the loop sleeps (`pump` is made active).
//
// A request for metrics is suspended while a pass over the clusters runs; requests that come
// meanwhile wait for the same pass. Its page is rendered at most once per format and encoding.
//
// MHD calls the handler at least twice per request: the first time only a record is made.
#include "web/server.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "metrics/gzip.h"
#include "scrape/pass.h"
#include "scrape/render.h"
#include "web/negotiate.h"
#include "web/pages.h"

enum {
    CONNECTIONS_MAX = 512,     // per listening socket; an idle one costs about 2 KB
    CONNECTION_TIMEOUT_S = 60, // idle, or with unfinished headers; longer than scrape intervals
    WAITING_MAX = 256,         // requests that wait for a page
    LISTEN_BACKLOG = 128,
};

struct listener {
    struct server *server;
    struct MHD_Daemon *daemon;
    struct event *readable; // MHD's epoll descriptor
    struct event *timer;    // MHD's timeout
};

// A finished answer that several requests can share.
struct answer {
    struct MHD_Response *response;
    unsigned status;
    size_t users;
};

struct request {
    struct server *server;
    struct MHD_Connection *connection;
    struct negotiated format;
    bool gzip;
    struct answer *answer; // once the page is ready
    struct request *next;  // of those that wait
};

struct server {
    struct server_options options;
    struct listener **listener;
    size_t listener_count;
    size_t listener_capacity;
    struct event *pump;
    struct pass *pass; // under way
    struct request *waiting;
    size_t waiting_count;
    size_t active; // requests begun and not completed
    void (*drained)(void *owner);
    void *drained_owner;
};

static void on_pump(evutil_socket_t fd, short what, void *context);

// --- answers ---

static struct answer *new_answer(unsigned status, char *body, size_t length,
                                 const char *content_type)
{
    struct answer *answer = mem_new(1, sizeof(*answer));
    answer->response = MHD_create_response_from_buffer(length, body, MHD_RESPMEM_MUST_FREE);
    CHECK(answer->response != NULL);
    answer->status = status;
    MHD_add_response_header(answer->response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    return answer;
}

static void release(struct answer *answer)
{
    if (--answer->users == 0) {
        MHD_destroy_response(answer->response);
        free(answer);
    }
}

static enum MHD_Result send_answer(struct MHD_Connection *connection, struct answer *answer)
{
    enum MHD_Result result = MHD_queue_response(connection, answer->status, answer->response);
    release(answer);
    return result;
}

static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned status,
                                 const char *text)
{
    struct answer *answer =
        new_answer(status, mem_copy(text, strlen(text)), strlen(text), "text/plain; charset=utf-8");
    answer->users = 1;
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        MHD_add_response_header(answer->response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    }
    return send_answer(connection, answer);
}

// --- the metrics page ---

struct variant {
    struct answer *answer;
    char content_type[sizeof(((struct negotiated *)NULL)->content_type)];
    bool gzip;
};

static struct answer *render_variant(struct span page, const char *content_type, bool gzip)
{
    size_t length = 0;
    char *compressed = gzip ? gzip_compress(page, &length) : NULL;
    struct answer *answer =
        compressed != NULL
            ? new_answer(MHD_HTTP_OK, compressed, length, content_type)
            : new_answer(MHD_HTTP_OK, mem_copy(page.at, page.length), page.length, content_type);
    if (compressed != NULL) {
        MHD_add_response_header(answer->response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    }
    MHD_add_response_header(answer->response, MHD_HTTP_HEADER_VARY, "Accept, Accept-Encoding");
    return answer;
}

// The different answers that one pass is asked for: usually one.
struct edition {
    const struct snapshot *const *snapshot;
    size_t count;
    struct buf page[PAGE_FORMAT_COUNT];
    struct variant *variant;
    size_t variant_count;
    size_t variant_capacity;
};

static struct answer *edition_answer(struct edition *edition, const struct request *request)
{
    const struct negotiated *format = &request->format;
    for (size_t i = 0; i < edition->variant_count; i++) {
        const struct variant *known = &edition->variant[i];
        if (known->gzip == request->gzip &&
            strcmp(known->content_type, format->content_type) == 0) {
            return known->answer;
        }
    }
    struct buf *page = &edition->page[format->format];
    if (page->length == 0) {
        render_page(page, format->format, edition->snapshot, edition->count);
    }
    struct variant added = {.gzip = request->gzip};
    memcpy(added.content_type, format->content_type, sizeof(added.content_type));
    added.answer = render_variant(buf_view(page), format->content_type, request->gzip);
    edition->variant = mem_grow(edition->variant, edition->variant_count,
                                &edition->variant_capacity, sizeof(added));
    edition->variant[edition->variant_count++] = added;
    return added.answer;
}

static void on_pass_done(void *owner, const struct snapshot *const *snapshot, size_t count)
{
    struct server *server = owner;
    struct edition edition = {.snapshot = snapshot, .count = count};
    struct request *request = server->waiting;
    server->pass = NULL;
    server->waiting = NULL;
    server->waiting_count = 0;
    while (request != NULL) {
        struct request *next = request->next;
        request->answer = edition_answer(&edition, request);
        request->answer->users++;
        MHD_resume_connection(request->connection);
        request = next;
    }
    for (int format = 0; format < PAGE_FORMAT_COUNT; format++) {
        buf_free(&edition.page[format]);
    }
    free(edition.variant);
    event_active(server->pump, EV_TIMEOUT, 0);
}

// What Prometheus allows, less the offset; where that leaves little, half of what it allows.
static int64_t timeout_of(const struct server *server, struct MHD_Connection *connection)
{
    const char *header = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                                     "X-Prometheus-Scrape-Timeout-Seconds");
    int64_t offset_us = server->options.timeout_offset_us;
    double seconds;
    if (header == NULL || !span_f64(span_of(header), &seconds) || seconds <= 0 || seconds > 3600) {
        return server->options.scrape_timeout_us;
    }
    int64_t allowed_us = (int64_t)(seconds * SECOND_US);
    int64_t timeout_us = offset_us * 2 < allowed_us ? allowed_us - offset_us : allowed_us / 2;
    return timeout_us > 1000 ? timeout_us : 1000;
}

static enum MHD_Result answer_metrics(struct request *request)
{
    struct server *server = request->server;
    struct MHD_Connection *connection = request->connection;
    int64_t timeout_us = timeout_of(server, connection);
    if (server->waiting_count >= WAITING_MAX) {
        return send_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
                         "Too many requests are waiting for a scrape.\n");
    }
    request->format =
        negotiate_format(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept"));
    request->gzip =
        negotiate_gzip(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept-Encoding"));
    request->next = server->waiting;
    server->waiting = request;
    server->waiting_count++;
    MHD_suspend_connection(connection);
    if (server->pass != NULL) {
        pass_hasten(server->pass, timeout_us);
    } else {
        server->pass = pass_start(server->options.cluster, server->options.cluster_count,
                                  timeout_us, on_pass_done, server);
    }
    return MHD_YES;
}

// --- routes ---

static enum MHD_Result answer_ok(struct request *request)
{
    return send_text(request->connection, MHD_HTTP_OK, "ok\n");
}

static enum MHD_Result answer_index(struct request *request)
{
    size_t length;
    char *body = page_index(request->server->options.telemetry_path, &length);
    struct answer *answer = new_answer(MHD_HTTP_OK, body, length, "text/html; charset=utf-8");
    answer->users = 1;
    return send_answer(request->connection, answer);
}

struct route {
    const char *path; // NULL: the telemetry path
    enum MHD_Result (*answer)(struct request *request);
};

static const struct route routes[] = {
    {NULL, answer_metrics},  {"/", answer_index},    {"/-/healthy", answer_ok},
    {"/-/ready", answer_ok}, {"/health", answer_ok},
};

static bool is_read_method(const char *method)
{
    return strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
}

static enum MHD_Result route_request(struct request *request, const char *path, const char *method)
{
    struct server *server = request->server;
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        const char *known =
            routes[i].path != NULL ? routes[i].path : server->options.telemetry_path;
        if (strcmp(path, known) != 0) {
            continue;
        }
        if (!is_read_method(method)) {
            return send_text(request->connection, MHD_HTTP_METHOD_NOT_ALLOWED,
                             "This path answers GET and HEAD only.\n");
        }
        if (server->drained != NULL) {
            return send_text(request->connection, MHD_HTTP_SERVICE_UNAVAILABLE,
                             "The exporter is shutting down.\n");
        }
        return routes[i].answer(request);
    }
    return send_text(request->connection, MHD_HTTP_NOT_FOUND, "There is nothing at this path.\n");
}

// The signature is MHD's. NOLINTNEXTLINE(readability-function-size)
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *upload, size_t *upload_size, void **record)
{
    struct server *server = context;
    struct request *request = *record;
    (void)version;
    (void)upload;
    if (request == NULL) {
        request = mem_new(1, sizeof(*request));
        request->server = server;
        request->connection = connection;
        *record = request;
        server->active++;
        // Only GET and HEAD go on to the second call; the others get their refusal before their
        // body.
        return is_read_method(method) ? MHD_YES : route_request(request, path, method);
    }
    if (*upload_size > 0) {
        *upload_size = 0; // of a GET: nobody wants it
        return MHD_YES;
    }
    if (request->answer != NULL) {
        struct answer *answer = request->answer;
        request->answer = NULL;
        return send_answer(connection, answer);
    }
    return route_request(request, path, method);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **record,
                         enum MHD_RequestTerminationCode why)
{
    struct server *server = context;
    struct request *request = *record;
    (void)connection;
    (void)why;
    if (request == NULL) {
        return;
    }
    if (request->answer != NULL) {
        release(request->answer); // the client left before it could be queued
    }
    free(request);
    *record = NULL;
    server->active--;
    if (server->drained != NULL) {
        event_active(server->pump, EV_TIMEOUT, 0);
    }
}

// --- the loop ---

// Runs MHD until it has nothing to do at once, and sets its timer.
static void run_listener(struct listener *listener)
{
    enum { ROUNDS_MAX = 16 }; // then others get their turn
    MHD_UNSIGNED_LONG_LONG timeout_ms = 0;
    bool wants_timer = false;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        MHD_run(listener->daemon);
        wants_timer = MHD_get_timeout(listener->daemon, &timeout_ms) == MHD_YES;
        if (!wants_timer || timeout_ms > 0) {
            break;
        }
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
    run_listener(context);
}

static void on_pump(evutil_socket_t fd, short what, void *context)
{
    struct server *server = context;
    (void)fd;
    (void)what;
    for (size_t i = 0; i < server->listener_count; i++) {
        run_listener(server->listener[i]);
    }
    if (server->drained != NULL && server->active == 0) {
        server->drained(server->drained_owner);
    }
}

struct server *server_new(const struct server_options *options)
{
    struct server *server = mem_new(1, sizeof(*server));
    server->options = *options;
    server->pump = evtimer_new(options->base, on_pump, server);
    CHECK(server->pump != NULL);
    return server;
}

// --- listening ---

static int open_socket(const struct addrinfo *target)
{
    int on = 1;
    int off = 0;
    int fd = socket(target->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (target->ai_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)); // [::] serves IPv4 too
    }
    if (bind(fd, target->ai_addr, target->ai_addrlen) != 0 || listen(fd, LISTEN_BACKLOG) != 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

// `host` "" means all addresses: IPv6 with IPv4 where the machine has it, else IPv4.
static int listen_at(const char *host, const char *port, const char **out_problem)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    int families[] = {host[0] == '\0' ? AF_INET6 : AF_UNSPEC, AF_INET};
    int fd = -EADDRNOTAVAIL;
    for (size_t i = 0; i < 2 && (i == 0 || fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL); i++) {
        hints.ai_family = families[i];
        int result = getaddrinfo(host[0] == '\0' ? NULL : host, port, &hints, &found);
        if (result != 0) {
            *out_problem = gai_strerror(result);
            continue;
        }
        fd = open_socket(found);
        *out_problem = fd < 0 ? strerror(-fd) : NULL;
        freeaddrinfo(found);
    }
    return fd;
}

// A path with an escaped NUL would end there: it stays as it is, and is found nowhere.
static size_t unescape(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context;
    (void)connection;
    return strstr(text, "%00") != NULL ? strlen(text) : MHD_http_unescape(text);
}

static struct listener *start_listener(struct server *server, int fd)
{
    struct listener *listener = mem_new(1, sizeof(*listener));
    listener->server = server;
    listener->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, server,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_TIMEOUT_S, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, server, MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL, MHD_OPTION_END);
    if (listener->daemon == NULL) {
        free(listener);
        return NULL;
    }
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    CHECK(info != NULL);
    listener->readable = event_new(server->options.base, info->epoll_fd, EV_READ | EV_PERSIST,
                                   on_listener, listener);
    listener->timer = evtimer_new(server->options.base, on_listener, listener);
    CHECK(listener->readable != NULL && listener->timer != NULL);
    event_add(listener->readable, NULL);
    return listener;
}

char *server_listen(struct server *server, const char *address)
{
    struct span host;
    struct span port;
    struct buf problem = BUF_EMPTY;
    const char *reason = "is no host:port";
    char *host_text = NULL;
    char *port_text = NULL;
    int fd = -1;
    if (span_split_last(span_of(address), ':', &host, &port)) {
        if (host.length > 1 && host.at[0] == '[') {
            host = span_make(host.at + 1, host.length - 2);
        }
        host_text = mem_copy(host.at, host.length);
        port_text = mem_copy(port.at, port.length);
        fd = listen_at(host_text, port_text, &reason);
    }
    free(host_text);
    free(port_text);
    struct listener *listener = fd >= 0 ? start_listener(server, fd) : NULL;
    if (listener == NULL) {
        buf_format(&problem, "cannot listen at %s: %s", address,
                   fd >= 0 ? "the HTTP server does not start" : reason);
        return buf_take(&problem);
    }
    server->listener = mem_grow(server->listener, server->listener_count,
                                &server->listener_capacity, sizeof(server->listener[0]));
    server->listener[server->listener_count++] = listener;
    return NULL;
}

// --- the end ---

void server_drain(struct server *server, void (*drained)(void *owner), void *owner)
{
    server->drained = drained;
    server->drained_owner = owner;
    for (size_t i = 0; i < server->listener_count; i++) {
        int fd = MHD_quiesce_daemon(server->listener[i]->daemon);
        if (fd >= 0) {
            close(fd); // new clients are refused from here on, rather than left waiting
        }
    }
    event_active(server->pump, EV_TIMEOUT, 0);
}

// MHD aborts when it is stopped with a suspended request: all are resumed first, and get an answer.
static void resume_waiting(struct server *server)
{
    static const char text[] = "The exporter is shutting down.\n";
    for (struct request *request = server->waiting; request != NULL; request = request->next) {
        request->answer = new_answer(MHD_HTTP_SERVICE_UNAVAILABLE, mem_copy(text, strlen(text)),
                                     strlen(text), "text/plain; charset=utf-8");
        request->answer->users = 1;
        MHD_resume_connection(request->connection);
    }
    server->waiting = NULL;
    for (size_t i = 0; i < server->listener_count; i++) {
        MHD_run(server->listener[i]->daemon);
    }
}

static void free_listener(struct listener *listener)
{
    event_free(listener->readable);
    event_free(listener->timer);
    MHD_stop_daemon(listener->daemon);
    free(listener);
}

void server_free(struct server *server)
{
    pass_cancel(server->pass);
    server->pass = NULL;
    resume_waiting(server);
    for (size_t i = 0; i < server->listener_count; i++) {
        free_listener(server->listener[i]);
    }
    event_free(server->pump);
    free(server->listener);
    free(server);
}
