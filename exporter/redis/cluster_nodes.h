// The CLUSTER NODES reply, line by line, as every version since 3.0 writes it.
// Source: redis src/cluster.c clusterGenNodeDescription, redisNodeFlagsTable,
// clusterGenNodesSlotsInfo; since 7.4 and in Valkey src/cluster_legacy.c.
#pragma once

#include "base/span.h"

enum { NODE_ID_SIZE = 41, SLOT_COUNT = 16384 };

enum node_flag {
    NODE_MYSELF = 1 << 0,
    NODE_MASTER = 1 << 1,
    NODE_REPLICA = 1 << 2, // "slave" on the wire
    NODE_PFAIL = 1 << 3,   // "fail?": suspected by the node that answers
    NODE_FAIL = 1 << 4,    // agreed by a majority of masters
    NODE_HANDSHAKE = 1 << 5,
    NODE_NOADDR = 1 << 6,
    NODE_NOFAILOVER = 1 << 7,
};

struct node_line {
    char id[NODE_ID_SIZE];        // 40 hex digits; a shorter word where a server writes one
    char master_id[NODE_ID_SIZE]; // "" when the line has none
    struct span host;             // IPv6 without brackets; empty also when no host is called so
    struct span hostname;         // announced name (7.0); empty as above
    uint16_t port;                // client port; 0 when the server does not know it
    uint16_t bus_port;            // 0 before 4.0
    unsigned flags;               // enum node_flag
    int64_t ping_sent_ms;         // clock of the server that answers; 0: none pending
    int64_t pong_received_ms;
    uint64_t config_epoch;
    bool link_connected;
    struct span slots; // the rest of the line, for slots_next
    uint64_t said;     // a hash of all above but times and slots, the same whoever told it
};

enum parse_result { PARSE_ITEM, PARSE_END, PARSE_BAD };

// Takes the next line off the front of `rest`; empty lines are stepped over. PARSE_BAD: the line is
// not of this format (a truncated reply, or no CLUSTER NODES at all).
enum parse_result cluster_nodes_next(struct span *rest, struct node_line *out);

enum slot_kind { SLOT_OWNED, SLOT_MIGRATING, SLOT_IMPORTING };

struct slot_token {
    enum slot_kind kind;
    uint16_t first;
    uint16_t last;           // SLOT_OWNED; otherwise equal to first
    char peer[NODE_ID_SIZE]; // migrating to, importing from; "" for SLOT_OWNED
};

// Takes the next token (N, A-B, [N->-id], [N-<-id]) off the front of `rest`.
enum parse_result slots_next(struct span *rest, struct slot_token *out);
