#include "base/text_set.h"

#include <stdio.h>

#include "support.h"

static void what_was_added_is_there(void **state)
{
    struct text_set set = {.count = 0};
    (void)state;
    assert_true(text_set_add(&set, 1, SPAN("a")));
    assert_true(text_set_has(&set, 1, SPAN("a")));
    assert_false(text_set_has(&set, 1, SPAN("b")));
    assert_false(text_set_has(&set, 1, SPAN("")));
    text_set_clear(&set);
}

static void empty_set_has_nothing(void **state)
{
    struct text_set set = {.count = 0};
    (void)state;
    assert_false(text_set_has(&set, 0, SPAN("")));
    text_set_clear(&set);
    assert_false(text_set_has(&set, 0, SPAN("")));
}

static void same_text_with_another_number_is_another(void **state)
{
    struct text_set set = {.count = 0};
    (void)state;
    assert_true(text_set_add(&set, 1, SPAN("a")));
    assert_true(text_set_add(&set, 2, SPAN("a")));
    assert_false(text_set_add(&set, 1, SPAN("a")));
    assert_false(text_set_has(&set, 3, SPAN("a")));
    assert_int_equal(set.count, 2);
    text_set_clear(&set);
}

// Some of them meet in the table of hashes.
static void one_text_may_have_many_numbers(void **state)
{
    enum { MANY = 1000, STEP = 4096 };
    struct text_set set = {.count = 0};
    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        assert_true(text_set_add(&set, i * STEP, SPAN("a")));
    }
    for (size_t i = 0; i < MANY; i++) {
        assert_true(text_set_has(&set, i * STEP, SPAN("a")));
        assert_false(text_set_has(&set, i * STEP + 1, SPAN("a")));
    }
    text_set_clear(&set);
}

static void empty_text_and_bytes_are_texts_too(void **state)
{
    struct text_set set = {.count = 0};
    (void)state;
    assert_true(text_set_add(&set, 0, SPAN("")));
    assert_true(text_set_add(&set, 0, SPAN("a\0b")));
    assert_true(text_set_add(&set, 0, SPAN("a\0c")));
    assert_false(text_set_add(&set, 0, SPAN("")));
    assert_false(text_set_add(&set, 0, SPAN("a\0b")));
    assert_int_equal(set.count, 3);
    text_set_clear(&set);
}

static void texts_are_copied(void **state)
{
    char text[] = "abc";
    struct text_set set = {.count = 0};
    (void)state;
    text_set_add(&set, 0, span_of(text));
    text[0] = 'x';
    assert_true(text_set_has(&set, 0, SPAN("abc")));
    assert_span(set.entry[0].text, "abc");
    text_set_clear(&set);
}

static struct span numbered(char *text, size_t size, int number)
{
    snprintf(text, size, "key:%d", number);
    return span_of(text);
}

// The table of hashes grows several times on the way.
static void many_keep_their_order(void **state)
{
    enum { MANY = 20000 };
    char text[16];
    struct text_set set = {.count = 0};
    (void)state;
    for (int i = 0; i < MANY; i++) {
        assert_true(text_set_add(&set, (size_t)i % 3, numbered(text, sizeof(text), i)));
    }
    assert_int_equal(set.count, MANY);
    for (int i = 0; i < MANY; i++) {
        struct span key = numbered(text, sizeof(text), i);
        assert_false(text_set_add(&set, (size_t)i % 3, key));
        assert_false(text_set_has(&set, (size_t)i % 3 + 1, key));
        assert_int_equal(set.entry[i].number, i % 3);
        assert_true(span_equals(set.entry[i].text, key));
    }
    assert_int_equal(set.count, MANY);
    text_set_clear(&set);
}

static void cleared_set_can_be_used_again(void **state)
{
    struct text_set set = {.count = 0};
    (void)state;
    text_set_add(&set, 0, SPAN("a"));
    text_set_clear(&set);
    assert_int_equal(set.count, 0);
    assert_false(text_set_has(&set, 0, SPAN("a")));
    assert_true(text_set_add(&set, 0, SPAN("a")));
    text_set_clear(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_there),
        cmocka_unit_test(empty_set_has_nothing),
        cmocka_unit_test(same_text_with_another_number_is_another),
        cmocka_unit_test(one_text_may_have_many_numbers),
        cmocka_unit_test(empty_text_and_bytes_are_texts_too),
        cmocka_unit_test(texts_are_copied),
        cmocka_unit_test(many_keep_their_order),
        cmocka_unit_test(cleared_set_can_be_used_again),
    };
    return cmocka_run_group_tests_name("text_set", tests, NULL, NULL);
}
