// One node's CLUSTER NODES reply, parsed: its opinion about the whole cluster.
#pragma once

#include "redis/cluster_nodes.h"

struct slot_range {
    uint16_t first;
    uint16_t last;
};

struct view_line {
    struct node_line node;    // its slices point into the view's text
    struct slot_range *range; // owned slots, as this view has them
    size_t range_count;
};

// A slot on its way from or to the node that answered; told on its own line only.
struct open_slot {
    uint16_t slot;
    bool importing;          // otherwise migrating
    char peer[NODE_ID_SIZE]; // from whom, or to whom
};

// Valkey advertises 2000 nodes; a reply can name more than any cluster has.
enum { VIEW_LINES_MAX = 20000 };

struct view {
    char *text;
    struct view_line *line;
    size_t count;
    const struct view_line *self; // the line of the node that answered
    struct slot_range *range;     // storage of all lines' ranges
    struct open_slot *open;
    size_t open_count;
    size_t handshakes; // lines of nodes that it is still shaking hands with
    uint64_t slot_map; // the same in two views whose nodes own the same slots, as good as always
    uint64_t opinion;  // in two views that say the same of each node, but for times and open slots
};

// Takes `text` (a malloc'd reply of `length` bytes). NULL, and the text freed, when it is not
// exactly one node's view: a broken line, a truncated one, too many, no `myself` line, or two.
struct view *view_parse(char *text, size_t length);
void view_free(struct view *view); // NULL is fine

// How many slots the line owns.
size_t view_line_slots(const struct view_line *line);
