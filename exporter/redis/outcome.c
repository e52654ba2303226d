#include "redis/outcome.h"

static const char *const names[OUTCOME_COUNT] = {
    [OUTCOME_OK] = "ok",
    [OUTCOME_RESOLVE] = "resolve",
    [OUTCOME_REFUSED] = "refused",
    [OUTCOME_UNREACHABLE] = "unreachable",
    [OUTCOME_CONNECT_TIMEOUT] = "connect_timeout",
    [OUTCOME_TLS_TIMEOUT] = "tls_timeout",
    [OUTCOME_TIMEOUT] = "timeout",
    [OUTCOME_CLOSED] = "closed",
    [OUTCOME_AUTH] = "auth",
    [OUTCOME_DENIED] = "denied",
    [OUTCOME_BUSY] = "busy",
    [OUTCOME_MALFORMED] = "malformed",
    [OUTCOME_TOO_LARGE] = "too_large",
    [OUTCOME_WRONG_NODE] = "wrong_node",
    [OUTCOME_NO_ADDRESS] = "no_address",
    [OUTCOME_LOCAL_LIMIT] = "local_limit",
    [OUTCOME_TLS_UNTRUSTED] = "tls_untrusted",
    [OUTCOME_TLS_EXPIRED] = "tls_expired",
    [OUTCOME_TLS_NAME] = "tls_name",
    [OUTCOME_TLS_CLIENT] = "tls_client_certificate",
    [OUTCOME_TLS_VERSION] = "tls_version",
    [OUTCOME_TLS_PLAIN] = "tls_not_spoken",
    [OUTCOME_TLS_WANTED] = "tls_wanted",
    [OUTCOME_TLS] = "tls",
};

const char *outcome_name(enum outcome outcome)
{
    return names[outcome];
}
