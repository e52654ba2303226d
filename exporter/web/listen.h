// Listening sockets.
#pragma once

#include <stddef.h>

enum { LISTEN_SOCKETS_MAX = 8 }; // of one name

// Non-blocking sockets that listen at host:port, [v6]:port or :port (all addresses, IPv6 and IPv4):
// one for each address that the name has, but for those that this machine does not have. Resolves
// names, so it may block: for the start only. How many; 0, and why in `out_problem` (not to be
// freed), when none can be had, or one is taken.
size_t listen_sockets(const char *address, int out_fd[LISTEN_SOCKETS_MAX],
                      const char **out_problem);
