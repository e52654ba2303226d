// From the replies of the optional commands to samples.
#pragma once

#include "scrape/snapshot.h"

// Borrows the reply; what is kept of it is copied. Replies of another shape than expected give
// nothing.
void collect_reply(struct node_snapshot *node, enum command command, const struct reply *reply);

// Whether the value of a setting of that name may be a secret, or tells who may do what. Passwords
// can be numbers too.
bool config_is_secret(struct span name);
