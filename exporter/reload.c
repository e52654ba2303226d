#include "reload.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/notify.h"
#include "config/warnings.h"
#include "scrape/computed.h"

enum {
    LOOK_US = 5000,             // how often it is looked whether the scrapes have ended
    PATIENCE_US = 5 * SECOND_US // then they end with what there is
};

struct reload {
    struct fleet *fleet;
    struct server **server;
    struct gate *gate; // NULL: none
    struct arguments *arguments;
    struct config *next; // read, waiting for the scrapes under way
    int64_t hurry_us;    // when its patience ends
    struct event *look;
};

static void say_what_stays(const struct options *before, const struct options *after)
{
    bool same = before->listen_count == after->listen_count;
    for (size_t i = 0; same && i < before->listen_count; i++) {
        same = strcmp(before->listen[i], after->listen[i]) == 0;
    }
    if (!same || before->systemd_socket != after->systemd_socket) {
        log_warn("listening addresses cannot change while the program runs; the new ones count "
                 "from the next start");
    }
    if (before->limits.connections_max != after->limits.connections_max) {
        log_warn("--web.max-connections cannot change while the program runs; the new one counts "
                 "from the next start");
    }
    const char *web[] = {before->web_config, after->web_config};
    if (web[0] == NULL || web[1] == NULL ? web[0] != web[1] : strcmp(web[0], web[1]) != 0) {
        log_warn("another web configuration file counts from the next start; the content of the "
                 "one in use was read again");
    }
}

static void take_effect(struct reload *reload)
{
    struct fleet *fleet = reload->fleet;
    struct config *next = reload->next;
    reload->next = NULL;
    say_what_stays(&fleet->config->common, &next->common);
    config_init_log(next);
    warnings_log(next);
    fleet_configure(fleet, next);
    struct server_options options = fleet_server_options(fleet);
    server_configure(*reload->server, &options);
    fleet_forget(fleet);
    process_note_reload(true, clock_wall_us() / SECOND_US);
    log_info("the configuration was reloaded");
    server_release(*reload->server);
    server_reloaded(*reload->server, NULL);
    notify_ready("serving");
}

static void on_look(evutil_socket_t fd, short what, void *context)
{
    const struct timeval soon = {0, LOOK_US};
    struct reload *reload = context;
    (void)fd;
    (void)what;
    if (server_is_quiet(*reload->server)) {
        take_effect(reload);
        return;
    }
    if (clock_monotonic_us() >= reload->hurry_us) {
        server_hurry(*reload->server);
    }
    event_add(reload->look, &soon);
}

static void refuse_by(struct reload *reload, const char *problem)
{
    log_error("the configuration was not reloaded; the old one stays", "problem", problem);
    process_note_reload(false, 0);
    server_reloaded(*reload->server, problem);
    notify_ready("serving; the last reload failed");
}

static void refuse(struct reload *reload, const struct problems *problems)
{
    struct buf text = BUF_EMPTY;
    buf_text(&text, problems->line[0]);
    if (problems->count > 1) {
        buf_format(&text, " (and %zu more; --config.check shows all)", problems->count - 1);
    }
    char *line = buf_take(&text);
    refuse_by(reload, line);
    free(line);
}

// The web configuration counts at once: nothing has to wait for it.
static bool reload_gate(struct reload *reload)
{
    char *problem = reload->gate != NULL ? gate_reload(reload->gate) : NULL;
    if (problem != NULL) {
        refuse_by(reload, problem);
        free(problem);
        return false;
    }
    return true;
}

void reload_begin(struct reload *reload, const char *asked_by)
{
    struct problems problems = {.count = 0};
    log_info("reading the configuration again", "asked_by", asked_by);
    notify_reloading();
    struct config *next = config_load(reload->arguments, reload->fleet->config, &problems);
    if (next == NULL) {
        refuse(reload, &problems);
        problems_clear(&problems);
        return;
    }
    if (!reload_gate(reload)) {
        config_free(next);
        return;
    }
    config_free(reload->next); // which was not in effect yet
    reload->next = next;
    reload->hurry_us = clock_monotonic_us() + PATIENCE_US;
    server_hold(*reload->server);
    event_active(reload->look, EV_TIMEOUT, 0);
}

void reload_cancel(struct reload *reload)
{
    event_del(reload->look);
    config_free(reload->next);
    reload->next = NULL;
}

struct reload *reload_new(struct fleet *fleet, struct server **server, struct gate *gate,
                          struct arguments *arguments)
{
    struct reload *reload = mem_new(1, sizeof(*reload));
    *reload =
        (struct reload){.fleet = fleet, .server = server, .gate = gate, .arguments = arguments};
    reload->look = evtimer_new(fleet->base, on_look, reload);
    CHECK(reload->look != NULL);
    return reload;
}

void reload_free(struct reload *reload)
{
    if (reload != NULL) {
        reload_cancel(reload);
        event_free(reload->look);
        free(reload);
    }
}
