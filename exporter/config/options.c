#include "config/options.h"

#include <stdlib.h>

static void clear_secret(char *text)
{
    if (text != NULL) {
        explicit_bzero(text, strlen(text));
    }
    free(text);
}

static void clear_secrets(struct options *options)
{
    clear_secret(options->redis_addr);
    clear_secret(options->password);
    clear_secret(options->file_password);
    credentials_clear(&options->credentials);
    for (size_t i = 0; i < options->seed_count; i++) {
        seed_clear(&options->seed[i]);
    }
    free(options->seed);
}

void options_clear(struct options *options)
{
    clear_secrets(options);
    key_checks_clear(&options->collect.checks);
    if (options->has_search_indexes) {
        regfree(&options->search_indexes);
    }
    tls_free(options->tls_context);
    free(options->tls.ca_file);
    free(options->tls.cert_file);
    free(options->tls.key_file);
    free(options->tls.server_name);
    address_map_clear(&options->address_map);
    free(options->cluster_name);
    free(options->user);
    free(options->password_file);
    free(options->password_source);
    free(options->telemetry_path);
    free(options->web_config);
    free(options->allow_nodes);
    for (size_t i = 0; i < options->listen_count; i++) {
        free(options->listen[i]);
    }
    for (size_t i = 0; i < options->allowed_count; i++) {
        free(options->allowed[i]);
    }
    free(options->config_file);
    free(options->print_acl);
    free(options->healthcheck);
    free(options->place);
}
