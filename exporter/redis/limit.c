#include "redis/limit.h"

#include "base/clock.h"
#include "base/mem.h"

enum { MOMENT_US = 100 * 1000, MOMENTS_MAX = 10 };

static void arm(struct limit *limit, int64_t time_us)
{
    struct timeval time = {time_us / SECOND_US, time_us % SECOND_US};
    event_add(limit->timer, &time);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct limit *limit = context;
    (void)fd;
    (void)what;
    if (limit->moments < MOMENTS_MAX && limit->has_arrived(limit->owner)) {
        limit->moments++;
        arm(limit, MOMENT_US);
    } else {
        limit->on_passed(limit->owner);
    }
}

void limit_init(struct limit *limit, struct event_base *base,
                bool (*has_arrived)(const void *owner), void (*on_passed)(void *owner), void *owner)
{
    *limit = (struct limit){.has_arrived = has_arrived, .on_passed = on_passed, .owner = owner};
    limit->timer = evtimer_new(base, on_timer, limit);
    CHECK(limit->timer != NULL);
}

void limit_fini(struct limit *limit)
{
    event_free(limit->timer);
}

void limit_set(struct limit *limit, int64_t limit_us)
{
    limit->limit_us = limit_us;
    limit->spent_us = 0;
    limit->moments = 0;
}

void limit_start(struct limit *limit)
{
    int64_t left_us = limit->limit_us - limit->spent_us;
    limit->began_us = clock_monotonic_us();
    arm(limit, left_us > MOMENT_US || left_us == limit->limit_us ? left_us : MOMENT_US);
}

void limit_stop(struct limit *limit)
{
    if (event_pending(limit->timer, EV_TIMEOUT, NULL)) {
        limit->spent_us += clock_monotonic_us() - limit->began_us;
        event_del(limit->timer);
    }
}
