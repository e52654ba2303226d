// The nodes of the clusters as a list of targets, in the format of Prometheus' HTTP service
// discovery.
#pragma once

#include "scrape/snapshot.h"
#include "web/request.h"

// Gives the list; without users.
struct answer *node_list_answer(const struct snapshot *const *snapshot, size_t count);
