// The HTTP server: libmicrohttpd inside libevent's loop, and what its paths answer.
#pragma once

#include <event2/event.h>

#include "web/targets.h"

struct server_options {
    struct event_base *base;
    struct cluster *const *cluster; // borrowed, as everything here
    size_t cluster_count;
    const char *telemetry_path;
    enum dialect dialect; // of the metrics page
    struct limit_options limits;
    struct target_options targets;
};

struct server;

// `options` is copied; what it points to is borrowed.
struct server *server_new(const struct server_options *options);

// Listens at host:port (all addresses of the name), [v6]:port or :port (everywhere). NULL, or why
// not: free() it.
char *server_listen(struct server *server, const char *address);

// No more requests are taken; `drained` comes from the loop when those under way are answered.
void server_drain(struct server *server, void (*drained)(void *owner), void *owner);

// Not while a callback of the server runs. Requests under way are told that it ends.
void server_free(struct server *server);
