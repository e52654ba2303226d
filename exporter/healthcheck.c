// A client of its own, over a blocking socket: the program does nothing else meanwhile.
#include "healthcheck.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

enum { PATIENCE_SECONDS = 3, STATUS_LINE_MAX = 256 };

struct inquiry {
    char *host; // NULL: this machine
    char *port;
    char *path;
    const char *problem; // NULL: none
};

// What is said in place of strerror() when the patience is over.
static const char *error_text(void)
{
    bool timeout = errno == EAGAIN || errno == EINPROGRESS;
    return timeout ? "no answer in time" : strerror(errno);
}

static char *copy(struct span text)
{
    return mem_copy(text.at, text.length);
}

static bool parse(const char *url, struct inquiry *out)
{
    struct span rest = span_of(url);
    struct span host;
    struct span port;
    struct span place = rest;
    struct span path = SPAN("/-/healthy");
    if (span_starts(rest, SPAN("http://"))) {
        place = rest = span_skip(rest, strlen("http://"));
    }
    if (span_split(rest, '/', &place, &path)) {
        path = span_make(path.at - 1, path.length + 1);
    }
    if (path.length == 1) {
        path = SPAN("/-/healthy");
    }
    if (memchr(place.at, '@', place.length) != NULL || !span_split_last(place, ':', &host, &port) ||
        port.length == 0) {
        out->problem = "is no http://host:port or host:port";
        return false;
    }
    if (host.length > 1 && host.at[0] == '[') {
        host = span_make(host.at + 1, host.length - 2);
    }
    out->host = host.length > 0 ? copy(host) : NULL;
    out->port = copy(port);
    out->path = copy(path);
    return true;
}

static int connect_one(const struct addrinfo *target)
{
    const struct timeval patience = {PATIENCE_SECONDS, 0};
    int fd = socket(target->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)); // of connect() too
    if (connect(fd, target->ai_addr, target->ai_addrlen) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static int connect_any(struct inquiry *inquiry)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int result = getaddrinfo(inquiry->host, inquiry->port, &hints, &found);
    int fd = -1;
    if (result != 0) {
        inquiry->problem = gai_strerror(result);
        return -1;
    }
    for (const struct addrinfo *target = found; target != NULL && fd < 0;
         target = target->ai_next) {
        fd = connect_one(target);
    }
    inquiry->problem = fd < 0 ? error_text() : NULL;
    freeaddrinfo(found);
    return fd;
}

static bool send_request(int fd, struct inquiry *inquiry)
{
    struct buf request = BUF_EMPTY;
    buf_format(&request, "GET %s HTTP/1.1\r\nHost: %s:%s\r\nConnection: close\r\n\r\n",
               inquiry->path, inquiry->host != NULL ? inquiry->host : "localhost", inquiry->port);
    ssize_t sent = send(fd, request.data, request.length, MSG_NOSIGNAL);
    inquiry->problem = sent != (ssize_t)request.length ? error_text() : NULL;
    buf_free(&request);
    return inquiry->problem == NULL;
}

// The first line is enough. `line` is terminated.
static bool read_status(int fd, char line[STATUS_LINE_MAX], struct inquiry *inquiry)
{
    size_t length = 0;
    ssize_t got = 1;
    line[0] = '\0';
    while (got > 0 && strchr(line, '\n') == NULL && length < STATUS_LINE_MAX - 1) {
        got = recv(fd, line + length, STATUS_LINE_MAX - 1 - length, 0);
        length += got > 0 ? (size_t)got : 0;
        line[length] = '\0';
    }
    inquiry->problem = got < 0 ? error_text() : length == 0 ? "closed without an answer" : NULL;
    return inquiry->problem == NULL;
}

static bool ask(int fd, struct inquiry *inquiry)
{
    char line[STATUS_LINE_MAX];
    if (!send_request(fd, inquiry) || !read_status(fd, line, inquiry)) {
        return false;
    }
    if (strncmp(line, "HTTP/1.", strlen("HTTP/1.")) != 0) {
        inquiry->problem = "is no HTTP server";
    } else if (strncmp(line + strcspn(line, " "), " 200 ", 5) != 0) {
        inquiry->problem = "the answer is not 200";
    }
    return inquiry->problem == NULL;
}

bool healthcheck_run(const char *url, FILE *out)
{
    struct inquiry inquiry = {NULL, NULL, NULL, NULL};
    int fd = parse(url, &inquiry) ? connect_any(&inquiry) : -1;
    bool healthy = fd >= 0 && ask(fd, &inquiry);
    if (healthy) {
        fprintf(out, "healthy: %s\n", url);
    } else {
        fprintf(out, "unhealthy: %s: %s\n", url, inquiry.problem);
    }
    if (fd >= 0) {
        close(fd);
    }
    free(inquiry.host);
    free(inquiry.port);
    free(inquiry.path);
    return healthy;
}
