#include "metrics/series.h"

#include <stdio.h>

#include "support.h"

// The samples as: row labels value, one a line.
static void check_series(const struct series_set *set, const char *expected)
{
    struct buf out = BUF_EMPTY;
    for (size_t i = 0; i < set->name.count; i++) {
        buf_i64(&out, (int64_t)set->name.entry[i].number);
        buf_char(&out, ' ');
        buf_span(&out, set->name.entry[i].text);
        buf_char(&out, ' ');
        buf_span(&out, set->value[i]);
        buf_char(&out, '\n');
    }
    assert_span(buf_view(&out), expected);
    buf_free(&out);
}

static void samples_keep_their_order(void **state)
{
    struct series_set set = {.capacity = 0};
    (void)state;
    check_series(&set, "");
    series_add(&set, 7, SPAN("key=\"b\""), SPAN("2"));
    series_add(&set, 7, SPAN("key=\"a\""), SPAN("1.5e3"));
    series_add(&set, 3, SPAN("key=\"a\""), SPAN("-1"));
    check_series(&set, "7 key=\"b\" 2\n7 key=\"a\" 1.5e3\n3 key=\"a\" -1\n");
    series_free(&set);
}

static void first_value_of_a_repeated_series_stays(void **state)
{
    struct series_set set = {.capacity = 0};
    (void)state;
    series_add(&set, 1, SPAN("a"), SPAN("1"));
    series_add(&set, 1, SPAN("a"), SPAN("2"));
    series_add(&set, 1, SPAN("b"), SPAN("3"));
    check_series(&set, "1 a 1\n1 b 3\n");
    series_free(&set);
}

static void labels_and_value_are_copied(void **state)
{
    char labels[] = "a";
    char value[] = "1";
    struct series_set set = {.capacity = 0};
    (void)state;
    series_add(&set, 1, span_of(labels), span_of(value));
    labels[0] = 'x';
    value[0] = 'x';
    check_series(&set, "1 a 1\n");
    series_free(&set);
}

static void nothing_is_added_beyond_the_limit(void **state)
{
    char labels[16];
    struct series_set set = {.capacity = 0};
    (void)state;
    for (int i = 0; i < SERIES_MAX + 10; i++) {
        snprintf(labels, sizeof(labels), "%d", i);
        series_add(&set, 1, span_of(labels), span_of(labels));
    }
    assert_int_equal(set.name.count, SERIES_MAX);
    for (size_t i = 0; i < SERIES_MAX; i++) {
        assert_true(span_equals(set.value[i], set.name.entry[i].text));
    }
    series_add(&set, 2, SPAN("0"), SPAN("1"));
    assert_int_equal(set.name.count, SERIES_MAX);
    series_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_keep_their_order),
        cmocka_unit_test(first_value_of_a_repeated_series_stays),
        cmocka_unit_test(labels_and_value_are_copied),
        cmocka_unit_test(nothing_is_added_beyond_the_limit),
    };
    return cmocka_run_group_tests_name("series", tests, NULL, NULL);
}
