// How many requests a rate lets in.
#include "web/limits.h"

#include "base/clock.h"
#include "support.h"

static size_t take_all(struct limits *limits, enum rate rate, int64_t now_us)
{
    size_t taken = 0;
    while (taken < 10000 && limits_take(limits, rate, now_us)) {
        taken++;
    }
    return taken;
}

static void as_many_come_at_once_as_in_a_second(void **state)
{
    static const uint32_t rates[] = {1, 3, 7, 100, 999};
    (void)state;
    for (size_t i = 0; i < COUNT(rates); i++) {
        struct limits limits = {.options.rate_max[RATE_SCRAPE] = rates[i]};
        assert_int_equal(take_all(&limits, RATE_SCRAPE, SECOND_US), rates[i]);
        assert_int_equal(take_all(&limits, RATE_SCRAPE, SECOND_US), 0);
    }
}

static void room_comes_back_with_time(void **state)
{
    struct limits limits = {.options.rate_max[RATE_SCRAPE] = 10};
    int64_t now_us = (int64_t)5 * SECOND_US;
    (void)state;
    take_all(&limits, RATE_SCRAPE, now_us);
    assert_int_equal(take_all(&limits, RATE_SCRAPE, now_us + SECOND_US / 20), 0);
    assert_int_equal(take_all(&limits, RATE_SCRAPE, now_us + SECOND_US / 10), 1);
    assert_int_equal(take_all(&limits, RATE_SCRAPE, now_us + SECOND_US / 2), 4);
}

static void room_that_nobody_takes_is_not_saved_up(void **state)
{
    struct limits limits = {.options.rate_max[RATE_SCRAPE] = 10};
    (void)state;
    take_all(&limits, RATE_SCRAPE, SECOND_US);
    assert_int_equal(take_all(&limits, RATE_SCRAPE, (int64_t)3600 * SECOND_US), 10);
}

static void rates_do_not_share_room(void **state)
{
    struct limits limits = {.options.rate_max = {[RATE_SCRAPE] = 2, [RATE_CLUSTER] = 3}};
    (void)state;
    take_all(&limits, RATE_SCRAPE, SECOND_US);
    assert_int_equal(take_all(&limits, RATE_CLUSTER, SECOND_US), 3);
}

static void rate_of_0_is_none(void **state)
{
    struct limits limits = {.options.rate_max[RATE_SCRAPE] = 0};
    (void)state;
    assert_int_equal(take_all(&limits, RATE_SCRAPE, SECOND_US), 10000);
    assert_int_equal(take_all(&limits, RATE_FREE, SECOND_US), 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_come_at_once_as_in_a_second),
        cmocka_unit_test(room_comes_back_with_time),
        cmocka_unit_test(room_that_nobody_takes_is_not_saved_up),
        cmocka_unit_test(rates_do_not_share_room),
        cmocka_unit_test(rate_of_0_is_none),
    };
    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
