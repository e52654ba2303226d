// The key and stream checks of one node in one scrape: patterns are walked over in batches, for at
// most half of the time that the scrape has; then each key found, and each one named, is looked at.
// Only nodes that own keys are asked: masters, and servers without cluster mode.
#pragma once

#include "scrape/snapshot.h"

struct key_work;
struct followup;

// Adds a command about a key of that database, and SELECT where it is needed.
void keys_ask(struct node_snapshot *node, uint32_t db, const struct followup *followup);

// NULL when this node has nothing to check.
struct key_work *keys_begin(struct node_snapshot *node, int64_t deadline_us);

// When all that was asked is answered: adds what comes next. False when there is nothing more; for
// NULL too.
bool keys_step(struct key_work *work);

void keys_give_up(struct key_work *work); // what is left counts as cut short; NULL is fine
void keys_free(struct key_work *work);    // NULL is fine
