#include "cluster/key_walks.h"

#include <stdio.h>

#include "support.h"

static struct key_walks *walks_over(const char *lists)
{
    struct key_checks checks = {.count = 0};
    assert_null(key_checks_add(&checks, &check_lists[0], span_of(lists)));
    struct key_walks *walks = key_walks_new(&checks);
    key_checks_clear(&checks);
    return walks;
}

static void find(struct key_walk *walk, const char *key)
{
    walk->matches++;
    text_set_add(&walk->found, 0, span_of(key));
}

static void there_is_one_walk_for_each_check(void **state)
{
    struct key_walks *walks = walks_over("a*,b,c*");
    (void)state;
    assert_int_equal(walks->count, 3);
    for (size_t i = 0; i < walks->count; i++) {
        assert_false(walks->walk[i].under_way || walks->walk[i].complete);
    }
    assert_int_equal(key_walks_found(walks), 0);
    key_walks_free(walks);
    key_walks_free(NULL);
}

static void walk_begins_at_the_beginning(void **state)
{
    struct key_walks *walks = walks_over("a*");
    struct key_walk *walk = &walks->walk[0];
    (void)state;
    key_walk_begin(walk, 5);
    assert_true(walk->under_way);
    assert_false(walk->complete);
    assert_string_equal(walk->cursor, "0");
    assert_int_equal(walk->began_us, 5);
    key_walks_free(walks);
}

static void what_was_found_counts_when_the_walk_is_complete(void **state)
{
    struct key_walks *walks = walks_over("a*");
    struct key_walk *walk = &walks->walk[0];
    (void)state;
    key_walk_begin(walk, 1000);
    find(walk, "a1");
    find(walk, "a2");
    find(walk, "a1"); // SCAN may give a key twice
    assert_int_equal(walk->keys.count, 0);
    key_walk_complete(walk, 4000);
    assert_true(walk->complete);
    assert_false(walk->under_way);
    assert_int_equal(walk->total, 3);
    assert_int_equal(walk->duration_us, 3000);
    assert_int_equal(walk->keys.count, 2);
    assert_int_equal(walk->found.count, 0);
    assert_true(text_set_has(&walk->keys, 0, SPAN("a1")));
    key_walks_free(walks);
}

static void result_stays_while_the_next_walk_is_under_way(void **state)
{
    struct key_walks *walks = walks_over("a*");
    struct key_walk *walk = &walks->walk[0];
    (void)state;
    key_walk_begin(walk, 0);
    find(walk, "a1");
    find(walk, "a2");
    key_walk_complete(walk, 1);
    key_walk_begin(walk, 2);
    find(walk, "a3");
    assert_true(walk->complete && walk->under_way);
    assert_int_equal(walk->total, 2);
    assert_int_equal(walk->keys.count, 2);
    key_walk_complete(walk, 3);
    assert_int_equal(walk->total, 1);
    assert_int_equal(walk->keys.count, 1);
    assert_true(text_set_has(&walk->keys, 0, SPAN("a3")));
    key_walks_free(walks);
}

static void walk_that_begins_anew_forgets_what_it_found(void **state)
{
    struct key_walks *walks = walks_over("a*");
    struct key_walk *walk = &walks->walk[0];
    (void)state;
    key_walk_begin(walk, 0);
    find(walk, "a1");
    span_copy(SPAN("17"), walk->cursor, sizeof(walk->cursor));
    key_walk_begin(walk, 1);
    assert_string_equal(walk->cursor, "0");
    assert_int_equal(walk->matches, 0);
    assert_int_equal(walk->found.count, 0);
    key_walks_free(walks);
}

static void keys_found_are_those_of_all_walks(void **state)
{
    struct key_walks *walks = walks_over("a*,b*,c*");
    (void)state;
    key_walk_begin(&walks->walk[0], 0);
    find(&walks->walk[0], "a1");
    find(&walks->walk[0], "a2");
    key_walk_begin(&walks->walk[1], 0);
    find(&walks->walk[1], "b1");
    assert_int_equal(key_walks_found(walks), 3);
    key_walk_complete(&walks->walk[0], 1);
    assert_int_equal(key_walks_found(walks), 3);
    key_walk_begin(&walks->walk[0], 2); // it will replace those of before
    find(&walks->walk[0], "a3");
    assert_int_equal(key_walks_found(walks), 2);
    key_walks_free(walks);
}

static void fill(struct key_walks *walks)
{
    key_walk_begin(&walks->walk[0], 0);
    find(&walks->walk[0], "a1");
    key_walk_complete(&walks->walk[0], 1);
    key_walk_begin(&walks->walk[1], 0);
    find(&walks->walk[1], "b1");
    text_set_add(&walks->no_database, 3, SPAN(""));
    text_set_add(&walks->denied, 0, SPAN("c"));
}

static void same_process_goes_on(void **state)
{
    struct key_walks *walks = walks_over("a*,b*");
    (void)state;
    key_walks_set_process(walks, SPAN("one"));
    fill(walks);
    key_walks_set_process(walks, SPAN("one"));
    assert_true(walks->walk[0].complete && walks->walk[1].under_way);
    assert_int_equal(key_walks_found(walks), 2);
    assert_true(text_set_has(&walks->no_database, 3, SPAN("")));
    assert_true(text_set_has(&walks->denied, 0, SPAN("c")));
    key_walks_free(walks);
}

static void another_process_begins_anew(void **state)
{
    static const char *const others[] = {"two", "on", "one1", ""};
    (void)state;
    for (size_t i = 0; i < COUNT(others); i++) {
        struct key_walks *walks = walks_over("a*,b*");
        key_walks_set_process(walks, SPAN("one"));
        fill(walks);
        key_walks_set_process(walks, span_of(others[i]));
        assert_false(walks->walk[0].complete || walks->walk[1].under_way);
        assert_int_equal(key_walks_found(walks), 0);
        assert_int_equal(walks->walk[0].total, 0);
        assert_false(text_set_has(&walks->no_database, 3, SPAN("")));
        assert_false(text_set_has(&walks->denied, 0, SPAN("c")));
        fill(walks);
        key_walks_set_process(walks, span_of(others[i]));
        assert_int_equal(key_walks_found(walks), 2);
        key_walks_free(walks);
    }
}

static void what_was_refused_is_forgotten_without_the_walks(void **state)
{
    struct key_walks *walks = walks_over("a*,b*");
    (void)state;
    fill(walks);
    key_walks_forget_refusals(walks);
    assert_false(text_set_has(&walks->no_database, 3, SPAN("")));
    assert_false(text_set_has(&walks->denied, 0, SPAN("c")));
    assert_int_equal(key_walks_found(walks), 2);
    key_walks_free(walks);
}

// Keys that come and go would fill the memory.
static void denied_keys_are_remembered_up_to_a_limit(void **state)
{
    char key[16];
    struct key_walks *walks = walks_over("a*");
    (void)state;
    for (int i = 0; i < 3 * DENIED_MAX; i++) {
        snprintf(key, sizeof(key), "%d", i);
        key_walks_deny(walks, 0, span_of(key));
        assert_true(text_set_has(&walks->denied, 0, span_of(key)));
        assert_true(walks->denied.count <= DENIED_MAX);
    }
    assert_true(DENIED_MAX > WALK_KEYS_MAX + CHECKS_MAX); // those of one scrape
    key_walks_free(walks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_is_one_walk_for_each_check),
        cmocka_unit_test(walk_begins_at_the_beginning),
        cmocka_unit_test(what_was_found_counts_when_the_walk_is_complete),
        cmocka_unit_test(result_stays_while_the_next_walk_is_under_way),
        cmocka_unit_test(walk_that_begins_anew_forgets_what_it_found),
        cmocka_unit_test(keys_found_are_those_of_all_walks),
        cmocka_unit_test(same_process_goes_on),
        cmocka_unit_test(another_process_begins_anew),
        cmocka_unit_test(what_was_refused_is_forgotten_without_the_walks),
        cmocka_unit_test(denied_keys_are_remembered_up_to_a_limit),
    };
    return cmocka_run_group_tests_name("key_walks", tests, NULL, NULL);
}
