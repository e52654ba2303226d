#include "topology.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"

enum { SLOTS = 16384, BUS_OFFSET = 10000, EPOCH_MIN = 10000, EPOCH_MAX = 99999 };

struct shard {
    bool absent;
    bool swapped; // the second node is master
    unsigned epoch;
    unsigned generation; // how often it has joined
};

// ---- names and numbers of the nodes ----

void topology_address(size_t node, char out[NODE_ADDRESS_SIZE])
{
    (void)snprintf(out, NODE_ADDRESS_SIZE, "127.1.%03zu.%03zu", 100 + node / 100 % 100,
                   100 + node % 100);
}

static uint64_t mixed(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

// Digits that look random and are the same at each call.
static void write_id(uint64_t number, uint64_t purpose, char out[NODE_ID_LENGTH + 1])
{
    uint64_t a = mixed(number * 3 + purpose + 1);
    uint64_t b = mixed(a + 1);
    (void)snprintf(out, NODE_ID_LENGTH + 1, "%016" PRIx64 "%016" PRIx64 "%08" PRIx32, a, b,
                   (uint32_t)mixed(b));
}

enum { PURPOSE_NODE = 0, PURPOSE_RUN = 1 << 20, PURPOSE_SHARD = 1 << 21 };

static size_t shard_of(const struct topology *topology, size_t node)
{
    return node % topology->shards;
}

static size_t master_of(const struct topology *topology, size_t shard)
{
    return topology->shard[shard].swapped ? shard + topology->shards : shard;
}

static uint64_t number_of(const struct topology *topology, size_t node)
{
    uint64_t generation = topology->shard[shard_of(topology, node)].generation;
    return node + (generation << 24);
}

void topology_node_id(const struct topology *topology, size_t node, char out[NODE_ID_LENGTH + 1])
{
    write_id(number_of(topology, node), PURPOSE_NODE, out);
}

void topology_run_id(const struct topology *topology, size_t node, char out[NODE_ID_LENGTH + 1])
{
    write_id(number_of(topology, node), PURPOSE_RUN, out);
}

void topology_data_id(const struct topology *topology, size_t node, char out[NODE_ID_LENGTH + 1])
{
    write_id(number_of(topology, shard_of(topology, node)), PURPOSE_SHARD, out);
}

size_t topology_peer(const struct topology *topology, size_t node)
{
    return (node + topology->shards) % topology->nodes;
}

bool topology_is_master(const struct topology *topology, size_t node)
{
    return master_of(topology, shard_of(topology, node)) == node;
}

unsigned topology_epoch(const struct topology *topology, size_t node)
{
    return topology->shard[shard_of(topology, node)].epoch;
}

size_t topology_size(const struct topology *topology)
{
    size_t count = 0;
    for (size_t i = 0; i < topology->shards; i++) {
        count += !topology->shard[i].absent;
    }
    return count;
}

size_t topology_known_nodes(const struct topology *topology)
{
    return topology_size(topology) * (topology->nodes / topology->shards);
}

bool topology_is_open(const struct topology *topology, size_t node)
{
    return !topology->shard[shard_of(topology, node)].absent && !topology->down[node];
}

// ---- CLUSTER NODES ----

// The `index`th of the `count` shards that are there has an even share of the slots.
static void add_slots(struct buf *out, size_t index, size_t count)
{
    buf_format(out, " %zu-%zu", SLOTS * index / count, SLOTS * (index + 1) / count - 1);
}

static void add_line(struct topology *topology, size_t node, size_t index, size_t count)
{
    char id[NODE_ID_LENGTH + 1];
    char address[NODE_ADDRESS_SIZE];
    struct buf *out = &topology->view;
    bool is_master = topology_is_master(topology, node);
    bool is_down = topology->down[node];
    topology_node_id(topology, node, id);
    topology_address(node, address);
    buf_format(out, "%s %s:%u@%u ", id, address, (unsigned)topology->port,
               (unsigned)topology->port + BUS_OFFSET);
    topology->flags_at[node] = out->length;
    topology_node_id(topology, master_of(topology, shard_of(topology, node)), id);
    buf_format(out, "%s%s %s 0 %" PRId64 " %u %s", is_master ? "master" : "slave",
               is_down ? ",fail" : "", is_master ? "-" : id, clock_wall_us() / 1000,
               topology_epoch(topology, node), is_down ? "disconnected" : "connected");
    if (is_master) {
        add_slots(out, index, count);
    }
    buf_char(out, '\n');
}

static void make_view(struct topology *topology)
{
    size_t count = topology_size(topology);
    size_t index = 0;
    topology->view.length = 0;
    for (size_t node = 0; node < topology->nodes; node++) {
        index = node % topology->shards == 0 ? 0 : index;
        if (!topology->shard[shard_of(topology, node)].absent) {
            add_line(topology, node, index++, count);
        }
    }
}

void topology_add_view(const struct topology *topology, size_t node, struct buf *out)
{
    static const char myself[] = "myself,";
    struct span lines = buf_view(&topology->view);
    size_t before = topology->flags_at[node];
    buf_format(out, "$%zu\r\n", lines.length + sizeof(myself) - 1);
    buf_bytes(out, lines.at, before);
    buf_text(out, myself);
    buf_span(out, span_skip(lines, before));
    buf_text(out, "\r\n");
}

// ---- the cluster ----

struct topology *topology_new(size_t nodes, uint16_t port)
{
    struct topology *topology = mem_new(1, sizeof(*topology));
    topology->nodes = nodes;
    topology->shards = nodes > 1 ? nodes / 2 : 1;
    topology->port = port;
    topology->epoch = EPOCH_MIN + (unsigned)topology->shards;
    topology->shard = mem_new(topology->shards, sizeof(topology->shard[0]));
    topology->down = mem_new(nodes, sizeof(topology->down[0]));
    topology->flags_at = mem_new(nodes, sizeof(topology->flags_at[0]));
    for (size_t i = 0; i < topology->shards; i++) {
        topology->shard[i].epoch = EPOCH_MIN + (unsigned)i;
    }
    make_view(topology);
    return topology;
}

void topology_free(struct topology *topology)
{
    buf_free(&topology->view);
    free(topology->shard);
    free(topology->down);
    free(topology->flags_at);
    free(topology);
}

static bool is_word(struct span word, const char *text)
{
    return word.length == strlen(text) && strncasecmp(word.at, text, word.length) == 0;
}

static void fail_over(struct topology *topology, struct shard *shard)
{
    shard->swapped = !shard->swapped && topology->nodes > 1;
    topology->epoch += topology->epoch < EPOCH_MAX;
    shard->epoch = topology->epoch;
}

static bool change_shard(struct topology *topology, struct span what, struct shard *shard)
{
    if (is_word(what, "LEAVE")) {
        shard->absent = true;
    } else if (is_word(what, "JOIN")) {
        shard->generation += shard->absent;
        shard->absent = false;
    } else if (is_word(what, "FAILOVER")) {
        fail_over(topology, shard);
    } else {
        return false;
    }
    return true;
}

bool topology_change(struct topology *topology, struct span what, size_t number)
{
    bool is_down = is_word(what, "DOWN");
    bool known = false;
    if (is_down || is_word(what, "UP")) {
        known = number < topology->nodes;
        if (known) {
            topology->down[number] = is_down;
        }
    } else if (number < topology->shards) {
        known = change_shard(topology, what, &topology->shard[number]);
    }
    make_view(topology);
    return known;
}
