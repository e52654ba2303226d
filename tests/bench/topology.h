// The simulated cluster as its nodes see it: who is a member, who is master, who fails, which slots
// are whose; and how that changes.
//
// The first half of the nodes and the second are pairs: node i and the node that is half of all
// behind it are one shard. At the start the first of each is master.
#pragma once

#include "base/buf.h"

enum { NODE_ID_LENGTH = 40, NODE_ADDRESS_SIZE = 16 };

struct topology {
    size_t nodes; // that there can be
    size_t shards;
    uint16_t port;
    unsigned epoch; // the current one, of five digits
    struct shard *shard;
    bool *down;       // by node
    struct buf view;  // CLUSTER NODES, without "myself,"
    size_t *flags_at; // by node, in `view`
};

struct topology *topology_new(size_t nodes, uint16_t port);
void topology_free(struct topology *topology);

// The address of a node, of the same length for all nodes.
void topology_address(size_t node, char out[NODE_ADDRESS_SIZE]);

// 40 hexadecimal digits: what tells a node, its process, and its shard's data from all others.
void topology_node_id(const struct topology *topology, size_t node, char out[NODE_ID_LENGTH + 1]);
void topology_run_id(const struct topology *topology, size_t node, char out[NODE_ID_LENGTH + 1]);
void topology_data_id(const struct topology *topology, size_t node, char out[NODE_ID_LENGTH + 1]);

size_t topology_peer(const struct topology *topology, size_t node);
bool topology_is_master(const struct topology *topology, size_t node);
unsigned topology_epoch(const struct topology *topology, size_t node);
size_t topology_known_nodes(const struct topology *topology);
size_t topology_size(const struct topology *topology); // shards that are there

// Whether it is there and takes connections.
bool topology_is_open(const struct topology *topology, size_t node);

// Adds CLUSTER NODES as a node that is there sees it, as a bulk string.
void topology_add_view(const struct topology *topology, size_t node, struct buf *out);

// "LEAVE" and "JOIN" (with new ids) of a shard, "FAILOVER" of a shard, "DOWN" and "UP" of a node.
// False when there is no such thing.
bool topology_change(struct topology *topology, struct span what, size_t number);
