#include "web/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/span.h"

enum { LISTEN_BACKLOG = 128 };

static int open_socket(const struct addrinfo *target)
{
    int on = 1;
    int off = 0;
    int fd = socket(target->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (target->ai_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)); // [::] serves IPv4 too
    }
    if (bind(fd, target->ai_addr, target->ai_addrlen) != 0 || listen(fd, LISTEN_BACKLOG) != 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

// `host` "" means all addresses: IPv6 with IPv4 where the machine has it, else IPv4.
static int listen_at(const char *host, const char *port, const char **out_problem)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    int families[] = {host[0] == '\0' ? AF_INET6 : AF_UNSPEC, AF_INET};
    int fd = -EADDRNOTAVAIL;
    for (size_t i = 0; i < 2 && (i == 0 || fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL); i++) {
        hints.ai_family = families[i];
        int result = getaddrinfo(host[0] == '\0' ? NULL : host, port, &hints, &found);
        if (result != 0) {
            *out_problem = gai_strerror(result);
            continue;
        }
        fd = open_socket(found);
        *out_problem = fd < 0 ? strerror(-fd) : NULL;
        freeaddrinfo(found);
    }
    return fd;
}

int listen_socket(const char *address, const char **out_problem)
{
    struct span host;
    struct span port;
    *out_problem = "is no host:port";
    if (!span_split_last(span_of(address), ':', &host, &port)) {
        return -1;
    }
    if (host.length > 1 && host.at[0] == '[') {
        host = span_make(host.at + 1, host.length - 2);
    }
    char *host_text = mem_copy(host.at, host.length);
    char *port_text = mem_copy(port.at, port.length);
    int fd = listen_at(host_text, port_text, out_problem);
    free(host_text);
    free(port_text);
    return fd;
}
