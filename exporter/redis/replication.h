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

// Offsets are bytes of the replication stream, ages whole seconds; -1 where the server does not
// say. Texts are borrowed, and empty where it does not say.
struct replication {
    bool is_replica;
    int64_t master_offset;   // master_repl_offset: of the stream that it passes on
    struct span id;          // master_replid: of the history that this offset is about,
    struct span previous_id; // and of the one before the last failover,
    int64_t previous_end;    // which ended here (second_repl_offset)
    int64_t backlog_bytes;   // repl_backlog_size
    int64_t backlog_first;   // the oldest offset in it
    struct span failover;    // master_failover_state
    // Of a replica:
    struct span master_host;
    uint16_t master_port; // 0: not said
    bool link_up;
    bool syncing;
    int64_t applied;     // slave_repl_offset
    int64_t received;    // slave_read_repl_offset
    int64_t link_down_s; // -1 also when the link was never up
    struct span text;    // the section, for a walk over the replica lines
};

// Reads `info`, which must outlive the result.
struct replication replication_parse(struct span info);

// Takes the next replica line off the front of `rest`, which begins as `text`; false at the end.
bool replication_next(struct span *rest, struct replica_line *out);
