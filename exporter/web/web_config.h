// The file of --web.config.file, in the format of Prometheus' exporter-toolkit.
#pragma once

#include <stdint.h>

#include "base/span.h"
#include "web/tls_settings.h"

struct web_header {
    const char *name;
    char *value; // NULL: not sent
};

enum { WEB_HEADERS = 5 };

struct web_user {
    char *name;
    char *hash; // bcrypt, as crypt(3) knows it
};

struct web_config {
    struct tls_settings tls;
    struct web_header header[WEB_HEADERS];
    struct web_user *user; // none: everybody may ask
    size_t user_count;
    size_t user_capacity;
    int64_t rate_interval_us; // between requests, over all clients; 0: no limit
    int64_t rate_burst;
};

// Reads the file, but not those that it names, whose paths are made relative to it. NULL, or one
// line that begins with FILE:LINE: free() it. `out` is to be cleared in both cases.
char *web_config_read(const char *path, struct web_config *out);
void web_config_clear(struct web_config *config);
