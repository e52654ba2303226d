// What the operator said about the program and about one cluster: command line, then environment,
// then file, then defaults. Each cluster of a file has such a set of its own, as if the exporter
// had been started for that cluster alone.
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
    char *password_source; // who named that file
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
    char *web_config; // path; NULL: none
    bool systemd_socket;
    struct limit_options limits;
    collector_set collectors; // turned on
    collector_set chosen;     // turned on or off by name
    bool disable_default_collectors;
    enum dialect dialect; // of the metrics page
    bool one_host;
    struct expectations expect;
    size_t full_views;
    size_t max_nodes;
    char *allow_nodes; // patterns, separated by commas
    char *allowed[ALLOWED_MAX];
    size_t allowed_count;
    bool refuse_keys; // that requests name
    struct collect_options collect;
    regex_t search_indexes;
    bool has_search_indexes; // it is compiled
    char *config_file;
    bool config_check;
    char *print_acl;
    enum log_level log_level;
    enum log_format log_format;
    bool check;        // the cluster of redis_addr, once
    char *healthcheck; // NULL: not asked for; "": of the first listening address; or a URL
    bool show_help;
    bool show_version;
    bool print_metrics;
    // Derived:
    char *place; // FILE:LINE of a cluster of the file; NULL: it is the one of the flags
    struct seed *seed;
    size_t seed_count;
    bool use_tls;                   // to the cluster of the seeds
    bool has_password_file;         // it was read,
    bool renewal_failed;            // and could not be read again:
    char *file_password;            // what it holds
    struct credentials credentials; // or these, of single servers
    struct login login;             // for all servers; points into the above
    struct tls *tls_context;
};

void options_clear(struct options *options);

void options_print_help(FILE *out);
