// A limit on the time that we wait for a server, in one go or in several. Where bytes of the server
// wait to be read when the limit has passed, this process was busy, not the server slow: it gets a
// moment more, and then another one, so that a server that never ends is not waited for forever.
// The time of a wait before may have been ours as well, so each wait has a moment at least.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>

struct limit {
    struct event *timer;
    int64_t limit_us;
    int64_t spent_us; // before the wait that is on
    int64_t began_us; // of that wait
    int moments;      // that were given
    bool (*has_arrived)(const void *owner);
    void (*on_passed)(void *owner);
    void *owner;
};

void limit_init(struct limit *limit, struct event_base *base,
                bool (*has_arrived)(const void *owner), void (*on_passed)(void *owner),
                void *owner);
void limit_fini(struct limit *limit);

void limit_set(struct limit *limit, int64_t limit_us); // nothing of it is spent
void limit_start(struct limit *limit);                 // a wait, for what is left
void limit_stop(struct limit *limit);                  // as often as wanted
