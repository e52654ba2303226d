// Wires the floors together: options, event loop, cluster, server, signals.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/notify.h"
#include "base/version.h"
#include "check.h"
#include "config/acl.h"
#include "config/warnings.h"
#include "healthcheck.h"
#include "redis/resolver.h"
#include "reload.h"
#include "scrape/computed.h"
#include "scrape/render.h"

enum {
    EXIT_USAGE = 2,
    DRAIN_SECONDS_MAX = 15,
};

struct program {
    struct arguments arguments;
    struct event_base *base;
    struct evdns_base *dns;
    struct fleet fleet;
    struct gate *gate; // NULL: no web configuration
    struct server *server;
    struct reload *reload;
    struct event *asked; // for a reload, over HTTP
    bool stopping;
};

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
    reload_cancel(program->reload);
    event_base_loopexit(program->base, &limit);
    server_drain(program->server, stop_loop, program->base);
}

static void on_hangup(evutil_socket_t number, short what, void *context)
{
    struct program *program = context;
    (void)number;
    (void)what;
    if (!program->stopping) {
        reload_begin(program->reload, "SIGHUP");
    }
}

// In a turn of the loop of its own, outside of the server's callbacks.
static void on_asked(evutil_socket_t fd, short what, void *context)
{
    struct program *program = context;
    (void)fd;
    (void)what;
    if (!program->stopping) {
        reload_begin(program->reload, "HTTP");
    }
}

static void ask_for_reload(void *context)
{
    struct program *program = context;
    event_active(program->asked, EV_TIMEOUT, 0);
}

// A core would hold the passwords, and so does what /proc shows to others of the same user: neither
// is to be had. Debuggers of root still work.
static void keep_memory_private(void)
{
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
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

static void say_problem(char *problem)
{
    fprintf(stderr, "redis_cluster_exporter: %s\n", problem);
    free(problem);
}

static bool listen_everywhere(struct program *program)
{
    const struct options *options = &program->fleet.config->common;
    char *problem = options->systemd_socket ? server_listen_systemd(program->server) : NULL;
    for (size_t i = 0; !options->systemd_socket && problem == NULL && i < options->listen_count;
         i++) {
        problem = server_listen(program->server, options->listen[i]);
    }
    if (problem != NULL) {
        say_problem(problem);
        return false;
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

static struct event *on_signals(struct program *program, int number, event_callback_fn callback)
{
    struct event *event = evsignal_new(program->base, number, callback, program);
    CHECK(event != NULL);
    event_add(event, NULL);
    return event;
}

static void run_loop(struct program *program)
{
    struct event *watchdog = new_watchdog(program->base);
    struct event *terminate = on_signals(program, SIGTERM, on_signal);
    struct event *interrupt = on_signals(program, SIGINT, on_signal);
    struct event *hangup = on_signals(program, SIGHUP, on_hangup);
    notify_ready("serving");
    event_base_dispatch(program->base);
    event_free(terminate);
    event_free(interrupt);
    event_free(hangup);
    if (watchdog != NULL) {
        event_free(watchdog);
    }
}

// Takes `config`.
static void start(struct program *program, struct config *config)
{
    mem_keep_freed();
    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    program->base = event_base_new();
    CHECK(program->base != NULL);
    program->dns = resolver_new(program->base, config->common.connect_timeout_us);
    fleet_init(&program->fleet, program->base, program->dns, config);
}

static void end(struct program *program)
{
    fleet_clear(&program->fleet);
    evdns_base_free(program->dns, 0);
    event_base_free(program->base);
}

static bool open_gate(struct program *program)
{
    const char *path = program->fleet.config->common.web_config;
    char *problem = NULL;
    if (path == NULL || path[0] == '\0') {
        return true;
    }
    program->gate = gate_new(path, program->base, &problem);
    if (program->gate == NULL) {
        say_problem(problem);
        return false;
    }
    return true;
}

static bool serve_requests(struct program *program)
{
    struct server_options options = fleet_server_options(&program->fleet);
    options.gate = program->gate;
    options.reload = ask_for_reload;
    options.reload_owner = program;
    program->server = server_new(&options);
    program->reload =
        reload_new(&program->fleet, &program->server, program->gate, &program->arguments);
    program->asked = evtimer_new(program->base, on_asked, program);
    CHECK(program->asked != NULL);
    process_note_reload(true, clock_wall_us() / SECOND_US);
    bool listening = listen_everywhere(program);
    if (listening) {
        run_loop(program);
    }
    reload_free(program->reload);
    server_free(program->server);
    event_free(program->asked);
    return listening;
}

static int serve(struct program *program, struct config *config)
{
    if (program->arguments.password_was_visible) {
        log_warn("a password was given on the command line, where others could read it until now; "
                 "use --redis.password-file or REDIS_PASSWORD");
    }
    warnings_log(config);
    start(program, config);
    int status = EXIT_USAGE;
    if (open_gate(program)) {
        status = serve_requests(program) ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    if (program->gate != NULL) {
        gate_free(program->gate);
    }
    end(program);
    return status;
}

static int check(struct program *program, struct config *config)
{
    int64_t timeout_us = config->common.scrape_timeout_us;
    start(program, config);
    int status = check_run(program->base, program->fleet.cluster[0], timeout_us);
    end(program);
    return status;
}

static int healthcheck(const struct options *options)
{
    const char *url = options->healthcheck[0] != '\0' ? options->healthcheck : options->listen[0];
    return healthcheck_run(url, stdout) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static bool check_gate(const struct options *options)
{
    const char *path = options->web_config;
    char *problem = path != NULL && path[0] != '\0' ? gate_check(path) : NULL;
    if (problem != NULL) {
        say_problem(problem);
        return false;
    }
    puts("the configuration is right");
    return true;
}

// What needs no cluster. False: it was something else.
static bool only_print(const struct options *options, int *out_status)
{
    *out_status = EXIT_SUCCESS;
    if (options->show_help) {
        options_print_help(stdout);
    } else if (options->show_version) {
        puts("redis_cluster_exporter " EXPORTER_VERSION " (" EXPORTER_REVISION ")");
    } else if (options->print_acl != NULL) {
        bool fine = acl_print(options->print_acl, options->collectors);
        *out_status = fine ? EXIT_SUCCESS : EXIT_USAGE;
    } else if (options->print_metrics) {
        print_reference();
    } else if (options->config_check) {
        *out_status = check_gate(options) ? EXIT_SUCCESS : EXIT_USAGE;
    } else if (options->healthcheck != NULL) {
        *out_status = healthcheck(options);
    } else {
        return false;
    }
    return true;
}

// Takes `config`.
static int run(struct program *program, struct config *config)
{
    int status;
    if (only_print(&config->common, &status)) {
        config_free(config);
        return status;
    }
    return config->common.check ? check(program, config) : serve(program, config);
}

// All of them for --config.check, else the first, which is the one to mend first.
static int complain(const struct problems *problems)
{
    for (size_t i = 0; i < (problems->all ? problems->count : 1); i++) {
        fprintf(stderr, "redis_cluster_exporter: %s\n", problems->line[i]);
    }
    return EXIT_USAGE;
}

// What is opened next would take the place of one that is closed, and log lines would go there.
static void open_standard_descriptors(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) {
        close(fd);
    }
}

int main(int argc, char **argv)
{
    open_standard_descriptors();
    struct program program = {.arguments = arguments_take(argc, argv)};
    struct problems problems = {.count = 0};
    keep_memory_private();
    struct config *config = config_load(&program.arguments, NULL, &problems);
    int status = config != NULL ? run(&program, config) : complain(&problems);
    problems_clear(&problems);
    arguments_clear(&program.arguments);
    return status;
}
