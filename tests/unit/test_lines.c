#include "redis/lines.h"

#include <stdlib.h>

#include "base/buf.h"
#include "support.h"

static int release(void **state)
{
    (void)state;
    guards_release();
    return 0;
}

// The lines as key=value, one after the other, in angle brackets.
static void check_lines(const char *input, const char *expected)
{
    struct span rest = guarded_text(input);
    struct line line;
    struct buf out = BUF_EMPTY;
    while (lines_next(&rest, &line)) {
        buf_char(&out, '<');
        buf_span(&out, line.key);
        buf_char(&out, '=');
        buf_span(&out, line.value);
        buf_char(&out, '>');
    }
    assert_int_equal(rest.length, 0);
    assert_span(buf_view(&out), expected);
    buf_free(&out);
}

static void lines_end_in_crlf_or_lf(void **state)
{
    (void)state;
    check_lines("a:1\r\nb:2\r\n", "<a=1><b=2>");
    check_lines("a:1\nb:2\n", "<a=1><b=2>");
}

static void last_line_needs_no_end(void **state)
{
    (void)state;
    check_lines("a:1\r\nb:2", "<a=1><b=2>");
    check_lines("a:1\r\nb:2\r", "<a=1><b=2>");
}

static void comments_and_blank_lines_are_skipped(void **state)
{
    (void)state;
    check_lines("# Server\r\na:1\r\n\r\n\n#b:2\r\nc:3\r\n", "<a=1><c=3>");
}

static void line_without_colon_is_skipped(void **state)
{
    (void)state;
    check_lines("garbage\r\na:1\r\nmore", "<a=1>");
}

static void value_may_have_colons_or_be_empty(void **state)
{
    (void)state;
    check_lines("executable:C:/redis\r\nconfig_file:\r\n:x\r\n",
                "<executable=C:/redis><config_file=><=x>");
}

static void only_one_carriage_return_is_taken_off(void **state)
{
    (void)state;
    check_lines("a:1\r\r\nb: 2 \r\n", "<a=1\r><b= 2 >");
}

static void nothing_has_no_lines(void **state)
{
    struct span rest = {NULL, 0};
    struct line line;
    (void)state;
    assert_false(lines_next(&rest, &line));
    check_lines("", "");
    check_lines("\n", "");
    check_lines("\r\n\r\n", "");
}

static void parts_are_names_and_values(void **state)
{
    struct span rest = guarded_text("keys=10,expires=,x,=y,ip=::1,");
    struct line part;
    struct buf out = BUF_EMPTY;
    (void)state;
    while (lines_next_part(&rest, &part)) {
        buf_char(&out, '<');
        buf_span(&out, part.key);
        buf_char(&out, '=');
        buf_span(&out, part.value);
        buf_char(&out, '>');
    }
    assert_span(buf_view(&out), "<keys=10><expires=><=x><=y><ip=::1>");
    buf_free(&out);
}

static void named_part_is_found(void **state)
{
    struct span value = guarded_text("ip=10.0.0.1,port=6379,state=online");
    struct span found = SPAN("kept");
    (void)state;
    assert_false(lines_find_part(value, SPAN("stat"), &found));
    assert_span(found, "kept");
    assert_true(lines_find_part(value, SPAN("state"), &found));
    assert_span(found, "online");
    assert_true(lines_find_part(value, SPAN("ip"), &found));
    assert_span(found, "10.0.0.1");
}

static void real_info_is_read_line_by_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(captures); i++) {
        size_t length;
        char *info = capture(captures[i], "info_all", &length);
        struct span text = guarded(span_make(info, length));
        struct span rest = text;
        struct span value;
        struct line line;
        size_t count = 0;
        while (lines_next(&rest, &line)) {
            assert_true(line.key.length > 0);
            assert_null(memchr(line.key.at, '\n', line.key.length));
            assert_null(memchr(line.value.at, '\r', line.value.length));
            count++;
        }
        assert_in_range(count, 85, 500);
        assert_true(find_line(text, SPAN("cluster_enabled"), &value));
        assert_span(value, "1");
        bool replica = strstr(captures[i], "-replica") != NULL;
        assert_true(find_line(text, SPAN("role"), &value));
        assert_span(value, replica ? "slave" : "master");
        assert_true(find_line(text, SPAN("tcp_port"), &value));
        assert_span(value, replica ? "13003" : "13000");
        free(info);
    }
}

static void real_cluster_info_is_read_line_by_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(captures); i++) {
        size_t length;
        char *info = capture(captures[i], "cluster_info", &length);
        struct span text = guarded(span_make(info, length));
        struct span value;
        assert_true(find_line(text, SPAN("cluster_state"), &value));
        assert_span(value, "ok");
        assert_true(find_line(text, SPAN("cluster_slots_assigned"), &value));
        assert_span(value, "16384");
        assert_true(find_line(text, SPAN("cluster_known_nodes"), &value));
        assert_span(value, "6");
        free(info);
    }
}

static void valkey_names_its_mode_otherwise(void **state)
{
    size_t length;
    struct span value;
    (void)state;
    char *info = capture("valkey-9.1.2", "info_all", &length);
    assert_true(find_line(span_make(info, length), SPAN("server_mode"), &value));
    assert_span(value, "cluster");
    assert_false(find_line(span_make(info, length), SPAN("redis_mode"), &value));
    free(info);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(lines_end_in_crlf_or_lf, release),
        cmocka_unit_test_teardown(last_line_needs_no_end, release),
        cmocka_unit_test_teardown(comments_and_blank_lines_are_skipped, release),
        cmocka_unit_test_teardown(line_without_colon_is_skipped, release),
        cmocka_unit_test_teardown(value_may_have_colons_or_be_empty, release),
        cmocka_unit_test_teardown(only_one_carriage_return_is_taken_off, release),
        cmocka_unit_test_teardown(nothing_has_no_lines, release),
        cmocka_unit_test_teardown(parts_are_names_and_values, release),
        cmocka_unit_test_teardown(named_part_is_found, release),
        cmocka_unit_test_teardown(real_info_is_read_line_by_line, release),
        cmocka_unit_test_teardown(real_cluster_info_is_read_line_by_line, release),
        cmocka_unit_test(valkey_names_its_mode_otherwise),
    };
    return cmocka_run_group_tests_name("lines", tests, NULL, NULL);
}
