#include "base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "support.h"

// Standard error as a pipe of packets: one read gives what one write brought.
struct capture {
    int saved;
    int pipe[2];
    char bytes[4096];
};

static struct capture log_capture;

static int begin_capture(void **state)
{
    (void)state;
    log_capture.saved = dup(STDERR_FILENO);
    assert_int_equal(pipe2(log_capture.pipe, O_NONBLOCK | O_CLOEXEC | O_DIRECT), 0);
    dup2(log_capture.pipe[1], STDERR_FILENO);
    return 0;
}

// A pipe as a shell makes it: it blocks who writes, not us who read.
static int begin_blocking_capture(void **state)
{
    (void)state;
    log_capture.saved = dup(STDERR_FILENO);
    assert_int_equal(pipe2(log_capture.pipe, O_CLOEXEC), 0);
    assert_int_equal(fcntl(log_capture.pipe[0], F_SETFL, O_NONBLOCK), 0);
    dup2(log_capture.pipe[1], STDERR_FILENO);
    alarm(60); // ends the test when a line waits for a reader
    return 0;
}

static int end_capture(void **state)
{
    (void)state;
    alarm(0);
    dup2(log_capture.saved, STDERR_FILENO);
    close(log_capture.saved);
    close(log_capture.pipe[0]);
    close(log_capture.pipe[1]);
    return 0;
}

// The next write to standard error; length 0 when there was none.
static struct span next_write(void)
{
    ssize_t got = read(log_capture.pipe[0], log_capture.bytes, sizeof(log_capture.bytes));
    return span_make(log_capture.bytes, got > 0 ? (size_t)got : 0);
}

// The line behind its time, whose form is checked.
static struct span next_line(const char *before, const char *after)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ";
    struct span line = next_write();
    size_t skipped = strlen(before) + strlen(form) + strlen(after);
    assert_true(line.length > skipped);
    assert_true(span_starts(line, span_of(before)));
    line = span_skip(line, strlen(before));
    for (size_t i = 0; form[i] != '\0'; i++) {
        bool digit = line.at[i] >= '0' && line.at[i] <= '9';
        assert_true(form[i] == 'd' ? digit : line.at[i] == form[i]);
    }
    line = span_skip(line, strlen(form));
    assert_true(span_starts(line, span_of(after)));
    return span_skip(line, strlen(after));
}

static void logfmt_line_has_time_level_message_and_pairs(void **state)
{
    (void)state;
    log_init(LOG_INFO, LOG_LOGFMT);
    log_warn("node cannot be read", "node", "10.0.0.1:6379", "reason", "refused");
    assert_span(next_line("ts=", " "),
                "level=warn msg=\"node cannot be read\" node=10.0.0.1:6379 reason=refused\n");
    assert_int_equal(next_write().length, 0);
}

static void json_line_is_one_object(void **state)
{
    (void)state;
    log_init(LOG_INFO, LOG_JSON);
    log_error("it \"broke\"", "path", "C:\\x", "text", "a\nb\x01");
    assert_span(next_line("{\"ts\":\"", "\","),
                "\"level\":\"error\",\"msg\":\"it \\\"broke\\\"\",\"path\":\"C:\\\\x\","
                "\"text\":\"a\\nb\\u0001\"}\n");
}

static void logfmt_value_is_quoted_where_it_must_be(void **state)
{
    static const struct {
        const char *value;
        const char *expected;
    } cases[] = {
        {"plain", "plain"},
        {"a:b/c[0]", "a:b/c[0]"},
        {"", "\"\""},
        {"two words", "\"two words\""},
        {"a=b", "\"a=b\""},
        {"say \"x\"", "\"say \\\"x\\\"\""},
        {"back\\slash", "\"back\\\\slash\""},
        {"new\nline", "\"new\\nline\""},
        {"tab\t", "\"tab\\u0009\""},
        {"\x7f", "\"\\u007f\""},
        {"\xc3\xa9", "\"\xc3\xa9\""},
        {"\xc3(", "\"?(\""},
    };
    (void)state;
    log_init(LOG_INFO, LOG_LOGFMT);
    for (size_t i = 0; i < COUNT(cases); i++) {
        log_info("x", "key", cases[i].value);
        struct span line = next_line("ts=", " level=info msg=x key=");
        assert_true(line.length > 0);
        assert_int_equal(line.at[line.length - 1], '\n');
        line.length--;
        assert_span(line, cases[i].expected);
    }
}

static void null_value_leaves_its_pair_out(void **state)
{
    const char *absent = NULL;
    (void)state;
    log_init(LOG_INFO, LOG_LOGFMT);
    log_info("x", "a", "1", "b", absent, "c", "3");
    assert_span(next_line("ts=", " "), "level=info msg=x a=1 c=3\n");
}

static void lines_below_the_level_are_not_written(void **state)
{
    (void)state;
    log_init(LOG_WARN, LOG_LOGFMT);
    log_debug("debug");
    log_info("info");
    assert_int_equal(next_write().length, 0);
    log_warn("warn");
    log_error("error");
    assert_span(next_line("ts=", " "), "level=warn msg=warn\n");
    assert_span(next_line("ts=", " "), "level=error msg=error\n");
    log_init(LOG_DEBUG, LOG_LOGFMT);
    log_debug("debug");
    assert_span(next_line("ts=", " "), "level=debug msg=debug\n");
}

// All that is in the pipe; free it.
static struct buf read_everything(void)
{
    struct buf text = BUF_EMPTY;
    for (struct span part = next_write(); part.length > 0; part = next_write()) {
        buf_span(&text, part);
    }
    return text;
}

static size_t count_lines(struct buf *text)
{
    struct span rest = buf_view(text);
    struct span line;
    size_t count = 0;
    while (span_cut(&rest, '\n', &line)) {
        assert_true(span_starts(line, SPAN("ts=")));
        count++;
    }
    return count;
}

static void line_that_nobody_reads_is_dropped_and_counted(void **state)
{
    enum { LINES = 5000 };
    (void)state;
    log_init(LOG_INFO, LOG_LOGFMT);
    for (int i = 0; i < LINES; i++) {
        log_info("a line of a log that nobody reads");
    }
    struct buf text = read_everything();
    char after[128];
    size_t kept = count_lines(&text);
    assert_true(kept > 0 && kept < LINES);
    buf_free(&text);
    log_info("x");
    snprintf(after, sizeof(after), "level=info msg=x dropped_lines=%zu\n", LINES - kept);
    assert_span(next_line("ts=", " "), after);
    log_info("y");
    assert_span(next_line("ts=", " "), "level=info msg=y\n");
}

// What is larger than the pipe takes at once is cut, and the next line begins a line all the same.
static void long_line_does_not_wait_either(void **state)
{
    enum { LENGTH = 100000 };
    char *value = malloc(LENGTH);
    (void)state;
    memset(value, 'v', LENGTH);
    value[LENGTH - 1] = '\0';
    log_init(LOG_INFO, LOG_LOGFMT);
    log_info("x", "key", value);
    free(value);
    struct buf text = read_everything();
    assert_true(text.length > 0 && text.length < LENGTH);
    assert_int_equal(count_lines(&text), 1);
    buf_free(&text);
    log_info("y");
    text = read_everything();
    assert_true(span_starts(buf_view(&text), SPAN("\nts=")));
    assert_true(span_contains(buf_view(&text), SPAN(" msg=y dropped_lines=1\n")));
    buf_free(&text);
}

static void words_name_levels_and_formats(void **state)
{
    enum log_level level = LOG_ERROR;
    enum log_format format = LOG_JSON;
    (void)state;
    assert_true(log_level_parse("debug", &level));
    assert_int_equal(level, LOG_DEBUG);
    assert_true(log_level_parse("warn", &level));
    assert_int_equal(level, LOG_WARN);
    assert_true(log_format_parse("logfmt", &format));
    assert_int_equal(format, LOG_LOGFMT);
    assert_true(log_format_parse("json", &format));
    assert_int_equal(format, LOG_JSON);
}

static void other_words_set_nothing(void **state)
{
    static const char *const words[] = {"", "WARN", "warning", "inf", "infoo", "json "};
    enum log_level level = LOG_ERROR;
    enum log_format format = LOG_JSON;
    (void)state;
    for (size_t i = 0; i < COUNT(words); i++) {
        assert_false(log_level_parse(words[i], &level));
        assert_false(log_format_parse(words[i], &format));
    }
    assert_int_equal(level, LOG_ERROR);
    assert_int_equal(format, LOG_JSON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(logfmt_line_has_time_level_message_and_pairs, begin_capture,
                                        end_capture),
        cmocka_unit_test_setup_teardown(json_line_is_one_object, begin_capture, end_capture),
        cmocka_unit_test_setup_teardown(logfmt_value_is_quoted_where_it_must_be, begin_capture,
                                        end_capture),
        cmocka_unit_test_setup_teardown(null_value_leaves_its_pair_out, begin_capture, end_capture),
        cmocka_unit_test_setup_teardown(lines_below_the_level_are_not_written, begin_capture,
                                        end_capture),
        cmocka_unit_test_setup_teardown(line_that_nobody_reads_is_dropped_and_counted,
                                        begin_blocking_capture, end_capture),
        cmocka_unit_test_setup_teardown(long_line_does_not_wait_either, begin_blocking_capture,
                                        end_capture),
        cmocka_unit_test(words_name_levels_and_formats),
        cmocka_unit_test(other_words_set_nothing),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
