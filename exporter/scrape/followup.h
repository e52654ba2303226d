// Commands that follow from what a node has said, still in the same scrape: after its main replies,
// and at nobody else's cost. A collector adds commands, each with a function that takes the reply
// and may add more; all that have come together go out in one write.
#pragma once

#include "scrape/snapshot.h"

// One command. Borrowed until its reply has been taken: the arguments, and what `note` points to.
struct followup {
    enum command command;
    enum collector collector; // on whose behalf
    struct span argument[6];
    size_t argument_count;
    void (*take)(struct node_snapshot *node, const struct followup *asked,
                 const struct reply *reply);
    size_t number;    // for `take`
    struct span note; // for `take`
};

void followup_add(struct node_snapshot *node, const struct followup *followup);

// A copy that lives as long as the node's followups.
struct span followup_keep(struct node_snapshot *node, struct span text);

// What the key checks keep in this scrape.
struct key_work *followup_keys(const struct node_snapshot *node);

// When the node has given its main replies: lets the collectors begin. `deadline_us` is the
// scrape's, of the monotonic clock.
void followups_begin(struct node_snapshot *node, int64_t deadline_us);

// Sends what there is to send; false when nothing is left.
bool followups_send(struct node_snapshot *node);

// The reply to the first command that has none yet.
void followups_take(struct node_snapshot *node, const struct reply *reply);

// The connection failed: what is left counts as cut short.
void followups_give_up(struct node_snapshot *node);

void followups_free(struct node_snapshot *node);
