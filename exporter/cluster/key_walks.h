// The walks over a node's keys that patterns ask for. A walk that does not fit into one scrape goes
// on in the next; what it found is of use when it is complete.
#pragma once

#include "base/text_set.h"
#include "redis/key_checks.h"

enum {
    CURSOR_SIZE = 24,      // 20 digits
    WALK_KEYS_MAX = 10000, // found on one node; those beyond are not looked at
    DENIED_MAX = 20000,    // remembered at once: keys come and go
};

// Of one pattern.
struct key_walk {
    bool under_way;
    char cursor[CURSOR_SIZE];
    uint64_t matches;      // so far
    struct text_set found; // so far
    int64_t began_us;
    // Of the last complete one:
    bool complete; // there was one
    uint64_t total;
    struct text_set keys;
    int64_t duration_us;
};

enum { RUN_ID_SIZE = 64 };

struct key_walks {
    struct key_walk *walk; // one for each check; those without a pattern are not used
    size_t count;
    char run_id[RUN_ID_SIZE];    // cursors mean something to one process only
    struct text_set no_database; // numbers of databases that the server does not have
    struct text_set denied;      // keys that the user may not see, with their database
};

// How many keys the walks hold: found so far by those under way, by the others when they were
// complete.
size_t key_walks_found(const struct key_walks *walks);

struct key_walks *key_walks_new(const struct key_checks *checks);
void key_walks_free(struct key_walks *walks); // NULL is fine

// To be told before each use. Another process than before: everything begins anew.
void key_walks_set_process(struct key_walks *walks, struct span run_id);

// The user may not see this key: it is not to be asked for again on this connection.
void key_walks_deny(struct key_walks *walks, size_t number, struct span key);

// On a new connection, which may have other rights.
void key_walks_forget_refusals(struct key_walks *walks);

void key_walk_begin(struct key_walk *walk, int64_t now_us);

// The walk has met its end.
void key_walk_complete(struct key_walk *walk, int64_t now_us);
