// What paths answer, who may ask, and how other options come in; connections are the listeners'.
// MHD calls the handler at least twice per request: the first time only a record is made.
#include "web/server.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/version.h"
#include "web/api.h"
#include "web/listen.h"
#include "web/listener.h"
#include "web/pages.h"

struct server {
    struct server_options options;
    struct limits limits;
    struct metrics_page *page; // of all configured clusters
    struct targets *targets;
    struct api *api;
    struct listener_options listening; // what all of them share
    struct listener **listener;
    size_t listener_count;
    size_t listener_capacity;
    struct event *pump;
    size_t active; // requests begun and not completed
    bool ending;   // no request is taken any more
    bool holding;  // requests wait until it is configured
    struct request *held;
    struct request *reloading; // wait for server_reloaded
    void (*drained)(void *owner);
    void *drained_owner;
};

// --- routes ---

static enum MHD_Result answer_metrics(struct server *server, struct request *request)
{
    return metrics_page_serve(server->page, request);
}

static enum MHD_Result answer_node(struct server *server, struct request *request)
{
    return targets_serve_node(server->targets, request);
}

static enum MHD_Result answer_cluster(struct server *server, struct request *request)
{
    return targets_serve_cluster(server->targets, request);
}

static enum MHD_Result answer_discovery(struct server *server, struct request *request)
{
    return targets_serve_discovery(server->targets, request);
}

static enum MHD_Result answer_clusters(struct server *server, struct request *request)
{
    return api_serve(server->api, request);
}

// --- reload ---

// In place of a deadline of its own: the one who loads answers in time.
static const int64_t RELOAD_MAX_US = 600 * (int64_t)SECOND_US;

static void remove_request(struct request **list, const struct request *request)
{
    while (*list != NULL && *list != request) {
        list = &(*list)->next;
    }
    if (*list != NULL) {
        *list = request->next;
    }
}

static void on_hold_expired(void *owner, struct request *request)
{
    struct server *server = owner;
    remove_request(&server->held, request);
    remove_request(&server->reloading, request);
    request_resume_text(request, MHD_HTTP_SERVICE_UNAVAILABLE,
                        "The configuration is being reloaded.\n");
}

static enum MHD_Result put_off(struct server *server, struct request *request,
                               struct request **list)
{
    request->next = *list;
    *list = request;
    return request_suspend(request, on_hold_expired, server);
}

static enum MHD_Result hold(struct server *server, struct request *request)
{
    request_deadline_us(request, server->options.targets.scrape_timeout_us,
                        server->options.targets.timeout_offset_us);
    return put_off(server, request, &server->held);
}

static enum MHD_Result answer_reload(struct server *server, struct request *request)
{
    request->deadline_us = clock_monotonic_us() + RELOAD_MAX_US;
    enum MHD_Result result = put_off(server, request, &server->reloading);
    server->options.reload(server->options.reload_owner);
    return result;
}

static enum MHD_Result answer_ok(struct server *server, struct request *request)
{
    (void)server;
    return request_answer_text(request, MHD_HTTP_OK, "ok\n");
}

static enum MHD_Result answer_index(struct server *server, struct request *request)
{
    size_t length;
    char *body = page_index(server->options.telemetry_path, &length);
    return request_answer(request,
                          answer_new(MHD_HTTP_OK, body, length, "text/html; charset=utf-8"));
}

struct route {
    const char *path; // NULL: the telemetry path
    enum MHD_Result (*answer)(struct server *server, struct request *request);
    bool guarded; // by the limits
    enum rate rate;
    bool scrapes; // it is held while the configuration changes
    bool changes; // it answers POST and PUT instead of GET and HEAD
};

static const struct route routes[] = {
    {NULL, answer_metrics, true, RATE_FREE, .scrapes = true},
    {"/", answer_index, true, RATE_FREE},
    {"/scrape", answer_node, true, RATE_SCRAPE, .scrapes = true},
    {"/cluster", answer_cluster, true, RATE_CLUSTER, .scrapes = true},
    {"/discover-cluster-nodes", answer_discovery, true, RATE_CLUSTER, .scrapes = true},
    {"/api/v1/clusters", answer_clusters, true, RATE_CLUSTER, .scrapes = true},
    {"/-/healthy", answer_ok, false, RATE_FREE},
    {"/-/ready", answer_ok, false, RATE_FREE},
    {"/health", answer_ok, false, RATE_FREE},
    {"/-/reload", answer_reload, false, RATE_FREE, .changes = true},
};

static const struct route *find_route(const struct server *server, const char *path)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        const char *known =
            routes[i].path != NULL ? routes[i].path : server->options.telemetry_path;
        if (strcmp(path, known) == 0 && (!routes[i].changes || server->options.reload != NULL)) {
            return &routes[i];
        }
    }
    return NULL;
}

static bool is_either(const char *method, const char *one, const char *other)
{
    return strcmp(method, one) == 0 || strcmp(method, other) == 0;
}

static bool takes_method(const struct route *route, const char *method)
{
    return route != NULL && route->changes
               ? is_either(method, MHD_HTTP_METHOD_POST, MHD_HTTP_METHOD_PUT)
               : is_either(method, MHD_HTTP_METHOD_GET, MHD_HTTP_METHOD_HEAD);
}

static enum MHD_Result refuse_method(struct request *request, const struct route *route)
{
    return request_refuse_method(request, route->changes ? "POST, PUT" : "GET, HEAD",
                                 route->changes ? "This path answers POST and PUT only.\n"
                                                : "This path answers GET and HEAD only.\n");
}

// One that was let in stays so when it is routed anew.
static enum limit admit(struct limits *limits, struct request *request, enum rate rate)
{
    uint32_t requests_max = limits->options.requests_max;
    if (request->admitted) {
        return LIMIT_NONE;
    }
    if (request->excess) {
        return LIMIT_CONNECTIONS;
    }
    if (requests_max > 0 && limits->waiting >= requests_max) {
        return LIMIT_REQUESTS;
    }
    if (!limits_take(limits, rate, clock_monotonic_us())) {
        return rate == RATE_SCRAPE ? LIMIT_SCRAPE_RATE : LIMIT_CLUSTER_RATE;
    }
    request->admitted = true;
    return LIMIT_NONE;
}

static enum MHD_Result answer_by(const struct route *route, struct server *server,
                                 struct request *request)
{
    enum limit limit = route->guarded ? admit(&server->limits, request, route->rate) : LIMIT_NONE;
    if (limit != LIMIT_NONE) {
        return request_answer(request, limits_answer(limit));
    }
    return server->holding && route->scrapes ? hold(server, request)
                                             : route->answer(server, request);
}

static enum MHD_Result route_request(struct server *server, struct request *request,
                                     const char *path, const char *method)
{
    const struct route *route = find_route(server, path);
    if (route == NULL) {
        return request_answer_text(request, MHD_HTTP_NOT_FOUND, "There is nothing at this path.\n");
    }
    if (!takes_method(route, method)) {
        return refuse_method(request, route);
    }
    if (server->ending) {
        return request_answer_text(request, MHD_HTTP_SERVICE_UNAVAILABLE,
                                   "The exporter is shutting down.\n");
    }
    return answer_by(route, server, request);
}

static struct request *begin_request(struct server *server, struct MHD_Connection *connection)
{
    struct request *request = mem_new(1, sizeof(*request));
    request->excess = visit_begin_request(visit_of(connection));
    request->connection = connection;
    request->pump = server->pump;
    request->limits = &server->limits;
    request->headers = server->options.gate != NULL ? gate_headers(server->options.gate) : NULL;
    server->active++;
    return request;
}

// Whether the request may be routed: else *out_result ends the call. The first call about a request
// cannot wait for a verdict, but there is another one.
static bool pass_gate(struct server *server, struct request *request, bool first,
                      enum MHD_Result *out_result)
{
    const struct target_options *times = &server->options.targets;
    if (server->options.gate == NULL || server->ending) {
        return true;
    }
    enum gate_verdict verdict = gate_judge(server->options.gate, request, out_result);
    if (verdict == GATE_PENDING) {
        request_deadline_us(request, times->scrape_timeout_us, times->timeout_offset_us);
        *out_result = first ? MHD_YES : gate_wait(server->options.gate, request);
    }
    return verdict == GATE_OPEN;
}

// Methods that the path does not take are refused before their body comes.
static enum MHD_Result begin(struct server *server, struct request *request, const char *path,
                             const char *method)
{
    enum MHD_Result result = MHD_YES;
    if (takes_method(find_route(server, path), method) ||
        !pass_gate(server, request, true, &result)) {
        return result;
    }
    return route_request(server, request, path, method);
}

// The signature is MHD's. NOLINTNEXTLINE(readability-function-size)
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *upload, size_t *upload_size, void **record)
{
    struct server *server = context;
    struct request *request = *record;
    enum MHD_Result result = MHD_YES;
    (void)version;
    (void)upload;
    if (request == NULL) {
        request = begin_request(server, connection);
        *record = request;
        return begin(server, request, path, method);
    }
    if (*upload_size > 0) {
        *upload_size = 0; // nobody wants it
        return MHD_YES;
    }
    if (request->answer != NULL) {
        struct answer *answer = request->answer;
        result = request_answer(request, answer);
        request->answer = NULL;
        answer_release(answer);
        return result;
    }
    return pass_gate(server, request, false, &result) ? route_request(server, request, path, method)
                                                      : result;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **record,
                         enum MHD_RequestTerminationCode why)
{
    struct server *server = context;
    struct request *request = *record;
    (void)why;
    if (request == NULL) {
        return;
    }
    visit_end_request(visit_of(connection));
    if (request->answer != NULL) {
        answer_release(request->answer); // the client left before it could be queued
    }
    if (request->expiry != NULL) {
        event_free(request->expiry);
    }
    free(request);
    *record = NULL;
    server->active--;
    if (server->drained != NULL) {
        event_active(server->pump, EV_TIMEOUT, 0);
    }
}

// --- from start to end ---

static void on_pump(evutil_socket_t fd, short what, void *context)
{
    struct server *server = context;
    (void)fd;
    (void)what;
    for (size_t i = 0; i < server->listener_count; i++) {
        listener_run(server->listener[i]);
    }
    if (server->drained != NULL && server->active == 0) {
        server->drained(server->drained_owner);
    }
}

static struct metrics_page_options page_options(const struct server_options *options)
{
    struct metrics_page_options page = {
        .cluster = options->cluster,
        .cluster_count = options->cluster_count,
        .dialect = options->dialect,
        .with_process = true,
        .scrape_timeout_us = options->targets.scrape_timeout_us,
        .timeout_offset_us = options->targets.timeout_offset_us,
    };
    for (size_t i = 0; i < options->cluster_count; i++) {
        page.collectors |= options->cluster[i]->options.collectors;
    }
    return page;
}

static struct api_options api_options(const struct server_options *options)
{
    return (struct api_options){
        .cluster = options->cluster,
        .cluster_count = options->cluster_count,
        .scrape_timeout_us = options->targets.scrape_timeout_us,
        .timeout_offset_us = options->targets.timeout_offset_us,
    };
}

static void set_limits(struct server *server)
{
    server->limits.options = server->options.limits;
    if (server->limits.options.connections_max == 0) {
        server->limits.options.connections_max = CONNECTIONS_MAX_DEFAULT;
    }
}

struct server *server_new(const struct server_options *options)
{
    struct server *server = mem_new(1, sizeof(*server));
    struct metrics_page_options page = page_options(options);
    struct api_options api = api_options(options);
    server->options = *options;
    set_limits(server);
    server->page = metrics_page_new(&page);
    server->targets = targets_new(&options->targets);
    server->api = api_new(&api);
    server->pump = evtimer_new(options->base, on_pump, server);
    CHECK(server->pump != NULL);
    server->listening = (struct listener_options){.base = options->base,
                                                  .pump = server->pump,
                                                  .gate = options->gate,
                                                  .limits = &server->limits,
                                                  .on_request = on_request,
                                                  .on_completed = on_completed,
                                                  .owner = server};
    return server;
}

// --- other options ---

void server_hold(struct server *server)
{
    server->holding = true;
}

bool server_is_quiet(const struct server *server)
{
    for (size_t i = 0; i < server->options.cluster_count; i++) {
        if (server->options.cluster[i]->scrape != NULL) {
            return false;
        }
    }
    return targets_are_quiet(server->targets);
}

void server_hurry(struct server *server)
{
    for (size_t i = 0; i < server->options.cluster_count; i++) {
        scrape_hurry(server->options.cluster[i]);
    }
    targets_hurry(server->targets);
}

void server_configure(struct server *server, const struct server_options *options)
{
    struct metrics_page_options page = page_options(options);
    struct api_options api = api_options(options);
    struct server_options before = server->options;
    server->options = *options;
    server->options.reload = before.reload;
    server->options.reload_owner = before.reload_owner;
    server->options.gate = before.gate;
    server->options.limits.connections_max = before.limits.connections_max; // MHD was told it once
    set_limits(server);
    metrics_page_configure(server->page, &page);
    targets_configure(server->targets, &options->targets);
    api_free(server->api);
    server->api = api_new(&api);
}

void server_release(struct server *server)
{
    struct request *held = server->held;
    server->holding = false;
    server->held = NULL;
    while (held != NULL) {
        struct request *next = held->next;
        request_retry(held);
        held = next;
    }
}

void server_reloaded(struct server *server, const char *problem)
{
    struct buf text = BUF_EMPTY;
    struct request *request = server->reloading;
    buf_format(&text, "%s\n", problem != NULL ? problem : "The configuration was reloaded.");
    buf_char(&text, '\0');
    server->reloading = NULL;
    while (request != NULL) {
        struct request *next = request->next;
        request_resume_text(request, problem != NULL ? MHD_HTTP_INTERNAL_SERVER_ERROR : MHD_HTTP_OK,
                            text.data);
        request = next;
    }
    buf_free(&text);
}

// --- listening ---

static bool add_listener(struct server *server, int fd, const struct socket_file *file)
{
    struct listener *listener = listener_new(&server->listening, fd, file);
    if (listener == NULL) {
        close(fd);
        return false;
    }
    server->listener = mem_grow(server->listener, server->listener_count,
                                &server->listener_capacity, sizeof(server->listener[0]));
    server->listener[server->listener_count++] = listener;
    char *name = listen_name(fd);
    log_info("listening", "address", name, "tls",
             listener_speaks_tls(&server->listening) ? "on" : "off", "path",
             server->options.telemetry_path, "version", EXPORTER_VERSION);
    free(name);
    return true;
}

// `what` is where it should listen, for people.
static char *add_listeners(struct server *server, const char *what, const int *fd, size_t count,
                           const struct socket_file *file, const char *reason)
{
    bool listening = count > 0;
    for (size_t i = 0; i < count; i++) {
        if (!add_listener(server, fd[i], file)) {
            reason = "the HTTP server does not start";
            listening = false;
        }
    }
    if (listening) {
        return NULL;
    }
    struct buf problem = BUF_EMPTY;
    buf_format(&problem, "cannot listen at %s: %s", what, reason);
    return buf_take(&problem);
}

char *server_listen(struct server *server, const char *address)
{
    const char *reason = NULL;
    int fd[LISTEN_SOCKETS_MAX];
    struct socket_file file = {.path = ""};
    size_t count = 0;
    if (span_starts(span_of(address), SPAN("unix:"))) {
        fd[0] = listen_unix(address + strlen("unix:"), &file, &reason);
        count = fd[0] >= 0 ? 1 : 0;
    } else {
        count = listen_sockets(address, fd, &reason);
    }
    return add_listeners(server, address, fd, count, &file, reason);
}

char *server_listen_systemd(struct server *server)
{
    const char *reason = NULL;
    int fd[LISTEN_SOCKETS_MAX];
    size_t count = listen_systemd(fd, &reason);
    return add_listeners(server, "the sockets of systemd", fd, count, NULL, reason);
}

// --- the end ---

void server_drain(struct server *server, void (*drained)(void *owner), void *owner)
{
    server->ending = true;
    server->drained = drained;
    server->drained_owner = owner;
    for (size_t i = 0; i < server->listener_count; i++) {
        listener_stop(server->listener[i]);
    }
    server_release(server);
    server_reloaded(server, "The exporter is shutting down.");
    event_active(server->pump, EV_TIMEOUT, 0);
}

// MHD aborts when it is stopped with a suspended request: all are resumed first, and get an answer.
// Meanwhile requests may still come in.
void server_free(struct server *server)
{
    server->ending = true;
    server_release(server);
    server_reloaded(server, "The exporter is shutting down.");
    metrics_page_free(server->page);
    targets_free(server->targets);
    api_free(server->api);
    if (server->options.gate != NULL) {
        gate_stop(server->options.gate);
    }
    for (size_t i = 0; i < server->listener_count; i++) {
        listener_free(server->listener[i]);
    }
    event_free(server->pump);
    free(server->listener);
    free(server);
}
