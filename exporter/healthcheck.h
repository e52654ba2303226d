// --healthcheck: whether the exporter that runs here answers, for a container that has no curl.
#pragma once

#include <stdbool.h>
#include <stdio.h>

// Asks the HTTP server at `url`: http://host:port[/path], or host:port as --web.listen-address has
// it (no host: this machine). No path stands for /-/healthy. Waits at most a few seconds. Writes
// one line to `out`, and gives whether the answer was 200.
bool healthcheck_run(const char *url, FILE *out);
