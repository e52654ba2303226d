// Listening sockets.
#pragma once

#include <stddef.h>
#include <sys/types.h>

enum {
    LISTEN_SOCKETS_MAX = 16, // of one name, or passed by systemd
    LISTEN_BACKLOG = 128,
    SOCKET_PATH_MAX = 108, // see unix(7); with its end
};

// Non-blocking sockets that listen at host:port, [v6]:port or :port (all addresses, IPv6 and IPv4):
// one for each address that the name has, but for those that this machine does not have. Resolves
// names, so it may block: for the start only. How many; 0, and why in `out_problem` (not to be
// freed), when none can be had, or one is taken.
size_t listen_sockets(const char *address, int out_fd[LISTEN_SOCKETS_MAX],
                      const char **out_problem);

// The file of a Unix socket; removed only while it is still the same one.
struct socket_file {
    char path[SOCKET_PATH_MAX]; // "": none
    dev_t device;
    ino_t inode;
};

// A non-blocking Unix socket that listens at the path, with the permissions that the umask leaves.
// What an earlier process has left there is replaced, if it is a socket and nobody listens at it.
// -1, and why, when it cannot be had.
int listen_unix(const char *path, struct socket_file *out_file, const char **out_problem);
void listen_remove(struct socket_file *file);

// The sockets that systemd has passed, non-blocking now: how many; 0, and why, when there are none,
// or something else was passed. A second call finds none.
size_t listen_systemd(int out_fd[LISTEN_SOCKETS_MAX], const char **out_problem);

// Where a socket listens, as text: host:port or unix:/path; free() it.
char *listen_name(int fd);
