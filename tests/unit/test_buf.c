#include "base/buf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "support.h"

static void empty_buffer_has_no_memory(void **state)
{
    struct buf buf = BUF_EMPTY;
    (void)state;
    buf_bytes(&buf, NULL, 0);
    buf_text(&buf, "");
    buf_span(&buf, span_make(NULL, 0));
    assert_null(buf.data);
    assert_int_equal(buf_view(&buf).length, 0);
    buf_free(&buf);
}

static void what_is_added_stands_in_order(void **state)
{
    struct buf buf = BUF_EMPTY;
    (void)state;
    buf_text(&buf, "a");
    buf_char(&buf, '-');
    buf_bytes(&buf, "b\0c", 3);
    buf_span(&buf, SPAN("d"));
    buf_format(&buf, "[%s:%u]", "x", 7U);
    buf_i64(&buf, -12);
    assert_int_equal(buf.length, 14);
    assert_memory_equal(buf.data, "a-b\0cd[x:7]-12", 14);
    buf_free(&buf);
    assert_null(buf.data);
    assert_int_equal(buf.length, 0);
}

static void growing_keeps_the_content(void **state)
{
    struct buf buf = BUF_EMPTY;
    (void)state;
    for (size_t i = 0; i < 100000; i++) {
        buf_char(&buf, (char)('a' + i % 26));
    }
    assert_int_equal(buf.length, 100000);
    for (size_t i = 0; i < 100000; i++) {
        assert_int_equal(buf.data[i], 'a' + (int)(i % 26));
    }
    buf_free(&buf);
}

static void reserve_gives_room_behind_the_end(void **state)
{
    struct buf buf = BUF_EMPTY;
    (void)state;
    buf_text(&buf, "ab");
    char *room = buf_reserve(&buf, 5000);
    memset(room, 'x', 5000);
    assert_int_equal(buf.length, 2);
    buf.length += 5000;
    assert_ptr_equal(room, buf.data + 2);
    assert_span(span_make(buf.data, 3), "abx");
    buf_free(&buf);
}

static void format_writes_long_texts_whole(void **state)
{
    struct buf buf = BUF_EMPTY;
    (void)state;
    buf_format(&buf, "%5000d", 1);
    assert_int_equal(buf.length, 5000);
    assert_int_equal(buf.data[4999], '1');
    buf_free(&buf);
}

static void take_gives_terminated_text_and_empties(void **state)
{
    struct buf buf = BUF_EMPTY;
    (void)state;
    buf_text(&buf, "abc");
    char *text = buf_take(&buf);
    assert_string_equal(text, "abc");
    assert_null(buf.data);
    free(text);
    text = buf_take(&buf);
    assert_string_equal(text, "");
    free(text);
}

static void integers_are_written_in_full(void **state)
{
    static const struct {
        int64_t input;
        const char *expected;
    } cases[] = {
        {0, "0"},
        {7, "7"},
        {-7, "-7"},
        {10, "10"},
        {INT64_MAX, "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf buf = BUF_EMPTY;
        buf_i64(&buf, cases[i].input);
        assert_span(buf_view(&buf), cases[i].expected);
        buf_free(&buf);
    }
}

static void doubles_are_written_as_prometheus_reads_them(void **state)
{
    static const struct {
        double input;
        const char *expected;
    } cases[] = {
        {0, "0"},
        {-0.0, "0"},
        {1, "1"},
        {-3, "-3"},
        {0.1, "0.1"},
        {0.2 + 0.1, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {2.5e-6, "2.5e-06"},
        {16384, "16384"},
        {1795462371, "1795462371"},
        {9007199254740992.0, "9007199254740992"},
        {-9007199254740992.0, "-9007199254740992"},
        {1e300, "1e+300"},
        {(double)INFINITY, "+Inf"},
        {-(double)INFINITY, "-Inf"},
        {(double)NAN, "NaN"},
        {-(double)NAN, "NaN"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf buf = BUF_EMPTY;
        buf_f64(&buf, cases[i].input);
        assert_span(buf_view(&buf), cases[i].expected);
        buf_free(&buf);
    }
}

static void bounds_have_a_point_or_an_exponent(void **state)
{
    static const struct {
        double input;
        const char *expected;
    } cases[] = {
        {0, "0.0"},      {1, "1.0"},        {16384, "16384.0"},         {0.5, "0.5"},
        {1e-6, "1e-06"}, {1e300, "1e+300"}, {(double)INFINITY, "+Inf"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf buf = BUF_EMPTY;
        buf_text(&buf, "1.5 "); // what stands before does not count
        buf_bound(&buf, cases[i].input);
        assert_span(span_skip(buf_view(&buf), 4), cases[i].expected);
        buf_free(&buf);
    }
}

static double random_normal(uint64_t *seed)
{
    double value;
    do {
        uint64_t bits = (uint64_t)random_below(seed, UINT32_MAX) << 32;
        bits |= random_below(seed, UINT32_MAX);
        memcpy(&value, &bits, sizeof(value));
    } while (!isnormal(value));
    return value;
}

static void doubles_read_back_the_same_and_no_shorter_text_does(void **state)
{
    uint64_t seed = 1;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        char shorter[400];
        double value =
            i % 2 == 0 ? random_normal(&seed) : (double)random_below(&seed, 1u << 30) * 1e-6;
        struct buf buf = BUF_EMPTY;
        buf_f64(&buf, value);
        buf_char(&buf, '\0');
        assert_true(strtod(buf.data, NULL) == value);
        size_t digits = 0;
        for (const char *c = buf.data; *c != '\0' && *c != 'e'; c++) {
            digits += *c >= '0' && *c <= '9' && (digits > 0 || *c != '0');
        }
        if (digits > 1 && (fabs(value) > 0x1p53 || value != floor(value))) {
            snprintf(shorter, sizeof(shorter), "%.*g", (int)digits - 1, value);
            assert_false(strtod(shorter, NULL) == value);
        }
        buf_free(&buf);
    }
}

static void integers_move_their_point_too(void **state)
{
    struct buf buf = BUF_EMPTY;
    (void)state;
    buf_i64_shifted(&buf, 1500000, -6);
    buf_char(&buf, ' ');
    buf_i64_shifted(&buf, -42, -6);
    buf_char(&buf, ' ');
    buf_i64_shifted(&buf, INT64_MIN, -6);
    assert_span(buf_view(&buf), "1.5 -0.000042 -9223372036854.775808");
    buf_free(&buf);
}

static void points_move_exactly(void **state)
{
    static const struct {
        const char *text;
        int shift;
        const char *expected;
    } cases[] = {
        {"0", -6, "0"},
        {"00", -1, "0"},
        {"000500", -3, "0.5"},
        {"10", -1, "1"},
        {"1000001", -6, "1.000001"},
        {"18446744073709551615", -3, "18446744073709551.615"},
        {"100000000000000000000", -6, "100000000000000"},
        {"12345678901234567", -16, "1.2345678901234567"},
        {"0.000", -6, "0"},
        {"1", -6, "0.000001"},
        {"123456", -6, "0.123456"},
        {"1234567", -6, "1.234567"},
        {"12000000", -6, "12"},
        {"1.003", -6, "0.000001003"},
        {"99.9", -2, "0.999"},
        {"100", -2, "1"},
        {"-1500", -3, "-1.5"},
        {"1.5", 3, "1500"},
        {"0.25", 1, "2.5"},
        {"007", 0, "7"},
        {"1.50", 0, "1.5"},
        {"+5", -1, "0.5"},
        {"1e3", -3, "1"},
        {"12.5", -16, "0.00000000000000125"},
        {"12.5", 16, "125000000000000000"},
        {"4", -17, "4e-17"},
        {"123456789012345678", -3, "123456789012345.678"}, // more digits than a double has
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf buf = BUF_EMPTY;
        buf_shifted(&buf, guarded_text(cases[i].text), cases[i].shift);
        assert_span(buf_view(&buf), cases[i].expected);
        buf_free(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_buffer_has_no_memory),
        cmocka_unit_test(what_is_added_stands_in_order),
        cmocka_unit_test(growing_keeps_the_content),
        cmocka_unit_test(reserve_gives_room_behind_the_end),
        cmocka_unit_test(format_writes_long_texts_whole),
        cmocka_unit_test(take_gives_terminated_text_and_empties),
        cmocka_unit_test(integers_are_written_in_full),
        cmocka_unit_test(doubles_are_written_as_prometheus_reads_them),
        cmocka_unit_test(bounds_have_a_point_or_an_exponent),
        cmocka_unit_test(doubles_read_back_the_same_and_no_shorter_text_does),
        cmocka_unit_test(integers_move_their_point_too),
        cmocka_unit_test(points_move_exactly),
    };
    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
