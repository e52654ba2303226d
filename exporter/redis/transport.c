#include "redis/transport.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

ssize_t transport_read(const struct transport *transport, void *out, size_t size)
{
    return transport->tls != NULL ? tls_link_read(transport->tls, out, size)
                                  : recv(transport->fd, out, size, 0);
}

ssize_t transport_write(const struct transport *transport, const void *bytes, size_t length)
{
    return transport->tls != NULL ? tls_link_write(transport->tls, bytes, length)
                                  : send(transport->fd, bytes, length, MSG_NOSIGNAL);
}

bool transport_wants_write(const struct transport *transport)
{
    return transport->tls == NULL || tls_link_wants_write(transport->tls);
}

bool transport_has_more(const struct transport *transport)
{
    return transport->tls != NULL && tls_link_has_more(transport->tls);
}

bool transport_has_arrived(const struct transport *transport)
{
    char byte;
    return recv(transport->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

// Inside TLS only a read tells what is for us: tickets and new keys are not.
bool transport_is_quiet(const struct transport *transport)
{
    char byte;
    ssize_t got = transport->tls != NULL ? tls_link_read(transport->tls, &byte, 1)
                                         : recv(transport->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && errno == EAGAIN;
}

void transport_close(struct transport *transport)
{
    tls_link_free(transport->tls);
    if (transport->fd >= 0) {
        close(transport->fd);
    }
    *transport = TRANSPORT_NONE;
}
