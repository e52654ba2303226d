// A client of its own, over a blocking socket: the program does nothing else meanwhile.
#include "healthcheck.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "base/buf.h"
#include "base/mem.h"

enum { PATIENCE_SECONDS = 3, STATUS_LINE_MAX = 256 };

enum scheme { SCHEME_ANY, SCHEME_HTTP, SCHEME_HTTPS };

struct inquiry {
    enum scheme scheme;
    char *host; // NULL: this machine
    char *port; // NULL: a Unix socket
    char *path; // of the page
    struct sockaddr_un socket;
    const char *problem;     // NULL: none
    bool certificate_wanted; // and all that was seen is a handshake
};

// What is sent and read goes through TLS where there is `tls`.
struct line {
    int fd;
    SSL_CTX *context;
    SSL *tls;
    bool certificate_wanted; // of us, by the server
};

static const char too_late[] = "no answer in time";

// OpenSSL leaves 0 where TLS has failed rather than the socket.
static const char *error_text(void)
{
    bool timeout = errno == EAGAIN || errno == EINPROGRESS;
    return timeout ? too_late : errno == 0 ? "TLS has failed" : strerror(errno);
}

static char *copy(struct span text)
{
    return mem_copy(text.at, text.length);
}

static bool parse_unix(struct span path, struct inquiry *out)
{
    out->socket.sun_family = AF_UNIX;
    out->path = copy(SPAN("/-/healthy"));
    if (!span_copy(path, out->socket.sun_path, sizeof(out->socket.sun_path))) {
        out->problem = "the path is too long for a Unix socket";
    }
    return out->problem == NULL;
}

static bool parse_place(struct span place, struct inquiry *out)
{
    struct span host;
    struct span port;
    if (memchr(place.at, '@', place.length) != NULL || !span_split_last(place, ':', &host, &port) ||
        port.length == 0) {
        out->problem = "is no http://host:port, host:port or unix:/path";
        return false;
    }
    if (host.length > 1 && host.at[0] == '[') {
        host = span_make(host.at + 1, host.length - 2);
    }
    out->host = host.length > 0 ? copy(host) : NULL;
    out->port = copy(port);
    return true;
}

static bool parse(const char *url, struct inquiry *out)
{
    struct span rest = span_of(url);
    struct span path = SPAN("/-/healthy");
    struct span before;
    struct span after;
    if (span_starts(rest, SPAN("unix:/"))) {
        return parse_unix(span_skip(rest, strlen("unix:")), out);
    }
    if (span_starts(rest, SPAN("http://"))) {
        out->scheme = SCHEME_HTTP;
        rest = span_skip(rest, strlen("http://"));
    } else if (span_starts(rest, SPAN("https://"))) {
        out->scheme = SCHEME_HTTPS;
        rest = span_skip(rest, strlen("https://"));
    }
    if (span_split(rest, '/', &before, &after)) {
        rest = before;
        path = after.length > 0 ? span_make(after.at - 1, after.length + 1) : path;
    }
    out->path = copy(path);
    return parse_place(rest, out);
}

static int connect_one(const struct sockaddr *address, socklen_t length)
{
    const struct timeval patience = {PATIENCE_SECONDS, 0};
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)); // of connect() too
    if (connect(fd, address, length) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static int connect_any(struct inquiry *inquiry)
{
    if (inquiry->port == NULL) {
        int unix_fd =
            connect_one((const struct sockaddr *)&inquiry->socket, sizeof(inquiry->socket));
        inquiry->problem = unix_fd < 0 ? error_text() : NULL;
        return unix_fd;
    }
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
        fd = connect_one(target->ai_addr, target->ai_addrlen);
    }
    inquiry->problem = fd < 0 ? error_text() : NULL;
    freeaddrinfo(found);
    return fd;
}

// We have none: the handshake goes on without.
static int on_certificate_wanted(SSL *tls, X509 **certificate, EVP_PKEY **key)
{
    struct line *line = SSL_get_app_data(tls);
    (void)certificate;
    (void)key;
    line->certificate_wanted = true;
    return 0;
}

static bool start_tls(struct line *line, struct inquiry *inquiry)
{
    line->context = SSL_CTX_new(TLS_client_method());
    CHECK(line->context != NULL);
    SSL_CTX_set_client_cert_cb(line->context, on_certificate_wanted);
    line->tls = SSL_new(line->context);
    CHECK(line->tls != NULL);
    SSL_set_app_data(line->tls, line);
    errno = 0;
    bool done = SSL_set_fd(line->tls, line->fd) == 1 && SSL_connect(line->tls) == 1;
    inquiry->problem = done ? NULL : errno == EAGAIN ? too_late : "the TLS handshake failed";
    return done;
}

static void hang_up(struct line *line)
{
    SSL_free(line->tls);
    SSL_CTX_free(line->context);
    if (line->fd >= 0) {
        close(line->fd);
    }
}

static bool send_request(struct line *line, struct inquiry *inquiry)
{
    struct buf request = BUF_EMPTY;
    buf_format(&request, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", inquiry->path,
               inquiry->host != NULL ? inquiry->host : "localhost");
    ssize_t sent = line->tls != NULL ? SSL_write(line->tls, request.data, (int)request.length)
                                     : send(line->fd, request.data, request.length, 0);
    inquiry->problem = sent != (ssize_t)request.length ? error_text() : NULL;
    buf_free(&request);
    return inquiry->problem == NULL;
}

// The first line is enough. `text` is terminated.
static bool read_status(struct line *line, char text[STATUS_LINE_MAX], struct inquiry *inquiry)
{
    size_t length = 0;
    ssize_t got = 1;
    text[0] = '\0';
    while (got > 0 && strchr(text, '\n') == NULL && length < STATUS_LINE_MAX - 1) {
        size_t room = STATUS_LINE_MAX - 1 - length;
        errno = 0;
        got = line->tls != NULL ? SSL_read(line->tls, text + length, (int)room)
                                : recv(line->fd, text + length, room, 0);
        length += got > 0 ? (size_t)got : 0;
        text[length] = '\0';
    }
    if (got < 0) {
        inquiry->problem = error_text();
    } else {
        inquiry->problem = length == 0 ? "closed without an answer" : NULL;
    }
    return inquiry->problem == NULL;
}

static bool is_well(const char *status_line)
{
    static const char *const well[] = {" 200 ", " 401 ", " 429 "};
    struct span status = span_of(status_line + strcspn(status_line, " "));
    return span_starts_any(status, well, sizeof(well) / sizeof(well[0]));
}

// A server that insists on a certificate of ours ends the connection, at once or, by TLS 1.3, when
// the request is on its way; to say so much it has to be alive.
static bool is_turned_away(const struct line *line, const struct inquiry *inquiry)
{
    return line->certificate_wanted && inquiry->problem != too_late;
}

// One attempt. False with *out_other when who is there does not speak HTTP.
static bool ask(struct inquiry *inquiry, bool tls, bool *out_other)
{
    char text[STATUS_LINE_MAX];
    inquiry->problem = NULL;
    struct line line = {.fd = connect_any(inquiry)};
    bool answered = line.fd >= 0 && (!tls || start_tls(&line, inquiry)) &&
                    send_request(&line, inquiry) && read_status(&line, text, inquiry);
    bool foreign = !answered || strncmp(text, "HTTP/1.", strlen("HTTP/1.")) != 0;
    *out_other = line.fd >= 0 && foreign && inquiry->problem != too_late;
    if (!answered && is_turned_away(&line, inquiry)) {
        inquiry->certificate_wanted = true;
        inquiry->problem = NULL;
    } else if (answered && *out_other) {
        inquiry->problem = "is no HTTP server";
    } else if (answered && !is_well(text)) {
        inquiry->problem = "the answer is not 200";
    }
    hang_up(&line);
    return inquiry->problem == NULL;
}

static bool ask_by_scheme(struct inquiry *inquiry)
{
    bool other = false;
    bool well = ask(inquiry, inquiry->scheme == SCHEME_HTTPS, &other);
    const char *problem = inquiry->problem;
    if (!well && other && inquiry->scheme == SCHEME_ANY) {
        well = ask(inquiry, true, &other);
        inquiry->problem = problem; // of TLS, which nobody asked for, it would confuse
    }
    return well;
}

bool healthcheck_run(const char *url, FILE *out)
{
    struct inquiry inquiry = {.scheme = SCHEME_ANY};
    signal(SIGPIPE, SIG_IGN); // SSL_write knows no MSG_NOSIGNAL
    bool healthy = parse(url, &inquiry) && ask_by_scheme(&inquiry);
    if (healthy && inquiry.certificate_wanted) {
        fprintf(out, "healthy: %s: it wants a client certificate, so only its handshake was seen\n",
                url);
    } else if (healthy) {
        fprintf(out, "healthy: %s\n", url);
    } else {
        fprintf(out, "unhealthy: %s: %s\n", url, inquiry.problem);
    }
    free(inquiry.host);
    free(inquiry.port);
    free(inquiry.path);
    return healthy;
}
