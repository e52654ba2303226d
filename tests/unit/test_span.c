#include "base/span.h"

#include "support.h"

static const struct span nothing = {NULL, 0};

static int release(void **state)
{
    (void)state;
    guards_release();
    return 0;
}

// Joins the parts that span_cut gives, each in angle brackets.
static struct span cut_all(const char *text, char separator, char *out)
{
    struct span rest = guarded_text(text);
    struct span part;
    size_t length = 0;
    while (span_cut(&rest, separator, &part)) {
        out[length++] = '<';
        memcpy(out + length, part.at, part.length);
        length += part.length;
        out[length++] = '>';
    }
    return span_make(out, length);
}

static void cut_gives_the_parts_between_separators(void **state)
{
    static const struct {
        const char *input;
        const char *expected;
    } cases[] = {
        {"", ""},
        {"a", "<a>"},
        {"a,b", "<a><b>"},
        {",", "<>"},
        {"a,", "<a>"},
        {",a", "<><a>"},
        {"a,,b", "<a><><b>"},
        {"one,two,three", "<one><two><three>"},
        {"a b", "<a b>"},
    };
    char out[64];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_span(cut_all(cases[i].input, ',', out), cases[i].expected);
    }
}

static void cut_of_nothing_is_false(void **state)
{
    struct span rest = nothing;
    struct span part;
    (void)state;
    assert_false(span_cut(&rest, ',', &part));
}

static void split_divides_at_the_first_separator(void **state)
{
    struct span before;
    struct span after;
    (void)state;
    assert_true(span_split(guarded_text("a:b:c"), ':', &before, &after));
    assert_span(before, "a");
    assert_span(after, "b:c");
    assert_true(span_split(guarded_text("a:"), ':', &before, &after));
    assert_span(before, "a");
    assert_span(after, "");
}

static void split_last_divides_at_the_last_separator(void **state)
{
    struct span before;
    struct span after;
    (void)state;
    assert_true(span_split_last(guarded_text("a:b:c"), ':', &before, &after));
    assert_span(before, "a:b");
    assert_span(after, "c");
    assert_true(span_split_last(guarded_text(":c"), ':', &before, &after));
    assert_span(before, "");
    assert_span(after, "c");
}

static void split_without_separator_changes_nothing(void **state)
{
    struct span before = SPAN("old");
    struct span after = SPAN("kept");
    (void)state;
    assert_false(span_split(guarded_text("abc"), ':', &before, &after));
    assert_false(span_split_last(guarded_text("abc"), ':', &before, &after));
    assert_false(span_split(nothing, ':', &before, &after));
    assert_false(span_split_last(nothing, ':', &before, &after));
    assert_span(before, "old");
    assert_span(after, "kept");
}

static void split_may_write_to_its_own_input(void **state)
{
    struct span text = guarded_text("key=value");
    struct span key;
    (void)state;
    assert_true(span_split(text, '=', &key, &text));
    assert_span(key, "key");
    assert_span(text, "value");
}

static void trim_takes_blanks_off_both_ends(void **state)
{
    static const struct {
        const char *input;
        const char *expected;
    } cases[] = {
        {"", ""}, {" ", ""}, {"\r\n\t ", ""}, {" a b ", "a b"}, {"a\r", "a"}, {"a", "a"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_span(span_trim(guarded_text(cases[i].input)), cases[i].expected);
    }
    assert_span(span_trim(nothing), "");
}

static void copy_terminates_what_fits(void **state)
{
    char out[4] = "xxx";
    (void)state;
    assert_true(span_copy(guarded_text("abc"), out, sizeof(out)));
    assert_string_equal(out, "abc");
    assert_true(span_copy(nothing, out, sizeof(out)));
    assert_string_equal(out, "");
}

static void copy_of_what_does_not_fit_is_empty(void **state)
{
    char out[4] = "xxx";
    (void)state;
    assert_false(span_copy(guarded_text("abcd"), out, sizeof(out)));
    assert_string_equal(out, "");
}

static void i64_takes_the_whole_range_and_no_more(void **state)
{
    static const struct {
        const char *input;
        bool valid;
        int64_t expected;
    } cases[] = {
        {"0", true, 0},
        {"7", true, 7},
        {"-1", true, -1},
        {"007", true, 7},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"99999999999999999999999", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"--1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1.0", false, 0},
        {"0x1", false, 0},
        {"1-", false, 0},
        {"a", false, 0},
        {"/", false, 0},
        {":", false, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t value = 42;
        assert_int_equal(span_i64(guarded_text(cases[i].input), &value), cases[i].valid);
        assert_true(value == (cases[i].valid ? cases[i].expected : 42));
    }
    int64_t value;
    assert_false(span_i64(nothing, &value));
}

static void u64_takes_the_whole_range_and_no_more(void **state)
{
    static const struct {
        const char *input;
        bool valid;
        uint64_t expected;
    } cases[] = {
        {"0", true, 0},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"18446744073709551620", false, 0},
        {"-1", false, 0},
        {"+1", false, 0},
        {"", false, 0},
        {"1a", false, 0},
        {"\xb1", false, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t value = 42;
        assert_int_equal(span_u64(guarded_text(cases[i].input), &value), cases[i].valid);
        assert_true(value == (cases[i].valid ? cases[i].expected : 42));
    }
}

static void number_is_what_redis_and_prometheus_both_write(void **state)
{
    static const char *const numbers[] = {
        "0",    "-0",      "+1",   "1.5",  "-1.50",  "0.0000001", "1e5",
        "1E-5", "1.5e+10", "0012", "3.46", "-12e-3", "1e05",      "18446744073709551615",
    };
    static const char *const others[] = {
        "",    "-",     "+",   ".",    ".5",  "5.",   "1e",    "1e+",   "e5",       "1.e5",
        "nan", "-nan",  "inf", "-inf", "NaN", "+Inf", "0x10",  "1,5",   "1 2",      " 1",
        "1 ",  "1.2.3", "--1", "1%",   "1K",  "1e5e", "12:34", "1e5.5", "infinity",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(numbers); i++) {
        assert_true(span_is_number(guarded_text(numbers[i])));
    }
    for (size_t i = 0; i < COUNT(others); i++) {
        double value = 42;
        assert_false(span_is_number(guarded_text(others[i])));
        assert_false(span_f64(guarded_text(others[i]), &value));
        assert_true(value == 42);
    }
    assert_false(span_is_number(nothing));
}

static void f64_reads_the_nearest_double(void **state)
{
    static const struct {
        const char *input;
        double expected;
    } cases[] = {
        {"0", 0},         {"1", 1},       {"-1.5", -1.5}, {"+2", 2},
        {"0.1", 0.1},     {"1e3", 1e3},   {"1e-3", 1e-3}, {"18446744073709551615", 0x1p64},
        {"67.69", 67.69}, {"1e99", 1e99},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        double value;
        assert_true(span_f64(guarded_text(cases[i].input), &value));
        assert_true(value == cases[i].expected);
    }
}

static void shifted_f64_is_rounded_once(void **state)
{
    static const struct {
        const char *input;
        int shift;
        double expected;
    } cases[] = {
        {"99.9", -2, 0.999},
        {"3.1", -2, 0.031},
        {"3", -6, 3e-6},
        {"1500", -3, 1.5},
        {"-5", -3, -0.005},
        {"+7", -3, 0.007},
        {"0", -6, 0},
        {"7", 0, 7},
        {"1e3", -3, 1},
        {"1.5E3", -3, 1.5},
        {"0.25", 2, 25},
        {"570494", -6, 0.570494},
        {"0000000000000000000000000000000000000000000000000000000000000001", -3, 0.001},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        double value = 42;
        assert_true(span_f64_shifted(guarded_text(cases[i].input), cases[i].shift, &value));
        assert_true(value == cases[i].expected);
    }
}

static void shifted_f64_refuses_what_f64_refuses(void **state)
{
    static const char *const others[] = {"", "e", "1e", "nan", "inf", "1 ", "0x1", "1e999"};
    double value = 42;
    (void)state;
    for (size_t i = 0; i < COUNT(others); i++) {
        assert_false(span_f64_shifted(guarded_text(others[i]), -3, &value));
    }
    assert_false(span_f64_shifted(nothing, -3, &value));
    assert_true(value == 42);
}

static void f64_that_is_not_finite_is_refused(void **state)
{
    double value = 42;
    (void)state;
    assert_false(span_f64(guarded_text("1e309"), &value));
    assert_false(span_f64(guarded_text("-1e999"), &value));
    assert_true(value == 42);
}

// Prometheus refuses a whole page for one such number.
static void number_beyond_the_range_of_a_double_is_none(void **state)
{
    char digits[401];
    (void)state;
    memset(digits, '9', 400);
    digits[400] = '\0';
    assert_false(span_is_number(guarded_text("1e999")));
    assert_false(span_is_number(guarded_text("-1e+309")));
    assert_false(span_is_number(guarded_text(digits)));
}

static void comparisons_look_at_the_whole_text(void **state)
{
    static const char *const beginnings[] = {"ab", "x"};
    (void)state;
    assert_true(span_equals(guarded_text("abc"), SPAN("abc")));
    assert_false(span_equals(guarded_text("abc"), SPAN("abcd")));
    assert_false(span_equals(guarded_text("abc"), SPAN("abd")));
    assert_true(span_equals(nothing, SPAN("")));
    assert_true(span_is(guarded_text("abc"), "abc"));
    assert_false(span_is(guarded_text("ab"), "abc"));
    assert_true(span_starts(guarded_text("abc"), SPAN("ab")));
    assert_false(span_starts(guarded_text("a"), SPAN("ab")));
    assert_false(span_starts(nothing, SPAN("ab")));
    assert_true(span_starts_any(guarded_text("abc"), beginnings, 2));
    assert_true(span_starts_any(guarded_text("x"), beginnings, 2));
    assert_false(span_starts_any(guarded_text("ba"), beginnings, 2));
    assert_false(span_starts_any(guarded_text("ab"), beginnings, 0));
}

static void every_text_starts_with_nothing(void **state)
{
    (void)state;
    assert_true(span_starts(guarded_text("a"), SPAN("")));
    assert_true(span_starts(nothing, nothing));
}

static void contains_finds_the_needle_anywhere(void **state)
{
    (void)state;
    assert_true(span_contains(guarded_text("abc"), SPAN("abc")));
    assert_true(span_contains(guarded_text("abc"), SPAN("c")));
    assert_true(span_contains(guarded_text("abc"), SPAN("")));
    assert_true(span_contains(nothing, nothing));
    assert_false(span_contains(guarded_text("abc"), SPAN("cd")));
    assert_false(span_contains(guarded_text("abc"), SPAN("abcd")));
    assert_false(span_contains(nothing, SPAN("a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(cut_gives_the_parts_between_separators, release),
        cmocka_unit_test(cut_of_nothing_is_false),
        cmocka_unit_test_teardown(split_divides_at_the_first_separator, release),
        cmocka_unit_test_teardown(split_last_divides_at_the_last_separator, release),
        cmocka_unit_test_teardown(split_without_separator_changes_nothing, release),
        cmocka_unit_test_teardown(split_may_write_to_its_own_input, release),
        cmocka_unit_test_teardown(trim_takes_blanks_off_both_ends, release),
        cmocka_unit_test_teardown(copy_terminates_what_fits, release),
        cmocka_unit_test_teardown(copy_of_what_does_not_fit_is_empty, release),
        cmocka_unit_test_teardown(i64_takes_the_whole_range_and_no_more, release),
        cmocka_unit_test_teardown(u64_takes_the_whole_range_and_no_more, release),
        cmocka_unit_test_teardown(number_is_what_redis_and_prometheus_both_write, release),
        cmocka_unit_test_teardown(f64_reads_the_nearest_double, release),
        cmocka_unit_test_teardown(shifted_f64_is_rounded_once, release),
        cmocka_unit_test_teardown(shifted_f64_refuses_what_f64_refuses, release),
        cmocka_unit_test_teardown(f64_that_is_not_finite_is_refused, release),
        cmocka_unit_test_teardown(number_beyond_the_range_of_a_double_is_none, release),
        cmocka_unit_test_teardown(comparisons_look_at_the_whole_text, release),
        cmocka_unit_test(every_text_starts_with_nothing),
        cmocka_unit_test_teardown(contains_finds_the_needle_anywhere, release),
    };
    return cmocka_run_group_tests_name("span", tests, NULL, NULL);
}
