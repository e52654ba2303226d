#include "metrics/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

static const struct metric gauge = {"redis_test_bytes", GAUGE, "used_test", "A gauge."};
static const struct metric plain = {"redis_plain", GAUGE, "plain", "A number."};
static const struct metric counter = {"redis_test_seconds_total", COUNTER, "time", "A counter.",
                                      .shift = -3};
static const struct metric info = {"redis_test_info", INFO, "", "An info.",
                                   .source = FROM_EXPORTER};
static const struct metric status = {
    "redis_status", GAUGE, "status", "A status.", .source = FROM_CLUSTER_INFO, .match = "ok"};
static const struct metric ratio = {"redis_test_ratio", GAUGE,       "perc",
                                    "A ratio.",         .shift = -2, .percent = true};

static int release(void **state)
{
    (void)state;
    guards_release();
    return 0;
}

static struct emitter begin_page(struct buf *out, enum page_format format)
{
    return page_begin(out, format, DIALECT_NATIVE);
}

static void check_page(struct buf *out, struct emitter *to, const char *expected)
{
    page_end(to);
    assert_span(buf_view(out), expected);
    buf_free(out);
}

static void page_without_samples_is_empty(void **state)
{
    struct buf out = BUF_EMPTY;
    (void)state;
    struct emitter to = begin_page(&out, PAGE_TEXT);
    page_metric(&to, &gauge);
    page_metric(&to, &counter);
    check_page(&out, &to, "");
    to = begin_page(&out, PAGE_OPENMETRICS);
    page_metric(&to, &gauge);
    check_page(&out, &to, "# EOF\n");
}

static void text_family_has_help_and_type(void **state)
{
    struct buf out = BUF_EMPTY;
    (void)state;
    struct emitter to = begin_page(&out, PAGE_TEXT);
    page_metric(&to, &gauge);
    emit(&to, 5);
    page_metric(&to, &plain);
    page_metric(&to, &counter);
    emit(&to, 1.5);
    page_metric(&to, &info);
    emit(&to, 1);
    page_metric(&to, &status);
    emit(&to, 0);
    assert_int_equal(to.samples, 4);
    check_page(&out, &to,
               "# HELP redis_test_bytes A gauge. (INFO used_test)\n"
               "# TYPE redis_test_bytes gauge\n"
               "redis_test_bytes 5\n"
               "# HELP redis_test_seconds_total A counter. (INFO time)\n"
               "# TYPE redis_test_seconds_total counter\n"
               "redis_test_seconds_total 1.5\n"
               "# HELP redis_test_info An info.\n"
               "# TYPE redis_test_info gauge\n"
               "redis_test_info 1\n"
               "# HELP redis_status A status. (CLUSTER INFO status)\n"
               "# TYPE redis_status gauge\n"
               "redis_status 0\n");
}

static void openmetrics_family_is_named_without_suffix(void **state)
{
    struct buf out = BUF_EMPTY;
    (void)state;
    struct emitter to = begin_page(&out, PAGE_OPENMETRICS);
    page_metric(&to, &gauge);
    emit(&to, 5);
    page_metric(&to, &counter);
    emit(&to, 1.5);
    page_metric(&to, &info);
    emit(&to, 1);
    page_metric(&to, &plain);
    emit(&to, 1);
    check_page(&out, &to,
               "# HELP redis_test_bytes A gauge. (INFO used_test)\n"
               "# TYPE redis_test_bytes gauge\n"
               "# UNIT redis_test_bytes bytes\n"
               "redis_test_bytes 5\n"
               "# HELP redis_test_seconds A counter. (INFO time)\n"
               "# TYPE redis_test_seconds counter\n"
               "# UNIT redis_test_seconds seconds\n"
               "redis_test_seconds_total 1.5\n"
               "# HELP redis_test An info.\n"
               "# TYPE redis_test info\n"
               "redis_test_info 1\n"
               "# HELP redis_plain A number. (INFO plain)\n"
               "# TYPE redis_plain gauge\n"
               "redis_plain 1\n"
               "# EOF\n");
}

static void rows_of_one_name_share_a_header(void **state)
{
    const struct metric first = gauge;
    const struct metric second = gauge;
    struct buf out = BUF_EMPTY;
    (void)state;
    struct emitter to = begin_page(&out, PAGE_TEXT);
    page_metric(&to, &first);
    emit(&to, 1);
    page_metric(&to, &second);
    emit(&to, 2);
    check_page(&out, &to,
               "# HELP redis_test_bytes A gauge. (INFO used_test)\n"
               "# TYPE redis_test_bytes gauge\n"
               "redis_test_bytes 1\n"
               "redis_test_bytes 2\n");
}

static const char *sample_of(struct buf *out, const char *name)
{
    buf_char(out, '\0');
    char *line = strstr(out->data, name);
    while (line != NULL && line != out->data && line[-1] != '\n') {
        line = strstr(line + 1, name);
    }
    assert_non_null(line);
    return line;
}

static void labels_stand_behind_those_of_all_samples(void **state)
{
    const struct label labels[] = {{"a", SPAN("1")}, {"b", SPAN("2")}};
    static const struct {
        const char *common;
        size_t count;
        const char *expected;
    } cases[] = {
        {"", 0, "redis_plain 1\n"},
        {"", 1, "redis_plain{a=\"1\"} 1\n"},
        {"", 2, "redis_plain{a=\"1\",b=\"2\"} 1\n"},
        {"x=\"0\"", 0, "redis_plain{x=\"0\"} 1\n"},
        {"x=\"0\"", 2, "redis_plain{x=\"0\",a=\"1\",b=\"2\"} 1\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf out = BUF_EMPTY;
        struct emitter to = begin_page(&out, PAGE_TEXT);
        page_metric(&to, &plain);
        to.labels = span_of(cases[i].common);
        emit_labelled(&to, labels, cases[i].count, 1);
        assert_string_equal(sample_of(&out, "redis_plain"), cases[i].expected);
        buf_free(&out);
    }
}

static void check_text(const struct metric *metric, const char *text, const char *expected)
{
    struct buf out = BUF_EMPTY;
    struct emitter to = begin_page(&out, PAGE_TEXT);
    page_metric(&to, metric);
    emit_text(&to, NULL, 0, guarded_text(text));
    if (!span_is(buf_view(&out), expected)) {
        const char *line = sample_of(&out, metric->name);
        assert_string_equal(strchr(line, ' ') + 1, expected);
    }
    buf_free(&out);
}

static void number_texts_are_copied(void **state)
{
    static const char *const texts[] = {"0",
                                        "1.50",
                                        "-3",
                                        "18446744073709551615",
                                        "007",
                                        "1e5",
                                        "0.100000000000000000000000000000000000001"};
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        char *expected = replaced("X\n", "X", texts[i]);
        check_text(&gauge, texts[i], expected);
        free(expected);
    }
}

static void numbers_in_other_units_are_converted(void **state)
{
    (void)state;
    check_text(&counter, "1500", "1.5\n");
    check_text(&counter, "0", "0\n");
    check_text(&counter, "1", "0.001\n");
    check_text(&counter, "0.3", "0.0003\n");
    check_text(&ratio, "67.69", "0.6769\n");
    check_text(&ratio, "3.1", "0.031\n");
    check_text(&ratio, "100", "1\n");
}

static void leading_plus_is_taken_off(void **state)
{
    (void)state;
    check_text(&gauge, "+5", "5\n");
    check_text(&gauge, "+0.5", "0.5\n");
}

static void text_that_matches_is_1(void **state)
{
    (void)state;
    check_text(&status, "ok", "1\n");
    check_text(&status, "fail", "0\n");
    check_text(&status, "okay", "0\n");
    check_text(&status, "OK", "0\n");
}

static void doubles_are_written_shortest(void **state)
{
    static const struct {
        double value;
        const char *expected;
    } cases[] = {
        {0.1, "redis_plain 0.1\n"},
        {1.0 / 3, "redis_plain 0.3333333333333333\n"},
        {16384, "redis_plain 16384\n"},
        {1795462371.5, "redis_plain 1795462371.5\n"},
        {(double)INFINITY, "redis_plain +Inf\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf out = BUF_EMPTY;
        struct emitter to = begin_page(&out, PAGE_TEXT);
        page_metric(&to, &plain);
        emit(&to, cases[i].value);
        assert_string_equal(sample_of(&out, "redis_plain"), cases[i].expected);
        buf_free(&out);
    }
}

enum { CHECKSUM_LENGTH = 9 }; // ~ and eight digits

// A value that could not go in as it was carries a checksum before the closing quote.
static void check_label(const struct buf *out, const char *expected, bool with_checksum)
{
    if (!with_checksum) {
        assert_span(buf_view(out), expected);
        return;
    }
    size_t length = strlen(expected) - 1;
    assert_int_equal(out->length, length + CHECKSUM_LENGTH + 1);
    assert_memory_equal(out->data, expected, length);
    assert_int_equal(out->data[length], '~');
}

static void label_values_are_escaped(void **state)
{
    static const struct {
        const char *value;
        const char *expected;
    } cases[] = {
        {"", "l=\"\""},
        {"plain 1:2/3", "l=\"plain 1:2/3\""},
        {"say \"x\"", "l=\"say \\\"x\\\"\""},
        {"a\\b", "l=\"a\\\\b\""},
        {"a\nb", "l=\"a\\nb\""},
        {"\\n", "l=\"\\\\n\""},
        {"a\rb\tc\x01\x1f", "l=\"a?b?c??\""},
        // UTF-8 of two, three and four bytes, the first and the last of each length.
        {"\xc3\xa9", "l=\"\xc3\xa9\""},
        {"\xc2\x80\xdf\xbf", "l=\"\xc2\x80\xdf\xbf\""},
        {"\xe0\xa0\x80\xe2\x82\xac\xef\xbf\xbf", "l=\"\xe0\xa0\x80\xe2\x82\xac\xef\xbf\xbf\""},
        {"\xed\x9f\xbf\xee\x80\x80", "l=\"\xed\x9f\xbf\xee\x80\x80\""},
        {"\xf0\x90\x80\x80\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf",
         "l=\"\xf0\x90\x80\x80\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf\""},
        // What is no UTF-8: a lone continuation, bytes that never occur, overlong forms,
        // surrogates, beyond U+10FFFF, cut sequences.
        {"\x80", "l=\"?\""},
        {"a\xbfz", "l=\"a?z\""},
        {"\xff\xfe", "l=\"??\""},
        {"\xc0\x80", "l=\"??\""},
        {"\xc1\xbf", "l=\"??\""},
        {"\xe0\x80\x80", "l=\"???\""},
        {"\xe0\x9f\xbf", "l=\"???\""},
        {"\xf0\x80\x80\x80", "l=\"????\""},
        {"\xf0\x8f\xbf\xbf", "l=\"????\""},
        {"\xed\xa0\x80", "l=\"???\""},
        {"\xed\xbf\xbf", "l=\"???\""},
        {"\xf4\x90\x80\x80", "l=\"????\""},
        {"\xf5\x80\x80\x80", "l=\"????\""},
        {"\xc3", "l=\"?\""},
        {"\xc3(", "l=\"?(\""},
        {"\xe2\x82", "l=\"??\""},
        {"\xe2\x82z", "l=\"??z\""},
        {"\xe2(\xac", "l=\"?(?\""},
        {"\xf0\x9f\x98", "l=\"???\""},
        {"\xf0\x9f(\x80", "l=\"?\?(?\""},
        {"\xc3\"", "l=\"?\\\"\""},
        {"\xe2\x82\\", "l=\"??\\\\\""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf out = BUF_EMPTY;
        label_add(&out, "l", guarded_text(cases[i].value));
        check_label(&out, cases[i].expected, strchr(cases[i].expected, '?') != NULL);
        buf_free(&out);
    }
}

static void nul_in_a_label_value_is_replaced(void **state)
{
    struct buf out = BUF_EMPTY;
    (void)state;
    label_add(&out, "l", guarded(span_make("a\0b", 3)));
    check_label(&out, "l=\"a?b\"", true);
    buf_free(&out);
}

// Otherwise one node could repeat a series.
static void values_that_look_alike_when_replaced_or_cut_stay_apart(void **state)
{
    char long_values[2][1001];
    struct span pairs[][2] = {
        {SPAN("a\xff"), SPAN("a\xfe")},
        {{long_values[0], 1000}, {long_values[1], 1000}},
    };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        memset(long_values[i], 'x', 1000);
        long_values[i][999] = (char)('a' + i);
    }
    for (size_t i = 0; i < COUNT(pairs); i++) {
        struct buf first = BUF_EMPTY;
        struct buf second = BUF_EMPTY;
        label_add(&first, "l", pairs[i][0]);
        label_add(&second, "l", pairs[i][1]);
        bool alike = span_equals(buf_view(&first), buf_view(&second));
        buf_free(&first);
        buf_free(&second);
        assert_false(alike);
    }
}

// Cut to a beginning of the value; a character that is cut through becomes '?'.
static void long_label_values_are_cut(void **state)
{
    static const size_t skipped[] = {0, 3, 4, 5, 6};
    struct buf text = BUF_EMPTY;
    (void)state;
    for (int i = 0; i < 1000; i++) {
        buf_text(&text, i % 5 == 0 ? "\xe2\x82\xac" : "x");
    }
    for (size_t i = 0; i < COUNT(skipped); i++) {
        struct buf out = BUF_EMPTY;
        struct span value = span_skip(buf_view(&text), skipped[i]);
        label_add(&out, "l", guarded(value));
        assert_in_range(out.length, 200, 300);
        assert_int_equal(out.data[out.length - 1], '"');
        struct span kept = span_make(out.data + 3, out.length - 4 - CHECKSUM_LENGTH);
        for (int cut = 0; cut < 3 && kept.at[kept.length - 1] == '?'; cut++) {
            kept.length--;
        }
        assert_true(span_starts(value, kept));
        buf_free(&out);
    }
    buf_free(&text);
}

// Every pair of bytes: what comes out is plain ASCII, or what went in.
static void no_two_bytes_break_the_page(void **state)
{
    (void)state;
    for (int i = 0; i < 256 * 256; i++) {
        const char bytes[] = {(char)(i / 256), (char)(i % 256)};
        struct buf out = BUF_EMPTY;
        label_add(&out, "l", span_make(bytes, 2));
        bool two_byte_form =
            i / 256 >= 0xc2 && i / 256 <= 0xdf && i % 256 >= 0x80 && i % 256 <= 0xbf;
        for (size_t j = 0; j < out.length; j++) {
            assert_true(two_byte_form ||
                        ((unsigned char)out.data[j] >= ' ' && (unsigned char)out.data[j] < 0x80));
        }
        assert_true(!two_byte_form || memcmp(out.data + 3, bytes, 2) == 0);
        buf_free(&out);
    }
}

// --- The dialect of redis_exporter ---

static const char *page_of(struct buf *out, const struct metric *metric, const char *text)
{
    struct emitter to = page_begin(out, PAGE_TEXT, DIALECT_RX);
    if (page_metric(&to, metric)) {
        emit_text(&to, NULL, 0, guarded_text(text));
    }
    buf_char(out, '\0');
    return out->data;
}

static void dialect_has_its_own_names_and_units(void **state)
{
    const struct metric renamed = {"redis_fork_seconds", GAUGE,      "latest_fork_usec", "A time.",
                                   "redis_fork_usec",    .shift = -6};
    const struct metric same = {"redis_fork_seconds", GAUGE, "latest_fork_usec", "A time.",
                                .shift = -6};
    const struct metric counted = {"redis_hits_total", COUNTER,      "hits",
                                   "A count.",         "redis_hits", .rx_gauge = true};
    struct buf out = BUF_EMPTY;
    (void)state;
    assert_string_equal(page_of(&out, &renamed, "500"),
                        "# HELP redis_fork_usec A time. (INFO latest_fork_usec)\n"
                        "# TYPE redis_fork_usec gauge\n"
                        "redis_fork_usec 500\n");
    buf_free(&out);
    assert_string_equal(page_of(&out, &same, "500"),
                        "# HELP redis_fork_seconds A time. (INFO latest_fork_usec)\n"
                        "# TYPE redis_fork_seconds gauge\n"
                        "redis_fork_seconds 0.0005\n");
    buf_free(&out);
    assert_string_equal(page_of(&out, &counted, "3"), "# HELP redis_hits A count. (INFO hits)\n"
                                                      "# TYPE redis_hits gauge\n"
                                                      "redis_hits 3\n");
    buf_free(&out);
}

static void metric_that_a_dialect_lacks_leaves_no_trace(void **state)
{
    const struct metric ours = {"redis_ours", GAUGE, "ours", "A number.", RX_NONE};
    struct buf out = BUF_EMPTY;
    (void)state;
    assert_string_equal(page_of(&out, &ours, "1"), "");
    buf_free(&out);
    struct emitter to = page_begin(&out, PAGE_TEXT, DIALECT_NATIVE);
    assert_true(page_metric(&to, &ours));
    buf_free(&out);
}

static void negative_that_says_never_is_only_for_redis_exporter(void **state)
{
    const struct metric row = {"redis_save_seconds", GAUGE,
                               "save_time_sec",      "A time.",
                               "redis_save_sec",     .no_negative = true};
    struct buf out = BUF_EMPTY;
    (void)state;
    struct emitter to = page_begin(&out, PAGE_TEXT, DIALECT_NATIVE);
    assert_true(page_metric(&to, &row));
    emit_text(&to, NULL, 0, guarded_text("-1"));
    assert_int_equal(to.samples, 0);
    assert_int_equal(out.length, 0);
    buf_free(&out);
    page_of(&out, &row, "-1");
    assert_string_equal(sample_of(&out, "redis_save_sec"), "redis_save_sec -1\n");
    buf_free(&out);
}

static void parts_of_a_histogram_have_suffixes(void **state)
{
    const struct metric row = {"redis_latency_seconds", HISTOGRAM, "", "A histogram.",
                               .source = FROM_EXPORTER};
    const struct label bound = {"le", SPAN("+Inf")};
    struct buf out = BUF_EMPTY;
    (void)state;
    struct emitter to = page_begin(&out, PAGE_OPENMETRICS, DIALECT_NATIVE);
    assert_true(page_metric(&to, &row));
    emit_part(&to, "_bucket", &bound, 1, 3);
    emit_part(&to, "_sum", NULL, 0, 0.5);
    emit_part(&to, "_count", NULL, 0, 3);
    check_page(&out, &to,
               "# HELP redis_latency_seconds A histogram.\n"
               "# TYPE redis_latency_seconds histogram\n"
               "# UNIT redis_latency_seconds seconds\n"
               "redis_latency_seconds_bucket{le=\"+Inf\"} 3\n"
               "redis_latency_seconds_sum 0.5\n"
               "redis_latency_seconds_count 3\n"
               "# EOF\n");
}

static void unit_follows_from_the_name(void **state)
{
    static const struct {
        const char *name;
        const char *unit;
    } cases[] = {
        {"redis_memory_used_bytes", "bytes"},
        {"redis_net_input_bytes_total", "bytes"},
        {"redis_cpu_sys_seconds_total", "seconds"},
        {"redis_start_time_seconds", "seconds"},
        {"redis_test_ratio", "ratio"},
        {"redis_up", NULL},
        {"redis_keys_total", NULL},
        {"redis_kilobytes", NULL},
        {"redis_master_last_io_seconds_ago", NULL},
        {"bytes", NULL},
        {"_bytes", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct metric row = gauge;
        row.name = cases[i].name;
        const char *unit = metric_unit(&row);
        assert_string_equal(unit != NULL ? unit : "none",
                            cases[i].unit != NULL ? cases[i].unit : "none");
    }
}

static void types_have_names(void **state)
{
    (void)state;
    assert_string_equal(metric_type_name(GAUGE), "gauge");
    assert_string_equal(metric_type_name(COUNTER), "counter");
    assert_string_equal(metric_type_name(INFO), "info");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_without_samples_is_empty),
        cmocka_unit_test(text_family_has_help_and_type),
        cmocka_unit_test(openmetrics_family_is_named_without_suffix),
        cmocka_unit_test(rows_of_one_name_share_a_header),
        cmocka_unit_test(labels_stand_behind_those_of_all_samples),
        cmocka_unit_test_teardown(number_texts_are_copied, release),
        cmocka_unit_test_teardown(numbers_in_other_units_are_converted, release),
        cmocka_unit_test_teardown(leading_plus_is_taken_off, release),
        cmocka_unit_test_teardown(text_that_matches_is_1, release),
        cmocka_unit_test(doubles_are_written_shortest),
        cmocka_unit_test_teardown(label_values_are_escaped, release),
        cmocka_unit_test_teardown(nul_in_a_label_value_is_replaced, release),
        cmocka_unit_test_teardown(values_that_look_alike_when_replaced_or_cut_stay_apart, release),
        cmocka_unit_test_teardown(long_label_values_are_cut, release),
        cmocka_unit_test(no_two_bytes_break_the_page),
        cmocka_unit_test_teardown(dialect_has_its_own_names_and_units, release),
        cmocka_unit_test_teardown(metric_that_a_dialect_lacks_leaves_no_trace, release),
        cmocka_unit_test_teardown(negative_that_says_never_is_only_for_redis_exporter, release),
        cmocka_unit_test(parts_of_a_histogram_have_suffixes),
        cmocka_unit_test(unit_follows_from_the_name),
        cmocka_unit_test(types_have_names),
    };
    return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
