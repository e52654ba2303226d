// What the operator said: command line, then environment, then defaults.
#pragma once

#include <stdio.h>

#include "base/log.h"
#include "cluster/cluster.h"
#include "metrics/page.h"
#include "redis/address_map.h"
#include "redis/tls.h"
#include "web/limits.h"

enum { LISTEN_MAX = 16, ALLOWED_MAX = 64 };

struct options {
    char *redis_addr;
    char *cluster_name;
    char *user;
    char *password;
    char *password_file;
    struct credentials credentials; // of single servers
    struct tls_options tls;
    struct address_map address_map;
    int64_t reply_timeout_us;
    int64_t connect_timeout_us;
    int64_t scrape_timeout_us;
    int64_t timeout_offset_us;
    enum node_label node_label;
    char *listen[LISTEN_MAX];
    size_t listen_count;
    char *telemetry_path;
    struct limit_options limits;
    collector_set collectors; // turned on
    collector_set chosen;     // turned on or off by name
    bool disable_default_collectors;
    enum dialect dialect; // of the metrics page
    bool one_host;
    size_t full_views;
    char *allowed[ALLOWED_MAX];
    size_t allowed_count;
    struct collect_options collect;
    regex_t search_indexes;
    bool has_search_indexes; // it is compiled
    char *print_acl;
    enum log_level log_level;
    enum log_format log_format;
    bool check;        // the cluster of redis_addr, once
    char *healthcheck; // NULL: not asked for; "": of the first listening address; or a URL
    bool show_help;
    bool show_version;
    bool print_metrics;
    bool password_was_visible; // in the process list, until it was overwritten
    // Derived:
    struct seed *seed;
    size_t seed_count;
};

// Reads them; passwords in `argv` are overwritten. NULL, or one line that says what is wrong and
// names the flag or variable: free() it. `out` is to be cleared in both cases.
char *options_read(int argc, char **argv, struct options *out);
void options_clear(struct options *options);

void options_print_help(FILE *out);
