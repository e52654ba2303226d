#include "web/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/span.h"

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

// Some resolvers give an address twice, as often as /etc/hosts has the name.
static bool is_repeated(const struct addrinfo *found, const struct addrinfo *target)
{
    while (found != target && (found->ai_addrlen != target->ai_addrlen ||
                               memcmp(found->ai_addr, target->ai_addr, found->ai_addrlen) != 0)) {
        found = found->ai_next;
    }
    return found != target;
}

// This machine has no such address.
static bool is_foreign(int error)
{
    return error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL;
}

// How many; below 0 when none can be had, or one cannot for another reason than being foreign.
static int open_sockets(const struct addrinfo *found, int *out_fd)
{
    int count = 0;
    for (const struct addrinfo *target = found; target != NULL && count < LISTEN_SOCKETS_MAX;
         target = target->ai_next) {
        int fd = is_repeated(found, target) ? -EADDRNOTAVAIL : open_socket(target);
        if (fd >= 0) {
            out_fd[count++] = fd;
        } else if (!is_foreign(fd)) {
            while (count > 0) {
                close(out_fd[--count]);
            }
            return fd;
        }
    }
    return count > 0 ? count : -EADDRNOTAVAIL;
}

static int listen_at(const char *host, const char *port, int family, int *out_fd,
                     const char **out_problem)
{
    struct addrinfo hints = {
        .ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    int result = getaddrinfo(host, port, &hints, &found);
    if (result != 0) {
        *out_problem = gai_strerror(result);
        return -EADDRNOTAVAIL;
    }
    int count = open_sockets(found, out_fd);
    *out_problem = count < 0 ? strerror(-count) : NULL;
    freeaddrinfo(found);
    return count;
}

// IPv6 with IPv4 where the machine has it, else IPv4.
static int listen_everywhere(const char *port, int *out_fd, const char **out_problem)
{
    int count = listen_at(NULL, port, AF_INET6, out_fd, out_problem);
    return is_foreign(count) ? listen_at(NULL, port, AF_INET, out_fd, out_problem) : count;
}

size_t listen_sockets(const char *address, int out_fd[LISTEN_SOCKETS_MAX], const char **out_problem)
{
    struct span host;
    struct span port;
    *out_problem = "is no host:port";
    if (!span_split_last(span_of(address), ':', &host, &port)) {
        return 0;
    }
    if (host.length > 1 && host.at[0] == '[') {
        host = span_make(host.at + 1, host.length - 2);
    }
    char *host_text = mem_copy(host.at, host.length);
    char *port_text = mem_copy(port.at, port.length);
    int count = host.length == 0 ? listen_everywhere(port_text, out_fd, out_problem)
                                 : listen_at(host_text, port_text, AF_UNSPEC, out_fd, out_problem);
    free(host_text);
    free(port_text);
    return count > 0 ? (size_t)count : 0;
}

static void add_unix_name(struct buf *out, const struct sockaddr *address, socklen_t size)
{
    const struct sockaddr_un *file = (const void *)address;
    size_t room = size - offsetof(struct sockaddr_un, sun_path);
    buf_text(out, "unix:");
    buf_bytes(out, file->sun_path, strnlen(file->sun_path, room));
}

char *listen_name(int fd)
{
    struct sockaddr_storage storage = {.ss_family = AF_UNSPEC};
    struct sockaddr *address = (struct sockaddr *)&storage;
    socklen_t size = sizeof(storage);
    char host[NI_MAXHOST];
    char port[NI_MAXSERV];
    struct buf out = BUF_EMPTY;
    if (getsockname(fd, address, &size) != 0) {
        buf_text(&out, "unknown");
    } else if (address->sa_family == AF_UNIX) {
        add_unix_name(&out, address, size);
    } else if (getnameinfo(address, size, host, sizeof(host), port, sizeof(port),
                           NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
        bool v6 = strchr(host, ':') != NULL;
        buf_format(&out, "%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
    }
    return buf_take(&out);
}
