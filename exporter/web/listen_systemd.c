// The protocol of sd_listen_fds(3): descriptors from 3 on, LISTEN_FDS of them, for LISTEN_PID.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/span.h"
#include "web/listen.h"

enum { FIRST_FD = 3 };

static bool read_number(const char *variable, uint64_t *out)
{
    const char *text = getenv(variable);
    return text != NULL && span_u64(span_of(text), out);
}

static bool is_listening(int fd)
{
    int type = 0;
    int listening = 0;
    socklen_t size = sizeof(int);
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening != 0;
}

static bool prepare(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return is_listening(fd) && flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
           fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

size_t listen_systemd(int out_fd[LISTEN_SOCKETS_MAX], const char **out_problem)
{
    uint64_t pid;
    uint64_t count;
    bool ours = read_number("LISTEN_PID", &pid) && pid == (uint64_t)getpid() &&
                read_number("LISTEN_FDS", &count) && count > 0;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (!ours) {
        *out_problem = "systemd passed no socket: start the socket unit, not the service alone";
        return 0;
    }
    if (count > LISTEN_SOCKETS_MAX) {
        *out_problem = "systemd passed too many sockets";
        return 0;
    }
    for (int i = 0; i < (int)count; i++) {
        out_fd[i] = FIRST_FD + i;
        if (!prepare(out_fd[i])) {
            *out_problem = "systemd passed a descriptor that is no listening stream socket";
            return 0;
        }
    }
    return (size_t)count;
}
