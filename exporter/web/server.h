// The HTTP server: libmicrohttpd inside libevent's loop, and what its paths answer.
#pragma once

#include <event2/event.h>

#include "web/gate.h"
#include "web/targets.h"

struct server_options {
    struct event_base *base;
    struct cluster *const *cluster; // borrowed, as everything here
    size_t cluster_count;
    const char *telemetry_path;
    enum dialect dialect; // of the metrics page
    struct limit_options limits;
    struct gate *gate; // NULL: everybody may ask, without TLS
    struct target_options targets;
    void (*reload)(void *owner); // is asked for: server_reloaded follows, at once or later; or NULL
    void *reload_owner;
};

struct server;

// `options` is copied; what it points to is borrowed.
struct server *server_new(const struct server_options *options);

// Listens at host:port (all addresses of the name), [v6]:port, :port (everywhere) or unix:/path.
// NULL, or why not: free() it.
char *server_listen(struct server *server, const char *address);

// The same at the sockets that systemd has passed.
char *server_listen_systemd(struct server *server);

// Other options take the place of those that there are. First requests are held, which then wait
// for what is under way to end; when it is quiet the server can be configured, and those that were
// held go on by the new options. `gate` and `reload` stay what they were.
void server_hold(struct server *server);
bool server_is_quiet(const struct server *server); // no cluster is being scraped
void server_hurry(struct server *server);          // scrapes under way end with what there is
void server_configure(struct server *server, const struct server_options *options);
void server_release(struct server *server); // fine when nothing is held

// Tells those who asked for a reload how it went: NULL, or one line about what is wrong.
void server_reloaded(struct server *server, const char *problem);

// No more requests are taken; `drained` comes from the loop when those under way are answered.
void server_drain(struct server *server, void (*drained)(void *owner), void *owner);

// Not while a callback of the server runs. Requests under way are told that it ends.
void server_free(struct server *server);
