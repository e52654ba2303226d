// Which nodes are asked for their view in a scrape. CLUSTER NODES of all nodes is a reply of N
// lines from each of N nodes; beyond a limit only some are asked:
//
//   those whose view was odd the last time they were asked: another slot map than most have, open
//   slots; until it no longer is,
//   a share of the others, those first that were not asked for longest,
//   and, once all have answered, those whose CLUSTER INFO differs from that of most.
//
// So what shows in CLUSTER INFO is looked into at once, and anything else is found within
// members / share scrapes.
#pragma once

#include "cluster/cluster.h"
#include "cluster/health.h"

enum { FULL_VIEWS_DEFAULT = 100 };

// Before a scrape: sets asks_view of all members.
void view_policy_plan(struct cluster *cluster);

// Whether the members are so many that not all are asked.
bool view_policy_is_partial(const struct cluster *cluster);

// Sets out[i] for the nodes whose summary differs from that of most; gives how many these are.
// Summaries that are not known do not count.
size_t view_policy_find_odd(const struct cluster_info *info, size_t count, bool *out);

// After a scrape, for each member whose view was read: whether it is odd.
void view_policy_note(struct member *member, const struct view *view, uint64_t common_slot_map);

// The slot map that most views have; 0 when there is none.
uint64_t view_policy_common_map(const struct health_input *input, size_t count);
