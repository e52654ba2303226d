// Wires the floors together: options, event loop, cluster, server, signals.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/notify.h"
#include "base/version.h"
#include "check.h"
#include "config/acl.h"
#include "config/options.h"
#include "healthcheck.h"
#include "redis/resolver.h"
#include "scrape/render.h"
#include "web/server.h"

enum {
    EXIT_USAGE = 2,
    REPLY_BYTES_MAX = 64 << 20,
    DRAIN_SECONDS_MAX = 15,
};

struct program {
    struct options options;
    struct event_base *base;
    struct evdns_base *dns;
    struct cluster *cluster;
    struct server *server;
    bool stopping;
};

static int complain(char *problem)
{
    fprintf(stderr, "redis_cluster_exporter: %s\n", problem);
    free(problem);
    return EXIT_USAGE;
}

static void print_reference(void)
{
    struct buf page = BUF_EMPTY;
    render_reference(&page);
    fwrite(page.data, 1, page.length, stdout);
    buf_free(&page);
}

static void stop_loop(void *context)
{
    event_base_loopbreak(context);
}

// The first signal lets the requests under way finish; the second one does not wait.
static void on_signal(evutil_socket_t number, short what, void *context)
{
    struct program *program = context;
    struct timeval limit = {DRAIN_SECONDS_MAX, 0};
    (void)what;
    log_info("stopping", "signal", number == SIGTERM ? "SIGTERM" : "SIGINT");
    if (program->stopping) {
        event_base_loopbreak(program->base);
        return;
    }
    program->stopping = true;
    notify_stopping();
    event_base_loopexit(program->base, &limit);
    server_drain(program->server, stop_loop, program->base);
}

// A thousand connections need more descriptors than the usual soft limit allows.
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static struct cluster *new_cluster(const struct program *program)
{
    const struct options *options = &program->options;
    struct cluster_options cluster = {
        .name = options->cluster_name,
        .seed = options->seed,
        .seed_count = options->seed_count,
        .node_label = options->node_label,
        .full_views = options->check ? 0 : options->full_views,
        .one_host = options->one_host,
        .collectors = options->collectors,
        .collect = &options->collect,
        .conn = {.base = program->base,
                 .dns = program->dns,
                 .login = {options->user, options->password},
                 .credentials = &options->credentials,
                 .address_map = &options->address_map,
                 .connect_timeout_us = options->connect_timeout_us,
                 .reply_timeout_us = options->reply_timeout_us,
                 .reply_bytes_max = REPLY_BYTES_MAX},
    };
    return cluster_new(&cluster);
}

static struct server *new_server(struct program *program)
{
    const struct options *options = &program->options;
    struct server_options server = {
        .base = program->base,
        .cluster = &program->cluster,
        .cluster_count = 1,
        .telemetry_path = options->telemetry_path,
        .dialect = options->dialect,
        .limits = options->limits,
        .targets = {.cluster = &program->cluster,
                    .cluster_count = 1,
                    .allowed = options->allowed,
                    .allowed_count = options->allowed_count,
                    .node_label = options->node_label,
                    .collectors = options->collectors,
                    .chosen = options->chosen,
                    .collect = &options->collect,
                    .conn = program->cluster->options.conn,
                    .scrape_timeout_us = options->scrape_timeout_us,
                    .timeout_offset_us = options->timeout_offset_us},
    };
    return server_new(&server);
}

// Nothing but wildcards before the port: but for "*" itself, which sends no password.
static bool trusts_any_host(const char *pattern)
{
    size_t wild = strspn(pattern, "*?");
    return wild > 0 && strcmp(pattern, "*") != 0 &&
           pattern[wild + strspn(pattern + wild, ":0123456789*?")] == '\0';
}

static void warn_of_open_patterns(const struct options *options)
{
    for (size_t i = 0; options->password != NULL && i < options->allowed_count; i++) {
        if (trusts_any_host(options->allowed[i])) {
            log_warn("a pattern of --scrape.allow has no host: whoever may send requests can have "
                     "the configured password sent to a host of theirs",
                     "pattern", options->allowed[i]);
        }
    }
}

static bool listen_everywhere(struct program *program)
{
    for (size_t i = 0; i < program->options.listen_count; i++) {
        char *problem = server_listen(program->server, program->options.listen[i]);
        if (problem != NULL) {
            complain(problem);
            return false;
        }
        log_info("listening", "address", program->options.listen[i], "path",
                 program->options.telemetry_path, "version", EXPORTER_VERSION);
    }
    return true;
}

static void on_watchdog(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what, (void)context;
    notify_watchdog();
}

// NULL where the service manager awaits no sign of life. A loop that hangs gives none.
static struct event *new_watchdog(struct event_base *base)
{
    int64_t interval = notify_watchdog_us();
    struct timeval every = {interval / SECOND_US, interval % SECOND_US};
    struct event *timer = NULL;
    if (interval > 0) {
        timer = event_new(base, -1, EV_PERSIST, on_watchdog, NULL);
        CHECK(timer != NULL);
        event_add(timer, &every);
    }
    return timer;
}

static void run_loop(struct program *program)
{
    struct event *watchdog = new_watchdog(program->base);
    struct event *terminate = evsignal_new(program->base, SIGTERM, on_signal, program);
    struct event *interrupt = evsignal_new(program->base, SIGINT, on_signal, program);
    CHECK(terminate != NULL && interrupt != NULL);
    event_add(terminate, NULL);
    event_add(interrupt, NULL);
    notify_ready("serving");
    event_base_dispatch(program->base);
    event_free(terminate);
    event_free(interrupt);
    if (watchdog != NULL) {
        event_free(watchdog);
    }
}

static void start(struct program *program)
{
    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    program->base = event_base_new();
    CHECK(program->base != NULL);
    program->dns = resolver_new(program->base, program->options.connect_timeout_us);
    program->cluster = new_cluster(program);
}

static void end(struct program *program)
{
    scrape_abort(program->cluster);
    cluster_free(program->cluster);
    evdns_base_free(program->dns, 0);
    event_base_free(program->base);
}

static int serve(struct program *program)
{
    if (program->options.password_was_visible) {
        log_warn("a password was given on the command line, where others could read it until now; "
                 "use --redis.password-file or REDIS_PASSWORD");
    }
    warn_of_open_patterns(&program->options);
    start(program);
    program->server = new_server(program);
    bool listening = listen_everywhere(program);
    if (listening) {
        run_loop(program);
    }
    server_free(program->server);
    end(program);
    return listening ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int check(struct program *program)
{
    start(program);
    int status = check_run(program->base, program->cluster, program->options.scrape_timeout_us);
    end(program);
    return status;
}

static int healthcheck(const struct options *options)
{
    const char *url = options->healthcheck[0] != '\0' ? options->healthcheck : options->listen[0];
    return healthcheck_run(url, stdout) ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct program program = {.stopping = false};
    int status = EXIT_SUCCESS;
    char *problem = options_read(argc, argv, &program.options);
    if (problem != NULL) {
        status = complain(problem);
    } else if (program.options.show_help) {
        options_print_help(stdout);
    } else if (program.options.show_version) {
        puts("redis_cluster_exporter " EXPORTER_VERSION " (" EXPORTER_REVISION ")");
    } else if (program.options.print_acl != NULL) {
        status = acl_print(program.options.print_acl, program.options.collectors) ? EXIT_SUCCESS
                                                                                  : EXIT_USAGE;
    } else if (program.options.print_metrics) {
        print_reference();
    } else if (program.options.healthcheck != NULL) {
        status = healthcheck(&program.options);
    } else if (program.options.check) {
        status = check(&program);
    } else {
        status = serve(&program);
    }
    options_clear(&program.options);
    return status;
}
