// Which targets are kept between requests, and for how long.
#include "web/target_store.h"

#include <event2/event.h>

#include "base/clock.h"
#include "support.h"

static struct collect_options collect;
static const struct cluster_options foreign = {.collect = &collect};
static struct target_options options = {.foreign = &foreign};

static struct question question(const char *host, enum target_kind kind, bool with_password)
{
    struct question question = {.kind = kind, .with_password = with_password};
    assert_true(address_parse(span_of(host), 6379, &question.address));
    return question;
}

static struct metrics_page *add(struct target_store *store, const struct question *question)
{
    const struct key_checks none = {.count = 0};
    return target_store_add(store, question, &none);
}

static void target_is_found_by_kind_and_address(void **state)
{
    struct target_store *store = target_store_new(&options);
    struct question node = question("a:1", TARGET_NODE, true);
    struct question cluster = question("a:1", TARGET_CLUSTER, true);
    (void)state;
    assert_null(target_store_find(store, &node));
    struct metrics_page *page = add(store, &node);
    assert_ptr_equal(target_store_find(store, &node), page);
    assert_null(target_store_find(store, &cluster));
    target_store_free(store);
}

static void target_of_another_permission_is_let_go(void **state)
{
    struct target_store *store = target_store_new(&options);
    struct question stranger = question("a:1", TARGET_NODE, false);
    struct question member = question("a:1", TARGET_NODE, true);
    (void)state;
    add(store, &stranger);
    assert_null(target_store_find(store, &member));
    assert_int_equal(target_store_count(store), 0);
    target_store_free(store);
}

static void target_that_nobody_asks_for_is_let_go(void **state)
{
    const int64_t minute_us = (int64_t)60 * SECOND_US;
    struct target_store *store = target_store_new(&options);
    struct question node = question("a:1", TARGET_NODE, true);
    (void)state;
    add(store, &node);
    target_store_drop_idle(store, clock_monotonic_us() + 9 * minute_us);
    assert_int_equal(target_store_count(store), 1);
    target_store_drop_idle(store, clock_monotonic_us() + 11 * minute_us);
    assert_int_equal(target_store_count(store), 0);
    target_store_free(store);
}

static void least_recently_used_target_makes_room(void **state)
{
    struct target_store *store = target_store_new(&options);
    struct question first = question("first:1", TARGET_NODE, true);
    struct buf host = BUF_EMPTY;
    (void)state;
    add(store, &first);
    for (int i = 0; i < 1100; i++) {
        buf_format(&host, "h%d:1", i);
        buf_char(&host, '\0');
        struct question next = question(host.data, TARGET_NODE, true);
        assert_non_null(add(store, &next));
        host.length = 0;
    }
    assert_int_equal(target_store_count(store), 1024);
    assert_null(target_store_find(store, &first));
    buf_free(&host);
    target_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(target_is_found_by_kind_and_address),
        cmocka_unit_test(target_of_another_permission_is_let_go),
        cmocka_unit_test(target_that_nobody_asks_for_is_let_go),
        cmocka_unit_test(least_recently_used_target_makes_room),
    };
    return cmocka_run_group_tests_name("target_store", tests, NULL, NULL);
}
