// Who may ask: users and their passwords' hashes. A comparison is slow on purpose, so verdicts are
// kept, and what others can make this process compare is bounded: one at a time, few waiting, of
// those few of one client. Passwords are kept as keyed hashes only, with a key of this process.
#pragma once

#include <stdint.h>

#include <event2/event.h>

#include "web/request.h"
#include "web/web_config.h"

struct logins;

struct logins *logins_new(struct event_base *base);
void logins_free(struct logins *logins);

// Takes over names and hashes; what is known of those that stay the same stays.
void logins_set(struct logins *logins, const struct web_user *user, size_t count);

enum login {
    LOGIN_GOOD,
    LOGIN_BAD,
    LOGIN_PENDING, // the request has to be handed to logins_wait
    LOGIN_BUSY,    // too many wait already; nothing was begun
};

// The verdict about one request, at once. `client` tells clients apart; see client_of.
enum login logins_judge(struct logins *logins, const char *name, const char *password,
                        uint64_t client);

// Suspends the request until the verdict that logins_judge has just promised, when it is routed
// anew; it gets an error at its deadline.
enum MHD_Result logins_wait(struct logins *logins, struct request *request);

// Requests that wait are refused, since the server ends.
void logins_stop(struct logins *logins);

// How many comparisons were begun.
uint64_t logins_comparisons(const struct logins *logins);

// A client's address as a number: an IPv6 network of 64 bits is one client, as is all that comes
// through Unix sockets.
uint64_t client_of(const struct sockaddr *address);
