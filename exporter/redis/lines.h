// Replies that are lines of key:value: INFO and CLUSTER INFO.
// Source: redis src/server.c genRedisInfoString, src/cluster.c clusterCommand ("info").
#pragma once

#include "base/span.h"

struct line {
    struct span key;
    struct span value;
};

// Takes the next key:value line off the front of `rest`, stepping over comments ("# Server"), blank
// lines and lines without a colon. Line ends are CRLF or LF. False at the end.
bool lines_next(struct span *rest, struct line *out);

// Takes the next part of "name=value,name=value" off the front of `rest`; false at the end. A part
// without '=' has an empty name and is all value.
bool lines_next_part(struct span *rest, struct line *out);

// The value of one named part.
bool lines_find_part(struct span value, struct span name, struct span *out_value);
