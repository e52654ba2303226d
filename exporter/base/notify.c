// Each message is sent over a socket of its own: they are few, and a manager that was restarted is
// found again.
#include "base/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"

// False for a name that is no unix socket (a virtual machine's "vsock:"), or too long.
static bool socket_address(const char *name, struct sockaddr_un *out, socklen_t *out_length)
{
    size_t length = strlen(name);
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if ((name[0] != '/' && name[0] != '@') || length < 2 || length >= sizeof(out->sun_path)) {
        return false;
    }
    memcpy(out->sun_path, name, length);
    *out_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (name[0] == '@') {
        out->sun_path[0] = '\0'; // no terminator: each byte is part of an abstract name
    } else {
        *out_length += 1;
    }
    return true;
}

// 0, or an errno value.
static int send_to(const char *name, const struct buf *message)
{
    struct sockaddr_un address;
    socklen_t length;
    if (!socket_address(name, &address, &length)) {
        return EAFNOSUPPORT;
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return errno;
    }
    ssize_t sent = sendto(fd, message->data, message->length, MSG_NOSIGNAL,
                          (const struct sockaddr *)&address, length);
    int error = sent < 0 ? errno : 0;
    close(fd);
    return error;
}

static void send_message(const struct buf *message)
{
    static bool complained;
    const char *name = getenv("NOTIFY_SOCKET");
    int error = name != NULL && name[0] != '\0' ? send_to(name, message) : 0;
    if (error != 0 && !complained) {
        complained = true;
        log_warn("the service manager cannot be told how this program is doing", "NOTIFY_SOCKET",
                 name, "error", strerror(error));
    }
}

static void send_text(const char *text)
{
    struct buf message = BUF_EMPTY;
    buf_text(&message, text);
    send_message(&message);
    buf_free(&message);
}

// A line end would begin a message of its own, and what is no UTF-8 makes systemd drop the status.
static void add_status(struct buf *message, const char *status)
{
    struct span rest = span_of(status);
    buf_text(message, "\nSTATUS=");
    size_t end = message->length + NOTIFY_STATUS_MAX;
    while (rest.length > 0 && message->length < end) {
        size_t length = utf8_length(rest);
        if (length > end - message->length) {
            return;
        }
        if (length == 0 || (unsigned char)rest.at[0] < ' ') {
            buf_char(message, length == 0 ? '?' : ' ');
        } else {
            buf_bytes(message, rest.at, length);
        }
        rest = span_skip(rest, length > 0 ? length : 1);
    }
}

void notify_ready(const char *status)
{
    struct buf message = BUF_EMPTY;
    buf_text(&message, "READY=1");
    if (status != NULL) {
        add_status(&message, status);
    }
    send_message(&message);
    buf_free(&message);
}

// The time tells systemd which of several reloads this is an answer to.
void notify_reloading(void)
{
    struct buf message = BUF_EMPTY;
    buf_format(&message, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_monotonic_us());
    send_message(&message);
    buf_free(&message);
}

void notify_stopping(void)
{
    send_text("STOPPING=1\nSTATUS=stopping");
}

void notify_watchdog(void)
{
    send_text("WATCHDOG=1");
}

// A number that is nothing but digits; 0 for everything else.
static int64_t variable_number(const char *name)
{
    const char *text = getenv(name);
    char *end = NULL;
    if (text == NULL || text[0] < '0' || text[0] > '9') {
        return 0;
    }
    errno = 0;
    long long number = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0' ? number : 0;
}

int64_t notify_watchdog_us(void)
{
    const char *pid = getenv("WATCHDOG_PID");
    if (pid != NULL && pid[0] != '\0' && variable_number("WATCHDOG_PID") != getpid()) {
        return 0; // meant for a parent that started us
    }
    return variable_number("WATCHDOG_USEC") / 2;
}
