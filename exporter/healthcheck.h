// --healthcheck: whether the exporter that runs here answers, for a container that has no curl.
#pragma once

#include <stdbool.h>
#include <stdio.h>

// Asks the HTTP server at `url`: http://host:port[/path], https://, or what --web.listen-address
// takes: host:port (no host: this machine) or unix:/path. No path stands for /-/healthy. Without a
// scheme, TLS is tried where plain HTTP is not understood. The certificate is not looked at: no
// secret is sent, and the server is this machine's own. Waits at most a few seconds. Writes one
// line to `out`, and gives whether the server is well: 200, or that it asks for a password (401) or
// for patience (429), which these pages are not exempt from, or that it ends a connection of TLS
// for which it wants a client certificate.
bool healthcheck_run(const char *url, FILE *out);
