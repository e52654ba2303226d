#include "redis/opening.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "redis/dial.h"
#include "redis/limit.h"

struct opening {
    const struct conn_options *options;
    struct address announced;
    struct address place; // by the address map
    char hostname[ADDRESS_HOST_SIZE];
    struct tls_session **session;
    opening_done *done;
    void *owner;
    struct limit limit;
    struct dial *dial;          // NULL: connected
    struct transport transport; // during the handshake
    struct event *readable;
    struct event *writable; // added while the handshake waits for it
};

static void fail(struct opening *opening, enum outcome outcome, const char *detail)
{
    opening->done(opening->owner, NULL, outcome, detail);
}

static void succeed(struct opening *opening)
{
    struct transport transport = opening->transport;
    opening->transport = TRANSPORT_NONE;
    opening->done(opening->owner, &transport, OUTCOME_OK, "");
}

static void shake_hands(struct opening *opening)
{
    struct tls_link *tls = opening->transport.tls;
    if (tls_link_handshake(tls) == 0) {
        succeed(opening);
    } else if (errno == EAGAIN) {
        if (tls_link_wants_write(tls)) {
            event_add(opening->writable, NULL);
        }
    } else {
        bool by_tls = tls_link_outcome(tls) != OUTCOME_OK;
        fail(opening, by_tls ? tls_link_outcome(tls) : OUTCOME_CLOSED,
             by_tls ? tls_link_detail(tls) : strerror(errno));
    }
}

static void on_ready(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    shake_hands(context);
}

static struct tls_names names_of(const struct opening *opening)
{
    const struct conn_options *options = opening->options;
    const char *fixed =
        options->tls_server_name != NULL ? options->tls_server_name : tls_server_name(options->tls);
    bool mapped = strcmp(opening->place.host, opening->announced.host) != 0;
    struct tls_names names = {
        {mapped ? opening->place.host : NULL, opening->hostname, opening->announced.host}};
    return fixed != NULL ? (struct tls_names){{fixed}} : names;
}

static void begin_tls(struct opening *opening, int fd)
{
    struct event_base *base = opening->options->base;
    struct tls_names names = names_of(opening);
    opening->transport.tls = tls_link_new(opening->options->tls, fd, &names, opening->session);
    opening->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_ready, opening);
    opening->writable = event_new(base, fd, EV_WRITE, on_ready, opening);
    CHECK(opening->readable != NULL && opening->writable != NULL);
    event_add(opening->readable, NULL);
    shake_hands(opening);
}

static void on_dialled(void *owner, int fd, enum outcome outcome, const char *detail)
{
    struct opening *opening = owner;
    if (fd < 0) {
        fail(opening, outcome, detail);
        return;
    }
    dial_free(opening->dial);
    opening->dial = NULL;
    opening->transport.fd = fd;
    if (opening->options->tls != NULL) {
        begin_tls(opening, fd);
    } else {
        succeed(opening);
    }
}

static bool has_arrived(const void *owner)
{
    const struct opening *opening = owner;
    return opening->dial != NULL ? dial_has_connected(opening->dial)
                                 : transport_has_arrived(&opening->transport);
}

static void on_limit(void *owner)
{
    opening_give_up(owner);
}

struct opening *opening_new(const struct conn_options *options, const struct address *address,
                            const char *hostname, struct tls_session **session, opening_done *done,
                            void *owner)
{
    struct opening *opening = mem_new(1, sizeof(*opening));
    *opening = (struct opening){.options = options,
                                .announced = *address,
                                .session = session,
                                .done = done,
                                .owner = owner,
                                .transport = TRANSPORT_NONE};
    span_copy(span_of(hostname), opening->hostname, sizeof(opening->hostname));
    address_map_apply(options->address_map, address, &opening->place);
    limit_init(&opening->limit, options->base, has_arrived, on_limit, opening);
    limit_set(&opening->limit, options->connect_timeout_us);
    limit_start(&opening->limit);
    opening->dial = dial_new(options->base, options->dns, &opening->place, on_dialled, opening);
    return opening;
}

void opening_give_up(struct opening *opening)
{
    if (opening->dial == NULL) {
        bool begun = tls_link_has_begun(opening->transport.tls);
        fail(opening, OUTCOME_TLS_TIMEOUT,
             begun ? "the TLS handshake did not end in time"
                   : "connected, but no answer to TLS in time: the server may speak without it, "
                     "which is redis://");
    } else if (dial_is_resolving(opening->dial)) {
        fail(opening, OUTCOME_RESOLVE, "no answer from the name servers in time");
    } else {
        fail(opening, OUTCOME_CONNECT_TIMEOUT, "no connection in time");
    }
}

void opening_free(struct opening *opening)
{
    if (opening == NULL) {
        return;
    }
    dial_free(opening->dial);
    if (opening->readable != NULL) {
        event_free(opening->readable);
        event_free(opening->writable);
    }
    transport_close(&opening->transport);
    limit_fini(&opening->limit);
    free(opening);
}
