#include "redis/dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

struct dial {
    struct event_base *base;
    dial_done *done;
    void *owner;
    struct evdns_getaddrinfo_request *lookup; // under way
    struct evutil_addrinfo *found;            // all addresses of the name
    struct evutil_addrinfo *next;             // to be tried when the present one fails
    int fd;                                   // -1: none
    struct event *writable;                   // of fd: connected, or failed
    struct event *failed;                     // reports `outcome` from the loop
    enum outcome outcome;                     // of the address tried last
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

static void drop_socket(struct dial *dial)
{
    if (dial->writable != NULL) {
        event_free(dial->writable);
        dial->writable = NULL;
    }
    if (dial->fd >= 0) {
        close(dial->fd);
        dial->fd = -1;
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

static void on_writable(evutil_socket_t fd, short what, void *context)
{
    struct dial *dial = context;
    int error = 0;
    socklen_t size = sizeof(error);
    (void)what;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
        error = errno;
    }
    if (error != 0) {
        note_error(dial, error);
        try_next(dial);
        return;
    }
    dial->fd = -1; // the owner's from here on
    dial->done(dial->owner, fd, OUTCOME_OK, "");
}

// Keep-alive finds a peer that vanished while the connection was idle; no delay, since each ask is
// one write.
static int connect_to(struct dial *dial, const struct evutil_addrinfo *target)
{
    int on = 1;
    dial->fd = socket(target->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (dial->fd < 0) {
        return errno;
    }
    setsockopt(dial->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(dial->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(dial->fd, target->ai_addr, target->ai_addrlen) != 0 && errno != EINPROGRESS) {
        return errno;
    }
    dial->writable = event_new(dial->base, dial->fd, EV_WRITE, on_writable, dial);
    CHECK(dial->writable != NULL);
    event_add(dial->writable, NULL);
    return 0;
}

static void try_next(struct dial *dial)
{
    drop_socket(dial);
    while (dial->next != NULL) {
        const struct evutil_addrinfo *target = dial->next;
        dial->next = target->ai_next;
        int error = connect_to(dial, target);
        if (error == 0) {
            return;
        }
        note_error(dial, error);
        drop_socket(dial);
    }
    event_active(dial->failed, EV_TIMEOUT, 0);
}

static void use_addresses(struct dial *dial, struct evutil_addrinfo *found)
{
    dial->found = found;
    dial->next = found;
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
    *dial = (struct dial){.base = base, .done = done, .owner = owner, .fd = -1, .detail = ""};
    dial->failed = evtimer_new(base, on_failed, dial);
    CHECK(dial->failed != NULL);
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
    drop_socket(dial);
    event_free(dial->failed);
    free(dial);
}
