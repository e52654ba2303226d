// One listening socket: a daemon of libmicrohttpd in libevent's loop, and its connections.
#pragma once

#include <event2/event.h>
#include <microhttpd.h>

#include "web/gate.h"
#include "web/limits.h"
#include "web/listen.h"

// What the listeners of a server share; borrowed by them, outlives them.
struct listener_options {
    struct event_base *base;
    struct event *pump;                   // whose callback runs all listeners; they make it active
    struct gate *gate;                    // NULL: without TLS
    const struct limits *limits;          // may change
    MHD_AccessHandlerCallback on_request; // these two get `owner`
    MHD_RequestCompletedCallback on_completed;
    void *owner;
};

struct listener;

bool listener_speaks_tls(const struct listener_options *options);

// Takes `fd`, but when it gives NULL: the HTTP server does not start. Copies `file`, which is
// removed with the listener; NULL: it has none.
struct listener *listener_new(const struct listener_options *options, int fd,
                              const struct socket_file *file);

// Does what is to be done. To be called whenever a request was resumed, before the loop sleeps.
void listener_run(struct listener *listener);

// New clients are refused from here on, rather than left waiting.
void listener_stop(struct listener *listener);

// Ends its connections. No request may be suspended.
void listener_free(struct listener *listener);

// One connection, which has a limit on the time until its next request has come.
struct visit;

struct visit *visit_of(struct MHD_Connection *connection);
bool visit_begin_request(struct visit *visit); // whether it is one connection too many
void visit_end_request(struct visit *visit);
