#include "config/warnings.h"

#include "base/log.h"

// Nothing but wildcards before the port: but for "*" itself, which sends no password.
static bool trusts_any_host(const char *pattern)
{
    size_t wild = strspn(pattern, "*?");
    return wild > 0 && strcmp(pattern, "*") != 0 &&
           pattern[wild + strspn(pattern + wild, ":0123456789*?")] == '\0';
}

static void warn_of_open_patterns(const struct options *options)
{
    bool has_password = options->login.password != NULL || options->credentials.count > 0;
    for (size_t i = 0; has_password && i < options->allowed_count; i++) {
        if (trusts_any_host(options->allowed[i])) {
            log_warn("a pattern of --scrape.allow has no host: whoever may send requests can have "
                     "the configured password sent to a host of theirs",
                     "pattern", options->allowed[i]);
        }
    }
}

static void warn_of_tls(const struct options *options, bool used)
{
    const struct tls_options *tls = &options->tls;
    if (used && tls->skip_verify) {
        log_warn("--redis.tls-skip-verify: certificates are not checked, so whoever can answer in "
                 "a server's place gets the password",
                 "cluster", options->cluster_name);
    }
    if (!used && (tls->ca_file != NULL || tls->cert_file != NULL || tls->server_name != NULL ||
                  tls->skip_verify)) {
        log_warn("the settings of TLS have no effect: no address begins with rediss://", "cluster",
                 options->cluster_name);
    }
}

// Targets of requests may be spoken to with TLS where the cluster of the flags is not.
static void warn_of_each_tls(const struct config *config)
{
    for (size_t i = 0; i < config->cluster_count; i++) {
        const struct options *options = config->cluster[i];
        bool has_targets = options == &config->common && options->allowed_count > 0;
        warn_of_tls(options, options->use_tls || has_targets);
    }
}

void warnings_log(const struct config *config)
{
    warn_of_open_patterns(&config->common);
    warn_of_each_tls(config);
}
