// What is wrong with a cluster, in words: the judgement turned into findings that a tired person
// understands. Pure, as the judgement is.
#pragma once

#include "base/buf.h"
#include "cluster/expectations.h"
#include "cluster/health.h"

enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_CRITICAL };

const char *severity_name(enum severity severity);

struct finding {
    const char *code; // stable: for scripts and runbooks
    enum severity severity;
    struct buf message; // one sentence
    struct buf command; // that looks closer; may be empty
    size_t *node;       // concerned, as indices of the health's nodes
    size_t node_count;
    size_t node_capacity;
    struct slot_range *range; // of slots concerned
    size_t range_count;
    size_t range_capacity;
};

// What is known about a node beyond the judgement. Borrowed.
struct finding_node {
    const char *label;   // its redis_node
    const char *address; // host:port where it is asked
    const char *host;    // the same in two parts
    uint16_t port;
    const char *failure; // why it could not be read: a word; NULL: it could
    const char *detail;  // the same in a phrase, which may be ""
};

struct finding_context {
    const struct health *health;
    const struct health_input *input; // health->given
    const struct finding_node *node;  // health->given
    bool has_topology;
    bool is_single_server; // without cluster mode: there is no topology to tell
    bool one_host;         // places are not judged
    bool uses_tls;         // to speak with the nodes
    struct expectations expect;
    int64_t wall_s;
};

struct findings {
    struct finding *finding; // the worst first
    size_t count;
    size_t capacity;
    const struct finding_context *context; // while they are made
};

struct findings findings_make(const struct finding_context *context);
void findings_clear(struct findings *findings);

// The worst of all; SEVERITY_INFO when there is none.
enum severity findings_worst(const struct findings *findings);
