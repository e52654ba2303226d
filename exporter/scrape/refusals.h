// Requests that a limit turned away or cut off, counted for the exporter's own metrics.
#pragma once

#include <stdint.h>

struct emitter;

enum limit {
    LIMIT_NONE,
    LIMIT_REQUESTS,     // waiting for an answer
    LIMIT_SCRAPE_RATE,  // requests a second about nodes
    LIMIT_CLUSTER_RATE, // about clusters
    LIMIT_CONNECTIONS,  // of HTTP, to one listening address
    LIMIT_TARGETS,      // being scraped
    LIMIT_PAGE_SIZE,    // bytes of one page
    LIMIT_SENDING_SIZE, // bytes of all pages that are being sent
    LIMIT_SEND_TIMEOUT, // until a client has read its page
    LIMIT_WEB_RATE,     // rate_limit of the web configuration
    LIMIT_LOGINS,       // passwords that wait to be compared
    LIMIT_COUNT,
};

void refusals_count(enum limit limit); // not LIMIT_NONE
void refusals_emit(struct emitter *to);
