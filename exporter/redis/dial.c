#include "redis/dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

// As RFC 8305 recommends it.
#define ATTEMPT_DELAY_US 250000

// A connect under way.
struct attempt {
    struct dial *dial;
    int fd;
    struct event *writable; // connected, or failed
    struct attempt *next;
};

struct dial {
    struct event_base *base;
    dial_done *done;
    void *owner;
    struct evdns_getaddrinfo_request *lookup; // under way
    struct evutil_addrinfo *found;            // all addresses of the name
    struct evutil_addrinfo *untried;          // of these
    struct attempt *attempt;
    struct event *impatient; // starts the next attempt beside those under way
    struct event *failed;    // reports `outcome` from the loop
    enum outcome outcome;    // of the address that failed last
    const char *detail;
};

static enum outcome outcome_of(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return OUTCOME_REFUSED;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        return OUTCOME_LOCAL_LIMIT;
    default:
        return OUTCOME_UNREACHABLE;
    }
}

static void note_error(struct dial *dial, int error)
{
    dial->outcome = outcome_of(error);
    dial->detail = strerror(error);
}

static void free_attempt(struct attempt *attempt)
{
    if (attempt->writable != NULL) {
        event_free(attempt->writable);
    }
    if (attempt->fd >= 0) {
        close(attempt->fd);
    }
    free(attempt);
}

static void end_attempt(struct attempt *attempt)
{
    struct attempt **link = &attempt->dial->attempt;
    while (*link != attempt) {
        link = &(*link)->next;
    }
    *link = attempt->next;
    free_attempt(attempt);
}

static void end_all_attempts(struct dial *dial)
{
    struct attempt *attempt = dial->attempt;
    event_del(dial->impatient);
    dial->attempt = NULL;
    while (attempt != NULL) {
        struct attempt *next = attempt->next;
        free_attempt(attempt);
        attempt = next;
    }
}

static void on_failed(evutil_socket_t fd, short what, void *context)
{
    struct dial *dial = context;
    (void)fd;
    (void)what;
    dial->done(dial->owner, -1, dial->outcome, dial->detail);
}

static void try_next(struct dial *dial);

static void on_impatient(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    try_next(context);
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
    struct attempt *attempt = context;
    struct dial *dial = attempt->dial;
    int error = 0;
    socklen_t size = sizeof(error);
    (void)what;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
        error = errno;
    }
    if (error != 0) {
        note_error(dial, error);
        end_attempt(attempt);
        try_next(dial);
        return;
    }
    attempt->fd = -1; // the owner's from here on
    end_all_attempts(dial);
    dial->done(dial->owner, fd, OUTCOME_OK, "");
}

// Keep-alive finds a peer that vanished while the connection was idle; no delay, since each ask is
// one write.
static int connect_to(struct attempt *attempt, const struct evutil_addrinfo *target)
{
    int on = 1;
    attempt->fd = socket(target->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (attempt->fd < 0) {
        return errno;
    }
    setsockopt(attempt->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(attempt->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(attempt->fd, target->ai_addr, target->ai_addrlen) != 0 && errno != EINPROGRESS) {
        return errno;
    }
    attempt->writable = event_new(attempt->dial->base, attempt->fd, EV_WRITE, on_writable, attempt);
    CHECK(attempt->writable != NULL);
    event_add(attempt->writable, NULL);
    return 0;
}

static bool start_attempt(struct dial *dial, const struct evutil_addrinfo *target)
{
    struct attempt *attempt = mem_new(1, sizeof(*attempt));
    *attempt = (struct attempt){.dial = dial, .fd = -1, .next = dial->attempt};
    dial->attempt = attempt;
    int error = connect_to(attempt, target);
    if (error != 0) {
        note_error(dial, error);
        end_attempt(attempt);
    }
    return error == 0;
}

// The next address that a connect can be started to. One that does not answer is not given up: it
// may be slow, and be the only one.
static void try_next(struct dial *dial)
{
    const struct timeval delay = {0, ATTEMPT_DELAY_US};
    bool started = false;
    event_del(dial->impatient);
    while (!started && dial->untried != NULL) {
        const struct evutil_addrinfo *target = dial->untried;
        dial->untried = target->ai_next;
        started = start_attempt(dial, target);
    }
    if (dial->untried != NULL) {
        event_add(dial->impatient, &delay);
    } else if (dial->attempt == NULL) {
        event_active(dial->failed, EV_TIMEOUT, 0);
    }
}

static void use_addresses(struct dial *dial, struct evutil_addrinfo *found)
{
    dial->found = found;
    dial->untried = found;
    try_next(dial);
}

static void on_resolved(int result, struct evutil_addrinfo *found, void *context)
{
    struct dial *dial = context;
    if (result == EVUTIL_EAI_CANCEL) {
        return; // by dial_free: there is no dial any more
    }
    dial->lookup = NULL;
    if (result != 0) {
        dial->outcome = OUTCOME_RESOLVE;
        dial->detail = evutil_gai_strerror(result);
        event_active(dial->failed, EV_TIMEOUT, 0);
        return;
    }
    use_addresses(dial, found);
}

struct dial *dial_new(struct event_base *base, struct evdns_base *dns,
                      const struct address *address, dial_done *done, void *owner)
{
    char port[8];
    struct evutil_addrinfo *found = NULL;
    struct evutil_addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = EVUTIL_AI_NUMERICHOST};
    struct dial *dial = mem_new(1, sizeof(*dial));
    *dial = (struct dial){.base = base, .done = done, .owner = owner, .detail = ""};
    dial->failed = evtimer_new(base, on_failed, dial);
    dial->impatient = evtimer_new(base, on_impatient, dial);
    CHECK(dial->failed != NULL && dial->impatient != NULL);
    evutil_snprintf(port, sizeof(port), "%u", address->port);
    if (evutil_getaddrinfo(address->host, port, &hints, &found) == 0) {
        use_addresses(dial, found);
        return dial;
    }
    hints.ai_flags = 0;
    dial->lookup = evdns_getaddrinfo(dns, address->host, port, &hints, on_resolved, dial);
    return dial;
}

bool dial_is_resolving(const struct dial *dial)
{
    return dial->lookup != NULL;
}

bool dial_has_connected(const struct dial *dial)
{
    for (const struct attempt *attempt = dial->attempt; attempt != NULL; attempt = attempt->next) {
        struct pollfd ready = {.fd = attempt->fd, .events = POLLOUT};
        if (poll(&ready, 1, 0) == 1) {
            return true;
        }
    }
    return false;
}

void dial_free(struct dial *dial)
{
    if (dial == NULL) {
        return;
    }
    if (dial->lookup != NULL) {
        evdns_getaddrinfo_cancel(dial->lookup);
    }
    if (dial->found != NULL) {
        evutil_freeaddrinfo(dial->found);
    }
    end_all_attempts(dial);
    event_free(dial->impatient);
    event_free(dial->failed);
    free(dial);
}
