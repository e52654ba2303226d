// Listening sockets.
#pragma once

// A non-blocking socket that listens at host:port, [v6]:port or :port (all addresses, IPv6 and
// IPv4); resolves names, so it may block: for the start only. -1, and why in `out_problem`
// (not to be freed), when that cannot be had.
int listen_socket(const char *address, const char **out_problem);
