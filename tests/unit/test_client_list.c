#include "redis/client_list.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/buf.h"
#include "support.h"

static int release(void **state)
{
    (void)state;
    guards_release();
    return 0;
}

// The kinds that there are, as: kind, count, output bytes, their maximum, query bytes, longest
// idle, oldest age.
static void check_sums(struct span reply, const char *expected)
{
    struct client_sums sums[CLIENT_KINDS];
    struct buf out = BUF_EMPTY;
    memset(sums, 0xff, sizeof(sums));
    client_list_sum(reply, sums);
    for (int kind = 0; kind < CLIENT_KINDS; kind++) {
        const struct client_sums *sum = &sums[kind];
        if (sum->count > 0) {
            buf_text(&out, out.length > 0 ? "; " : "");
            buf_text(&out, client_kind_name((enum client_kind)kind));
            buf_format(&out, " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64,
                       sum->count, sum->output_bytes, sum->output_max_bytes, sum->query_bytes,
                       sum->idle_max_s);
            buf_format(&out, " %" PRIu64, sum->age_max_s);
        } else {
            assert_int_equal(sum->output_bytes + sum->output_max_bytes, 0);
            assert_int_equal(sum->query_bytes + sum->idle_max_s + sum->age_max_s, 0);
        }
    }
    assert_span(buf_view(&out), expected);
    buf_free(&out);
}

static void check_text(const char *text, const char *expected)
{
    check_sums(guarded_text(text), expected);
}

static void each_versions_clients_are_summed_up(void **state)
{
    static const struct {
        const char *server;
        const char *expected;
    } cases[] = {
        {"redis-3.2.13", "normal 1 0 0 0 0 0; replica 1 0 0 0 0 2"},
        {"redis-3.2.13-replica", "normal 1 0 0 0 0 0; master 1 0 0 0 0 2"},
        {"redis-4.0.14", "normal 1 0 0 0 0 0; replica 1 0 0 0 0 3"},
        {"redis-4.0.14-replica", "normal 1 0 0 0 0 0; master 1 0 0 0 1 3"},
        {"redis-5.0.14", "normal 1 0 0 26 0 1; replica 1 0 0 0 1 5"},
        {"redis-5.0.14-replica", "normal 1 0 0 26 0 0; master 1 0 0 0 1 4"},
        {"redis-6.2.16", "normal 1 0 0 26 0 0; replica 1 0 0 0 0 3"},
        {"redis-6.2.16-replica", "normal 1 0 0 26 0 0; master 1 0 0 0 0 3"},
        {"redis-7.0.15", "normal 1 0 0 26 0 0; replica 1 20504 20504 0 0 4"},
        {"redis-7.0.15-replica", "normal 1 0 0 26 0 0; master 1 0 0 0 0 4"},
        {"redis-7.2.6", "normal 1 0 0 26 0 0; replica 1 16448 16448 0 0 4"},
        {"redis-7.2.6-replica", "normal 1 0 0 26 0 0; master 1 0 0 0 1 5"},
        {"redis-8.0.2", "normal 1 0 0 26 0 0; replica 1 20504 20504 0 0 4"},
        {"redis-8.0.2-replica", "normal 1 0 0 26 0 0; master 1 0 0 0 1 4"},
        {"valkey-8.0.1", "normal 1 0 0 0 0 0; replica 1 16448 16448 0 0 2"},
        {"valkey-8.0.1-replica", "normal 1 0 0 0 0 0; master 1 0 0 0 0 2"},
        {"valkey-9.1.2", "normal 1 0 0 0 0 0; replica 1 20504 20504 0 1 2"},
        {"valkey-9.1.2-replica", "normal 1 0 0 0 0 0; master 1 0 0 0 1 1"},
    };
    (void)state;
    assert_int_equal(COUNT(cases), CAPTURE_COUNT);
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t length;
        char *list = capture(cases[i].server, "client_list", &length);
        check_sums(guarded(span_make(list, length)), cases[i].expected);
        free(list);
    }
}

static void kinds_have_names(void **state)
{
    (void)state;
    assert_string_equal(client_kind_name(CLIENT_NORMAL), "normal");
    assert_string_equal(client_kind_name(CLIENT_PUBSUB), "pubsub");
    assert_string_equal(client_kind_name(CLIENT_REPLICA), "replica");
    assert_string_equal(client_kind_name(CLIENT_MASTER), "master");
}

static void flags_tell_the_kind(void **state)
{
    static const struct {
        const char *flags;
        const char *expected;
    } cases[] = {
        {"flags=N\n", "normal 1 0 0 0 0 0"},
        {"flags=P\n", "pubsub 1 0 0 0 0 0"},
        {"flags=S\n", "replica 1 0 0 0 0 0"},
        {"flags=M\n", "master 1 0 0 0 0 0"},
        {"flags=O\n", "normal 1 0 0 0 0 0"},
        {"flags=xbP\n", "pubsub 1 0 0 0 0 0"},
        {"flags=SP\n", "replica 1 0 0 0 0 0"},
        {"flags=PM\n", "master 1 0 0 0 0 0"},
        {"flags=OS\n", "replica 1 0 0 0 0 0"},
        {"flags=AbcdeituUxrRtTB\n", "normal 1 0 0 0 0 0"},
        {"flags=?\n", "normal 1 0 0 0 0 0"},
        {"flags=smp\n", "normal 1 0 0 0 0 0"},
        {"flags=S=M\n", "replica 1 0 0 0 0 0"},
        {"Flags=S\n", ""},
        {"name=flags=M flags=P\n", "pubsub 1 0 0 0 0 0"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_text(cases[i].flags, cases[i].expected);
    }
}

static void clients_of_a_kind_are_added_up(void **state)
{
    (void)state;
    check_text("id=1 age=10 idle=3 flags=N qbuf=1 omem=100\n"
               "id=2 age=7 idle=9 flags=P qbuf=20 omem=5\n"
               "id=3 age=20 idle=2 flags=N qbuf=2 omem=40\n"
               "id=4 age=15 idle=1 flags=N qbuf=4 omem=200\n",
               "normal 3 340 200 7 3 20; pubsub 1 5 5 20 9 7");
}

static void lines_may_end_in_crlf_and_the_last_one_needs_no_end(void **state)
{
    (void)state;
    check_text("flags=N omem=1\r\nflags=S omem=2\r\n", "normal 1 1 1 0 0 0; replica 1 2 2 0 0 0");
    check_text("flags=N omem=1\nflags=S omem=2", "normal 1 1 1 0 0 0; replica 1 2 2 0 0 0");
    check_text("flags=N omem=1\n\n\nflags=N omem=2\n", "normal 2 3 2 0 0 0");
}

static void fields_may_come_in_any_order_or_be_missing(void **state)
{
    (void)state;
    check_text("omem=1 qbuf=2 idle=3 age=4 flags=M\n", "master 1 1 1 2 3 4");
    check_text("flags=M\n", "master 1 0 0 0 0 0");
    check_text("flags=M age=4\n", "master 1 0 0 0 0 4");
    check_text("  flags=M  age=4  \n", "master 1 0 0 0 0 4");
    check_text("tot-omem=9 omemx=9 qbuf-free=9 xage=9 flags=N\n", "normal 1 0 0 0 0 0");
}

static void value_that_is_no_number_counts_as_nothing(void **state)
{
    static const char *const lines[] = {
        "flags=N omem= qbuf= idle= age=\n",
        "flags=N omem=x qbuf=1x idle=0x1 age=1.5\n",
        "flags=N omem=-1 qbuf=-1 idle=-1 age=-1\n",
        "flags=N omem qbuf idle age\n",
        "flags=N omem=18446744073709551616 qbuf=99999999999999999999 idle=+1 age=1e3\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        check_text(lines[i], "normal 1 0 0 0 0 0");
    }
}

// Without flags there is no telling the kind.
static void lines_that_are_no_clients_are_left_out(void **state)
{
    static const char *const texts[] = {
        "",
        "\n",
        "\r\n\r\n",
        " ",
        "=",
        "= = =\n",
        "flags",
        "flags=",
        "flags= omem=5\n",
        "id=1 omem=5 qbuf=6 idle=7 age=8\n",
        "ERR unknown command\n",
        "OK",
    };
    struct span nothing = {NULL, 0};
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        check_text(texts[i], "");
    }
    check_sums(nothing, "");
    check_text("garbage\nflags=N omem=1\n=\nomem=7\n", "normal 1 1 1 0 0 0");
}

static void bytes_that_are_no_text_are_read_over(void **state)
{
    static const char bytes[] = "name=\0\xff\x01 flags=P omem=3\n\0flags=S\n";
    (void)state;
    check_sums(guarded(span_make(bytes, sizeof(bytes) - 1)), "pubsub 1 3 3 0 0 0");
}

// Every cut of a real list: nothing beyond it is read, and no sum is larger than the whole's.
static void list_may_be_cut_anywhere(void **state)
{
    size_t length;
    size_t clients = 0;
    char *list = capture("valkey-9.1.2", "client_list", &length);
    (void)state;
    for (size_t kept = 0; kept <= length; kept++) {
        struct client_sums sums[CLIENT_KINDS];
        size_t count = 0;
        client_list_sum(guarded(span_make(list, kept)), sums);
        for (int kind = 0; kind < CLIENT_KINDS; kind++) {
            assert_in_range(sums[kind].count, 0, 1);
            count += sums[kind].count;
        }
        assert_true(count >= clients); // no longer text has fewer clients
        clients = count;
        assert_in_range(sums[CLIENT_REPLICA].output_bytes, 0, 20504);
        assert_in_range(sums[CLIENT_REPLICA].age_max_s, 0, 2);
        guards_release();
    }
    assert_int_equal(clients, 2);
    free(list);
}

// --- One client taken apart ---

// The fields of a line as name>value, separated by blanks.
static void check_fields(struct span line, const char *expected)
{
    struct span name;
    struct span value;
    struct buf out = BUF_EMPTY;
    while (client_next_field(&line, &name, &value)) {
        buf_text(&out, out.length > 0 ? " " : "");
        buf_span(&out, name);
        buf_char(&out, '>');
        buf_span(&out, value);
    }
    assert_span(buf_view(&out), expected);
    buf_free(&out);
}

static void line_is_a_list_of_fields(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"id=1", "id>1"},
        {"id=1 name= age=2", "id>1 name> age>2"},
        {"  id=1   age=2  ", "id>1 age>2"},
        {"id", ""},
        {"id=1 broken age=2", "id>1 age>2"},
        {"name=a=b=c id=1", "name>a=b=c id>1"},
        {"=x y=", ">x y>"},
        {"addr=[::1]:5 id=1", "addr>[::1]:5 id>1"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_fields(guarded_text(cases[i][0]), cases[i][1]);
    }
}

// What tells who the client is, separated by commas.
static void check_client(struct span line, const char *expected)
{
    struct span field[CLIENT_FIELDS];
    struct buf out = BUF_EMPTY;
    memset(field, 0xff, sizeof(field));
    client_fields_parse(line, field);
    for (size_t i = 0; i < CLIENT_FIELDS; i++) {
        buf_text(&out, i > 0 ? "," : "");
        buf_span(&out, field[i]);
    }
    assert_span(buf_view(&out), expected);
    buf_free(&out);
}

static void fields_that_tell_who_it_is_are_found(void **state)
{
    static const char *const cases[][2] = {
        {"", ",,,,,,"},
        {"id=7", "7,,,,,,"},
        {"resp=3 user=me addr=h:1 db=2 flags=N name=n id=7", "7,n,N,2,h:1,me,3"},
        {"id=7 laddr=h:2 addr=h:1 idle=3 ids=4 i=5", "7,,,,h:1,,"},
        {"id=7 name=a=b flags=P", "7,a=b,P,,,,"},
        {"id=1 id=2", "2,,,,,,"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_client(guarded_text(cases[i][0]), cases[i][1]);
    }
}

static void each_versions_clients_tell_who_they_are(void **state)
{
    (void)state;
    for (size_t i = 0; i < CAPTURE_COUNT; i++) {
        size_t length;
        char *list = capture(captures[i], "client_list", &length);
        struct span rest = span_make(list, length);
        struct span line;
        while (span_cut(&rest, '\n', &line)) {
            struct span field[CLIENT_FIELDS];
            uint64_t number;
            client_fields_parse(guarded(line), field);
            assert_true(span_u64(field[CLIENT_ID], &number));
            assert_true(span_u64(field[CLIENT_DB], &number));
            assert_true(field[CLIENT_FLAGS].length > 0);
            assert_true(span_contains(field[CLIENT_ADDR], SPAN(":")));
        }
        free(list);
        guards_release();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_versions_clients_are_summed_up, release),
        cmocka_unit_test(kinds_have_names),
        cmocka_unit_test_teardown(flags_tell_the_kind, release),
        cmocka_unit_test_teardown(clients_of_a_kind_are_added_up, release),
        cmocka_unit_test_teardown(lines_may_end_in_crlf_and_the_last_one_needs_no_end, release),
        cmocka_unit_test_teardown(fields_may_come_in_any_order_or_be_missing, release),
        cmocka_unit_test_teardown(value_that_is_no_number_counts_as_nothing, release),
        cmocka_unit_test_teardown(lines_that_are_no_clients_are_left_out, release),
        cmocka_unit_test_teardown(bytes_that_are_no_text_are_read_over, release),
        cmocka_unit_test_teardown(list_may_be_cut_anywhere, release),
        cmocka_unit_test_teardown(line_is_a_list_of_fields, release),
        cmocka_unit_test_teardown(fields_that_tell_who_it_is_are_found, release),
        cmocka_unit_test_teardown(each_versions_clients_tell_who_they_are, release),
    };
    return cmocka_run_group_tests_name("client_list", tests, NULL, NULL);
}
