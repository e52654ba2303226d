// What a client can take: format and encoding of a metrics page, by its request headers.
// Source: RFC 9110 (12.5.1, 12.5.3); Prometheus documentation, "Content negotiation".
#pragma once

#include "metrics/page.h"

struct negotiated {
    enum page_format format;
    char content_type[128];
};

// `accept` may be NULL. The best format that the client names; without any, the text format.
struct negotiated negotiate_format(const char *accept);

// Whether the client takes gzip; `accept_encoding` may be NULL.
bool negotiate_gzip(const char *accept_encoding);
