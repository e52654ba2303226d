// INFO's replication section, as far as cluster-wide judgements need it.
// Source: redis src/server.c genRedisInfoString, "Replication".
#pragma once

#include "redis/lines.h"

// One slaveN line of a master.
struct replica_line {
    struct span ip;
    uint16_t port;
    struct span state; // online, wait_bgsave, send_bulk, ...
    int64_t offset;    // the last acknowledged one; -1 when the server does not say
    int64_t ack_age_s; // "lag" on the wire: seconds since the last acknowledgement; -1 as above
    bool channel_only; // an auxiliary connection of a replica that is listed by another line
};

// Reads a line whose key is "slave" and digits; false for any other.
bool replica_line_parse(const struct line *line, struct replica_line *out);

struct replication {
    bool is_replica;
    int64_t master_offset; // master_repl_offset; -1 when absent
    struct span text;      // the section, for a walk over the replica lines; borrowed
};

// Reads `info`, which must outlive the result.
struct replication replication_parse(struct span info);

// Takes the next replica line off the front of `rest`, which begins as `text`; false at the end.
bool replication_next(struct span *rest, struct replica_line *out);
