#include "cluster/ids.h"

#include <stdio.h>

#include "support.h"

static void what_was_put_is_found(void **state)
{
    struct ids *ids = ids_new(4);
    (void)state;
    ids_put(ids, "a", 0);
    ids_put(ids, "b", 7);
    assert_int_equal(ids_get(ids, "a"), 0);
    assert_int_equal(ids_get(ids, "b"), 7);
    assert_int_equal(ids_get(ids, "c"), IDS_NONE);
    ids_free(ids);
}

static void first_number_of_a_text_wins(void **state)
{
    struct ids *ids = ids_new(4);
    char again[] = "a";
    (void)state;
    ids_put(ids, "a", 1);
    ids_put(ids, again, 2);
    assert_int_equal(ids_get(ids, "a"), 1);
    ids_free(ids);
}

static void empty_text_is_never_in(void **state)
{
    struct ids *ids = ids_new(4);
    (void)state;
    ids_put(ids, "", 1);
    assert_int_equal(ids_get(ids, ""), IDS_NONE);
    ids_free(ids);
}

static void more_than_expected_fit_in(void **state)
{
    enum { MANY = 5000 };
    static char text[MANY][8];
    struct ids *ids = ids_new(0);
    (void)state;
    for (int i = 0; i < MANY; i++) {
        snprintf(text[i], sizeof(text[i]), "n%d", i);
        ids_put(ids, text[i], i);
    }
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(ids_get(ids, text[i]), i);
    }
    assert_int_equal(ids_get(ids, "n5000"), IDS_NONE);
    ids_free(ids);
}

static void freeing_nothing_is_fine(void **state)
{
    (void)state;
    ids_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_found),   cmocka_unit_test(first_number_of_a_text_wins),
        cmocka_unit_test(empty_text_is_never_in),  cmocka_unit_test(more_than_expected_fit_in),
        cmocka_unit_test(freeing_nothing_is_fine),
    };
    return cmocka_run_group_tests_name("ids", tests, NULL, NULL);
}
