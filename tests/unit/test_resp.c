#include "redis/resp.h"

#include <stdio.h>
#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "support.h"

enum { CAP = 1 << 24 };

// What the stream says when it is fed in the given pieces: its replies as lines, and how it ends.
struct feeder {
    struct resp *resp;
    struct buf said;
    enum resp_status status;
};

static struct feeder feeder_new(size_t cap)
{
    return (struct feeder){.resp = resp_new(cap), .said = BUF_EMPTY, .status = RESP_MORE};
}

static void feed(struct feeder *feeder, const char *bytes, size_t length)
{
    struct reply *reply;
    resp_feed(feeder->resp, bytes, length);
    while ((feeder->status = resp_next(feeder->resp, &reply)) == RESP_REPLY) {
        char *line = reply_line(reply);
        buf_text(&feeder->said, line);
        buf_char(&feeder->said, '\n');
        free(line);
        reply_free(reply);
    }
}

static void feeder_free(struct feeder *feeder)
{
    resp_free(feeder->resp);
    buf_free(&feeder->said);
}

static void check_pieces(struct span input, size_t cut, struct span expected)
{
    struct feeder feeder = feeder_new(CAP);
    feed(&feeder, input.at, cut);
    feed(&feeder, input.at + cut, input.length - cut);
    assert_int_equal(feeder.status, RESP_MORE);
    assert_false(resp_has_rest(feeder.resp));
    assert_true(span_equals(buf_view(&feeder.said), expected));
    feeder_free(&feeder);
}

static void check_byte_by_byte(struct span input, struct span expected)
{
    struct feeder feeder = feeder_new(CAP);
    for (size_t i = 0; i < input.length; i++) {
        feed(&feeder, input.at + i, 1);
    }
    assert_true(span_equals(buf_view(&feeder.said), expected));
    feeder_free(&feeder);
}

// In the middle of a long text one byte is like the other: there not every cut is tried.
static void check_every_split(struct span input, struct span expected)
{
    enum { SHORT = 4096, EDGE = 64, STRIDE = 61 };
    size_t cut = 0;
    while (cut <= input.length) {
        bool middle = input.length > SHORT && cut >= EDGE && cut + EDGE + STRIDE < input.length;
        check_pieces(input, cut, expected);
        cut += middle ? STRIDE : 1;
    }
    check_byte_by_byte(input, expected);
}

static void each_capture_reads_the_same_however_it_is_split(void **state)
{
    static const char *const others[] = {
        "captures/redis-3.2.13/cluster_slots.resp2", "captures/redis-7.0.15/cluster_shards.resp2",
        "captures/redis-7.0.15/memory_stats.resp2",  "captures/redis-7.0.15/role.resp2",
        "captures/redis-7.0.15/unknown.resp2",       "captures/valkey-9.1.2/module_list.resp2",
    };
    static const char *const names[] = {"info_all", "cluster_info", "cluster_nodes"};
    char path[128];
    (void)state;
    for (size_t i = 0; i < COUNT(captures) * COUNT(names) + COUNT(others); i++) {
        size_t length;
        if (i < COUNT(others)) {
            snprintf(path, sizeof(path), "%s", others[i]);
        } else {
            size_t j = i - COUNT(others);
            snprintf(path, sizeof(path), "captures/%s/%s.resp2", captures[j / COUNT(names)],
                     names[j % COUNT(names)]);
        }
        char *bytes = fixture(path, &length);
        struct reply *reply = reply_of(bytes, length);
        char *line = reply_line(reply);
        struct buf expected = BUF_EMPTY;
        buf_format(&expected, "%s\n", line);
        check_every_split(span_make(bytes, length), buf_view(&expected));
        buf_free(&expected);
        free(line);
        reply_free(reply);
        free(bytes);
    }
}

static void nested_reply_of_a_server_is_read_whole(void **state)
{
    size_t length;
    (void)state;
    char *bytes = fixture("captures/redis-7.0.15/role.resp2", &length);
    struct reply *reply = reply_of(bytes, length);
    char *line = reply_line(reply);
    assert_string_equal(line, "[\"master\" :503876 [[\"127.0.0.1\" \"13003\" \"502688\"]]]");
    free(line);
    reply_free(reply);
    free(bytes);
}

struct wire_case {
    const char *input;
    const char *expected; // the replies, each on its line
};

static void replies_of_all_kinds_are_read(void **state)
{
    static const struct wire_case cases[] = {
        {"+OK\r\n", "+OK\n"},
        {"+\r\n", "+\n"},
        {"-ERR bad\r\n", "-ERR bad\n"},
        {":0\r\n", ":0\n"},
        {":-5\r\n", ":-5\n"},
        {":9223372036854775807\r\n", ":9223372036854775807\n"},
        {":-9223372036854775808\r\n", ":-9223372036854775808\n"},
        {"$0\r\n\r\n", "\"\"\n"},
        {"$3\r\nabc\r\n", "\"abc\"\n"},
        {"$2\r\n\r\n\r\n", "\"\r\n\"\n"},
        {"$-1\r\n", "nil\n"},
        {"*-1\r\n", "nil\n"},
        {"*0\r\n", "[]\n"},
        {"*2\r\n:1\r\n$-1\r\n", "[:1 nil]\n"},
        {"*3\r\n*0\r\n*1\r\n+a\r\n-ERR x\r\n", "[[] [+a] -ERR x]\n"},
        {"+a\r\n:1\r\n$1\r\nb\r\n", "+a\n:1\n\"b\"\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_every_split(span_of(cases[i].input), span_of(cases[i].expected));
    }
}

static void text_is_binary_safe_and_terminated(void **state)
{
    static const char input[] = "$6\r\na\0\r\n\xff\x01\r\n";
    (void)state;
    struct reply *reply = reply_of(input, sizeof(input) - 1);
    assert_int_equal(reply->type, REPLY_STRING);
    assert_int_equal(reply->text.length, 6);
    assert_memory_equal(reply->text.at, "a\0\r\n\xff\x01\0", 7);
    reply_free(reply);
}

static void taken_text_is_the_callers(void **state)
{
    (void)state;
    struct reply *reply = reply_of("$3\r\nabc\r\n", 9);
    char *text = reply_take_text(reply);
    reply_free(reply);
    assert_string_equal(text, "abc");
    free(text);
}

static void slice_of_a_taken_text_stays_valid(void **state)
{
    (void)state;
    struct reply *reply = reply_of("$3\r\nabc\r\n", 9);
    char *text = reply_take_text(reply);
    bool valid = span_is(reply->text, "abc");
    reply_free(reply);
    free(text);
    assert_true(valid);
}

static void nothing_is_no_reply_yet(void **state)
{
    struct feeder feeder = feeder_new(CAP);
    (void)state;
    feed(&feeder, "", 0);
    assert_int_equal(feeder.status, RESP_MORE);
    assert_false(resp_has_rest(feeder.resp));
    assert_int_equal(feeder.said.length, 0);
    feeder_free(&feeder);
}

static void incomplete_reply_is_a_rest(void **state)
{
    static const char *const inputs[] = {"+O", "+OK", "+OK\r", "$3\r\nab", "$3\r\nabc\r", ":1"};
    (void)state;
    for (size_t i = 0; i < COUNT(inputs); i++) {
        struct feeder feeder = feeder_new(CAP);
        feed(&feeder, inputs[i], strlen(inputs[i]));
        assert_int_equal(feeder.status, RESP_MORE);
        assert_true(resp_has_rest(feeder.resp));
        feeder_free(&feeder);
    }
}

static void second_reply_is_a_rest_until_it_is_taken(void **state)
{
    struct resp *resp = resp_new(CAP);
    struct reply *reply;
    (void)state;
    resp_feed(resp, "+a\r\n+b\r\n", 8);
    assert_int_equal(resp_next(resp, &reply), RESP_REPLY);
    reply_free(reply);
    assert_true(resp_has_rest(resp));
    assert_int_equal(resp_next(resp, &reply), RESP_REPLY);
    reply_free(reply);
    assert_false(resp_has_rest(resp));
    resp_free(resp);
}

static enum resp_status status_of(const char *input, size_t cap)
{
    struct feeder feeder = feeder_new(cap);
    feed(&feeder, input, strlen(input));
    enum resp_status status = feeder.status;
    // Once it has ended badly, it stays so.
    feed(&feeder, "+OK\r\n", 5);
    if (status != RESP_MORE) {
        assert_int_equal(feeder.status, status);
    }
    feeder_free(&feeder);
    return status;
}

static void what_is_no_resp_is_malformed(void **state)
{
    static const char *const inputs[] = {
        "HTTP/1.1 400 Bad Request\r\n",
        "\r\n",
        "\n",
        "x",
        "PONG\r\n",
        ":\r\n",
        ":1a\r\n",
        ":1.5\r\n",
        ":9223372036854775808\r\n",
        ":-9223372036854775809\r\n",
        ":99999999999999999999999999\r\n",
        "$-2\r\n",
        "$-9223372036854775808\r\n",
        "$abc\r\n",
        "$99999999999999999999999999\r\n",
        "*-2\r\n",
        "*abc\r\n",
        "*4294967296\r\n",
        "*1\r\nx",
        "*1\r\n*1\r\n?\r\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(inputs); i++) {
        if (status_of(inputs[i], CAP) != RESP_MALFORMED) {
            print_error("case %zu: %s\n", i, inputs[i]);
            fail();
        }
    }
}

// With hiredis 1 they are types that it knows, and would be read.
static void resp3_types_are_malformed_for_hiredis_0(void **state)
{
    static const char *const inputs[] = {
        "=15\r\ntxt:Some string\r\n",
        "%1\r\n+a\r\n:1\r\n",
        "~1\r\n:1\r\n",
        ",1.5\r\n",
        "#t\r\n",
        "(3492890328409238509324\r\n",
        "_\r\n",
        ">1\r\n+a\r\n",
        "!3\r\nERR\r\n",
        "|1\r\n+a\r\n:1\r\n+b\r\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(inputs); i++) {
        enum resp_status status = status_of(inputs[i], CAP);
        assert_true(HIREDIS_MAJOR > 0 || status == RESP_MALFORMED);
    }
}

static void array_header_alone_allocates_nothing(void **state)
{
    (void)state;
    assert_int_equal(status_of("*2147483647\r\n", CAP), RESP_TOO_LARGE);
    assert_int_equal(status_of("*1048577\r\n", CAP), RESP_TOO_LARGE);
    assert_int_equal(status_of("*1048576\r\n", CAP), RESP_MORE);
}

static void elements_count_over_all_arrays_of_a_reply(void **state)
{
    (void)state;
    assert_int_equal(status_of("*2\r\n*1048574\r\n", CAP), RESP_MORE);
    assert_int_equal(status_of("*2\r\n*1048575\r\n", CAP), RESP_TOO_LARGE);
}

static void elements_count_anew_for_each_reply(void **state)
{
    struct buf input = BUF_EMPTY;
    struct feeder feeder = feeder_new(1 << 30);
    (void)state;
    for (int reply = 0; reply < 2; reply++) {
        buf_text(&input, "*700000\r\n");
        for (int i = 0; i < 700000; i++) {
            buf_text(&input, ":1\r\n");
        }
    }
    feed(&feeder, input.data, input.length);
    assert_int_equal(feeder.status, RESP_MORE);
    assert_int_equal(feeder.said.length, 2 * (700000 * 3 + 2));
    feeder_free(&feeder);
    buf_free(&input);
}

static void arrays_nest_eight_deep_and_no_deeper(void **state)
{
    (void)state;
    for (int depth = 1; depth <= 12; depth++) {
        struct buf input = BUF_EMPTY;
        struct feeder feeder = feeder_new(CAP);
        for (int i = 0; i < depth; i++) {
            buf_text(&input, "*1\r\n");
        }
        buf_text(&input, ":1\r\n");
        feed(&feeder, input.data, input.length);
        assert_int_equal(feeder.status, depth <= 8 ? RESP_MORE : RESP_MALFORMED);
        assert_int_equal(feeder.said.length, depth <= 8 ? 2 * depth + 3 : 0);
        feeder_free(&feeder);
        buf_free(&input);
    }
}

static void endless_line_is_malformed(void **state)
{
    static const char *const beginnings[] = {"+", "-", ":", "$", "*"};
    char piece[1024];
    (void)state;
    memset(piece, '1', sizeof(piece));
    for (size_t i = 0; i < COUNT(beginnings); i++) {
        struct feeder feeder = feeder_new(CAP);
        size_t fed = 0;
        feed(&feeder, beginnings[i], 1);
        while (feeder.status == RESP_MORE && fed < 1 << 20) {
            feed(&feeder, piece, sizeof(piece));
            fed += sizeof(piece);
        }
        assert_int_equal(feeder.status, RESP_MALFORMED);
        assert_in_range(fed, 1 << 16, (1 << 16) + 2 * sizeof(piece));
        feeder_free(&feeder);
    }
}

static void long_text_without_newline_is_no_endless_line(void **state)
{
    enum { LENGTH = 300000 };
    struct buf input = BUF_EMPTY;
    struct feeder feeder = feeder_new(CAP);
    (void)state;
    buf_format(&input, "$%d\r\n", LENGTH);
    memset(buf_reserve(&input, LENGTH), 'x', LENGTH);
    input.length += LENGTH;
    buf_text(&input, "\r\n");
    for (size_t at = 0; at < input.length; at += 1000) {
        size_t rest = input.length - at;
        feed(&feeder, input.data + at, rest < 1000 ? rest : 1000);
        assert_int_equal(feeder.status, RESP_MORE);
    }
    assert_int_equal(feeder.said.length, LENGTH + 3);
    feeder_free(&feeder);
    buf_free(&input);
}

static void huge_text_header_alone_allocates_nothing(void **state)
{
    (void)state;
    assert_int_equal(status_of("$2147483647\r\n", CAP), RESP_MORE);
    assert_int_equal(status_of("$9223372036854775807\r\n", 1000), RESP_MORE);
}

static void stream_beyond_the_cap_is_too_large(void **state)
{
    struct feeder feeder = feeder_new(10);
    (void)state;
    feed(&feeder, "$20\r\n12345", 10);
    assert_int_equal(feeder.status, RESP_MORE);
    feed(&feeder, "6", 1);
    assert_int_equal(feeder.status, RESP_TOO_LARGE);
    feed(&feeder, "", 0);
    assert_int_equal(feeder.status, RESP_TOO_LARGE);
    feeder_free(&feeder);
}

static void cap_counts_over_several_replies_until_restart(void **state)
{
    struct feeder feeder = feeder_new(12);
    (void)state;
    feed(&feeder, "+a\r\n+b\r\n", 8);
    resp_restart(feeder.resp);
    feed(&feeder, "+c\r\n+d\r\n+e\r\n", 12);
    assert_span(buf_view(&feeder.said), "+a\n+b\n+c\n+d\n+e\n");
    feed(&feeder, "+", 1);
    assert_int_equal(feeder.status, RESP_TOO_LARGE);
    feeder_free(&feeder);
}

static void half_an_array_that_fails_leaves_nothing_behind(void **state)
{
    (void)state;
    // The leak checker is the judge here: the elements read so far must be freed.
    assert_int_equal(status_of("*3\r\n$3\r\nabc\r\n*1\r\n+x\r\n?", CAP), RESP_MALFORMED);
    assert_int_equal(status_of("*3\r\n$3\r\nabc\r\n*2147483647\r\n", CAP), RESP_TOO_LARGE);
    assert_int_equal(status_of("*3\r\n$3\r\nabc\r\n*1\r\n+x\r\n", CAP), RESP_MORE);
}

static void reply_that_has_only_begun_is_a_rest(void **state)
{
    static const char *const inputs[] = {"+", "*2\r\n", "*2\r\n:1\r\n"};
    (void)state;
    for (size_t i = 0; i < COUNT(inputs); i++) {
        struct feeder feeder = feeder_new(CAP);
        feed(&feeder, inputs[i], strlen(inputs[i]));
        bool rest = resp_has_rest(feeder.resp);
        feeder_free(&feeder);
        assert_true(rest);
    }
}

static void freeing_nothing_is_fine(void **state)
{
    (void)state;
    resp_free(NULL);
    reply_free(NULL);
}

static void commands_are_arrays_of_texts(void **state)
{
    const struct span words[] = {SPAN("AUTH"), SPAN(""), SPAN("p\xc3\xa4ss \r\n")};
    struct buf out = BUF_EMPTY;
    (void)state;
    buf_text(&out, ">");
    resp_add_command(&out, COUNT(words), words);
    assert_span(buf_view(&out), ">*3\r\n$4\r\nAUTH\r\n$0\r\n\r\n$8\r\np\xc3\xa4ss \r\n\r\n");
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_capture_reads_the_same_however_it_is_split),
        cmocka_unit_test(nested_reply_of_a_server_is_read_whole),
        cmocka_unit_test(replies_of_all_kinds_are_read),
        cmocka_unit_test(text_is_binary_safe_and_terminated),
        cmocka_unit_test(taken_text_is_the_callers),
        cmocka_unit_test(slice_of_a_taken_text_stays_valid),
        cmocka_unit_test(nothing_is_no_reply_yet),
        cmocka_unit_test(incomplete_reply_is_a_rest),
        cmocka_unit_test(reply_that_has_only_begun_is_a_rest),
        cmocka_unit_test(second_reply_is_a_rest_until_it_is_taken),
        cmocka_unit_test(what_is_no_resp_is_malformed),
        cmocka_unit_test(resp3_types_are_malformed_for_hiredis_0),
        cmocka_unit_test(array_header_alone_allocates_nothing),
        cmocka_unit_test(elements_count_over_all_arrays_of_a_reply),
        cmocka_unit_test(elements_count_anew_for_each_reply),
        cmocka_unit_test(arrays_nest_eight_deep_and_no_deeper),
        cmocka_unit_test(endless_line_is_malformed),
        cmocka_unit_test(long_text_without_newline_is_no_endless_line),
        cmocka_unit_test(huge_text_header_alone_allocates_nothing),
        cmocka_unit_test(stream_beyond_the_cap_is_too_large),
        cmocka_unit_test(cap_counts_over_several_replies_until_restart),
        cmocka_unit_test(half_an_array_that_fails_leaves_nothing_behind),
        cmocka_unit_test(freeing_nothing_is_fine),
        cmocka_unit_test(commands_are_arrays_of_texts),
    };
    return cmocka_run_group_tests_name("resp", tests, NULL, NULL);
}
