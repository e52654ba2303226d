#include "redis/limit.h"

#include <unistd.h>

#include "base/clock.h"
#include "fake_node.h"
#include "support.h"

enum { LIMIT_US = 40000, LONG_US = 10 * SECOND_US };

struct wait {
    struct event_base *base;
    struct limit limit;
    bool arrived;
    int questions; // whether something has arrived
    bool passed;
};

static bool has_arrived(const void *owner)
{
    struct wait *wait = *(struct wait *const *)owner;
    wait->questions++;
    return wait->arrived;
}

static void on_passed(void *owner)
{
    struct wait *wait = *(struct wait *const *)owner;
    wait->passed = true;
}

static struct wait *current;

static int begin(void **state)
{
    static struct wait wait;
    wait = (struct wait){.base = event_base_new()};
    current = &wait;
    limit_init(&wait.limit, wait.base, has_arrived, on_passed, &current);
    limit_set(&wait.limit, LIMIT_US);
    *state = &wait;
    return 0;
}

static int end(void **state)
{
    struct wait *wait = *state;
    limit_fini(&wait->limit);
    event_base_free(wait->base);
    return 0;
}

static int64_t time_to_pass(struct wait *wait)
{
    int64_t began_us = clock_monotonic_us();
    limit_start(&wait->limit);
    run_until(wait->base, &wait->passed);
    return clock_monotonic_us() - began_us;
}

static void limit_passes_where_nothing_has_arrived(void **state)
{
    struct wait *wait = *state;
    assert_true(time_to_pass(wait) >= LIMIT_US / 2); // the loop's clock is coarse
    assert_int_equal(wait->questions, 1);
}

// However much arrives.
static void what_has_arrived_prolongs_it_for_a_while(void **state)
{
    struct wait *wait = *state;
    wait->arrived = true;
    assert_true(time_to_pass(wait) >= LIMIT_US * 3 / 2);
    assert_true(wait->questions > 1);
}

static void time_that_is_spent_counts_in_the_next_wait(void **state)
{
    struct wait *wait = *state;
    limit_set(&wait->limit, LONG_US);
    limit_start(&wait->limit);
    usleep(LIMIT_US);
    limit_stop(&wait->limit);
    limit_stop(&wait->limit);
    int64_t spent_us = wait->limit.spent_us;
    assert_true(spent_us >= LIMIT_US);
    limit_start(&wait->limit);
    limit_stop(&wait->limit);
    assert_true(wait->limit.spent_us >= spent_us);
    limit_set(&wait->limit, LONG_US);
    assert_true(wait->limit.spent_us == 0);
}

// Not a loop's turn only: what is sent next takes its time to be answered.
static void wait_has_a_moment_where_nothing_is_left(void **state)
{
    struct wait *wait = *state;
    limit_start(&wait->limit);
    usleep(2 * LIMIT_US);
    limit_stop(&wait->limit);
    assert_true(time_to_pass(wait) >= LIMIT_US / 2);
}

static void stopped_limit_does_not_pass(void **state)
{
    struct wait *wait = *state;
    limit_start(&wait->limit);
    limit_stop(&wait->limit);
    usleep(LIMIT_US * 2);
    run_idle(wait->base);
    assert_false(wait->passed);
}

int main(void)
{
#define LIMIT_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        LIMIT_TEST(limit_passes_where_nothing_has_arrived),
        LIMIT_TEST(what_has_arrived_prolongs_it_for_a_while),
        LIMIT_TEST(time_that_is_spent_counts_in_the_next_wait),
        LIMIT_TEST(wait_has_a_moment_where_nothing_is_left),
        LIMIT_TEST(stopped_limit_does_not_pass),
    };
    return cmocka_run_group_tests_name("limit", tests, NULL, NULL);
}
