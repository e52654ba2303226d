// The clusters that are configured, with all that they borrow from the configuration.
#pragma once

#include <event2/dns.h>

#include "config/config.h"
#include "web/server.h"

struct fleet {
    struct event_base *base;
    struct evdns_base *dns;
    struct config *config;
    struct cluster **cluster; // in the order of the configuration
    size_t count;
    struct cluster_options foreign; // for targets that belong to none of them
    // After fleet_configure, until fleet_forget:
    struct cluster **leaving;
    size_t leaving_count;
    struct config *past;
};

// Takes `config`.
void fleet_init(struct fleet *fleet, struct event_base *base, struct evdns_base *dns,
                struct config *config);

// Another configuration, which is taken: clusters are the same as long as they have the same name.
// Not while one is scraped. What is no more is kept until fleet_forget.
void fleet_configure(struct fleet *fleet, struct config *config);
void fleet_forget(struct fleet *fleet);

// What the server is to serve; borrows from the fleet.
struct server_options fleet_server_options(const struct fleet *fleet);

void fleet_clear(struct fleet *fleet);
