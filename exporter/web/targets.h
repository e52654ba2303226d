// The targets of /scrape (one node) and /cluster (a cluster through one of its nodes): which may be
// asked for, with which credentials, and what is kept of them between requests.
//
// Allowed are the configured seeds, the nodes that these led to, and what the operator's patterns
// name. Everything else is refused, since a target is a way to make this process connect, and log
// in, anywhere.
#pragma once

#include "web/target_store.h"

struct targets;

struct targets *targets_new(const struct target_options *options);
void targets_free(struct targets *targets); // requests that wait are told

// For server.c, whose server_configure says what it is about.
void targets_configure(struct targets *targets, const struct target_options *options);
bool targets_are_quiet(const struct targets *targets); // of those of configured clusters no word
void targets_hurry(struct targets *targets);

// Ends the handler's call. 400 without a target or with a bad one, 403 for one that is not allowed.
enum MHD_Result targets_serve_node(struct targets *targets, struct request *request);
enum MHD_Result targets_serve_cluster(struct targets *targets, struct request *request);

// The nodes of all configured clusters as Prometheus' HTTP service discovery wants them.
enum MHD_Result targets_serve_discovery(struct targets *targets, struct request *request);
