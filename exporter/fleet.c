#include "fleet.h"

#include <stdlib.h>

#include "base/mem.h"
#include "config/login.h"

enum { REPLY_BYTES_MAX = 64 << 20 };

// The page of one node is that of redis_exporter, which has the histograms.
static collector_set node_collectors(const struct options *options)
{
    collector_set histogram = collector_bit(COLLECTOR_LATENCY_HISTOGRAM);
    return options->chosen & histogram ? options->collectors : options->collectors | histogram;
}

static struct cluster_options cluster_options(const struct fleet *fleet, struct options *options)
{
    return (struct cluster_options){
        .name = options->cluster_name,
        .seed = options->seed,
        .seed_count = options->seed_count,
        .node_label = options->node_label,
        .full_views = options->check ? 0 : options->full_views,
        .max_nodes = options->max_nodes,
        .allow_nodes = options->allow_nodes,
        .one_host = options->one_host,
        .expect = options->expect,
        .collectors = options->collectors,
        .node_collectors = node_collectors(options),
        .collect = &options->collect,
        .renew_login = login_renew,
        .login_owner = options,
        .conn = {.base = fleet->base,
                 .dns = fleet->dns,
                 .login = &options->login,
                 .credentials = &options->credentials,
                 .tls = options->use_tls ? options->tls_context : NULL,
                 .address_map = &options->address_map,
                 .connect_timeout_us = options->connect_timeout_us,
                 .reply_timeout_us = options->reply_timeout_us,
                 .reply_bytes_max = REPLY_BYTES_MAX},
    };
}

static struct cluster *take_named(struct cluster **known, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (known[i] != NULL && strcmp(known[i]->options.name, name) == 0) {
            struct cluster *found = known[i];
            known[i] = NULL;
            return found;
        }
    }
    return NULL;
}

static bool is_same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool is_same_tls(const struct tls_options *a, const struct tls_options *b)
{
    return is_same_text(a->ca_file, b->ca_file) && is_same_text(a->cert_file, b->cert_file) &&
           is_same_text(a->key_file, b->key_file) && is_same_text(a->server_name, b->server_name) &&
           a->min_version == b->min_version && a->skip_verify == b->skip_verify;
}

// Whether connections made by the one can go on by the other.
static bool connects_alike(const struct options *a, const struct options *b)
{
    return login_is_same(a, b) && a->use_tls == b->use_tls && is_same_tls(&a->tls, &b->tls) &&
           address_map_equal(&a->address_map, &b->address_map);
}

static struct options *find_options(const struct config *config, const char *name)
{
    for (size_t i = 0; config != NULL && i < config->cluster_count; i++) {
        if (strcmp(config->cluster[i]->cluster_name, name) == 0) {
            return config->cluster[i];
        }
    }
    return NULL;
}

static struct cluster *make_cluster(struct fleet *fleet, struct cluster *known,
                                    struct options *options)
{
    struct cluster_options wanted = cluster_options(fleet, options);
    const struct options *before = find_options(fleet->past, options->cluster_name);
    if (known == NULL) {
        return cluster_new(&wanted);
    }
    cluster_configure(known, &wanted, before == NULL || !connects_alike(before, options));
    return known;
}

void fleet_configure(struct fleet *fleet, struct config *config)
{
    fleet->past = fleet->config;
    fleet->leaving = fleet->cluster;
    fleet->leaving_count = fleet->count;
    fleet->config = config;
    fleet->count = config->cluster_count;
    fleet->cluster = mem_new(fleet->count, sizeof(fleet->cluster[0]));
    for (size_t i = 0; i < fleet->count; i++) {
        struct options *options = config->cluster[i];
        struct cluster *known =
            take_named(fleet->leaving, fleet->leaving_count, options->cluster_name);
        fleet->cluster[i] = make_cluster(fleet, known, options);
    }
    fleet->foreign = cluster_options(fleet, &config->common);
}

void fleet_forget(struct fleet *fleet)
{
    for (size_t i = 0; i < fleet->leaving_count; i++) {
        cluster_free(fleet->leaving[i]);
    }
    free(fleet->leaving);
    fleet->leaving = NULL;
    fleet->leaving_count = 0;
    config_free(fleet->past);
    fleet->past = NULL;
}

void fleet_init(struct fleet *fleet, struct event_base *base, struct evdns_base *dns,
                struct config *config)
{
    *fleet = (struct fleet){.base = base, .dns = dns};
    fleet_configure(fleet, config);
}

struct server_options fleet_server_options(const struct fleet *fleet)
{
    const struct options *options = &fleet->config->common;
    return (struct server_options){
        .base = fleet->base,
        .cluster = fleet->cluster,
        .cluster_count = fleet->count,
        .telemetry_path = options->telemetry_path,
        .dialect = options->dialect,
        .limits = options->limits,
        .targets = {.cluster = fleet->cluster,
                    .cluster_count = fleet->count,
                    .allowed = options->allowed,
                    .allowed_count = options->allowed_count,
                    .refuse_keys = options->refuse_keys,
                    .foreign = &fleet->foreign,
                    .tls = options->tls_context,
                    .scrape_timeout_us = options->scrape_timeout_us,
                    .timeout_offset_us = options->timeout_offset_us},
    };
}

void fleet_clear(struct fleet *fleet)
{
    for (size_t i = 0; i < fleet->count; i++) {
        scrape_abort(fleet->cluster[i]);
        cluster_free(fleet->cluster[i]);
    }
    free(fleet->cluster);
    config_free(fleet->config);
}
