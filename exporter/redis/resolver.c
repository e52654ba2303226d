#include "redis/resolver.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum {
    TRIES = 4,                   // of one name, at one name server after the other
    TRY_US_MAX = SECOND_US,      // where the limit on connecting is generous
    TRY_US_MIN = SECOND_US / 200 // libevent refuses less than 1 ms
};

// What libevent has to say is about name servers.
static void on_message(int severity, const char *message)
{
    static const enum log_level levels[] = {[EVENT_LOG_DEBUG] = LOG_DEBUG,
                                            [EVENT_LOG_MSG] = LOG_INFO,
                                            [EVENT_LOG_WARN] = LOG_WARN,
                                            [EVENT_LOG_ERR] = LOG_ERROR};
    log_line(levels[severity], "resolver", "detail", message, NULL);
}

// libevent's own limit for one try is longer than connecting may take.
static void set_limits(struct evdns_base *dns, int64_t connect_timeout_us)
{
    int64_t try_us = connect_timeout_us / TRIES;
    char seconds[32];
    char tries[8];
    try_us = try_us > TRY_US_MAX ? TRY_US_MAX : try_us;
    try_us = try_us < TRY_US_MIN ? TRY_US_MIN : try_us;
    snprintf(seconds, sizeof(seconds), "%.3f", (double)try_us / SECOND_US);
    snprintf(tries, sizeof(tries), "%d", TRIES);
    CHECK(evdns_base_set_option(dns, "timeout:", seconds) == 0);
    CHECK(evdns_base_set_option(dns, "attempts:", tries) == 0);
}

struct evdns_base *resolver_new(struct event_base *base, int64_t connect_timeout_us)
{
    int flags = EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE;
    event_set_log_callback(on_message);
    struct evdns_base *dns = evdns_base_new(base, flags);
    if (dns == NULL) {
        dns = evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
        CHECK(dns != NULL);
        evdns_base_load_hosts(dns, "/etc/hosts");
    }
    set_limits(dns, connect_timeout_us);
    return dns;
}
