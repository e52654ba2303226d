#include "redis/replication.h"

#include <stdlib.h>

#include "base/buf.h"
#include "support.h"

static int release(void **state)
{
    (void)state;
    guards_release();
    return 0;
}

static void add_replica(struct buf *out, const struct replica_line *replica)
{
    buf_span(out, replica->ip);
    buf_format(out, " %u ", replica->port);
    buf_span(out, replica->state);
    buf_format(out, " %lld %lld%s", (long long)replica->offset, (long long)replica->ack_age_s,
               replica->channel_only ? " channel" : "");
}

static void replica_line_is_read_by_the_names_of_its_parts(void **state)
{
    static const struct {
        const char *value;
        const char *expected; // ip port state offset age
    } cases[] = {
        {"ip=127.0.0.1,port=13003,state=online,offset=471702,lag=1",
         "127.0.0.1 13003 online 471702 1"},
        {"lag=2,offset=3,state=wait_bgsave,port=1,ip=a", "a 1 wait_bgsave 3 2"},
        {"ip=2001:db8::1,port=6379,state=online,offset=1,lag=0", "2001:db8::1 6379 online 1 0"},
        {"ip=10.0.0.1,port=6379,state=online,offset=1,lag=0,type=replica",
         "10.0.0.1 6379 online 1 0"},
        {"ip=10.0.0.1,port=6379,state=bg_transfer,offset=0,lag=0,type=main-channel",
         "10.0.0.1 6379 bg_transfer 0 0"},
        {"ip=10.0.0.1,port=6379,state=rdb_transmitted,offset=0,lag=0,type=rdb-channel",
         "10.0.0.1 6379 rdb_transmitted 0 0 channel"},
        {"ip=10.0.0.1,port=6379,state=online,offset=1,lag=0,new=field", "10.0.0.1 6379 online 1 0"},
        {"ip=a,port=6379", "a 6379  -1 -1"},
        {"", " 0  -1 -1"},
        {"10.0.0.1,6379,online", " 0  -1 -1"},
        {"ip=a,port=65536,state=online", "a 0 online -1 -1"},
        {"ip=a,port=-1,state=online", "a 0 online -1 -1"},
        {"ip=a,port=x,state=online,offset=x,lag=1.5", "a 0 online -1 -1"},
        {"ip=a,port=1,state=online,offset=18446744073709551615,lag=0", "a 1 online -1 0"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct line line = {SPAN("slave0"), guarded_text(cases[i].value)};
        struct replica_line replica;
        struct buf out = BUF_EMPTY;
        assert_true(replica_line_parse(&line, &replica));
        add_replica(&out, &replica);
        assert_span(buf_view(&out), cases[i].expected);
        buf_free(&out);
    }
}

static void only_slave_and_digits_is_a_replica_line(void **state)
{
    static const char *const others[] = {
        "slave", "slave_repl_offset", "slaves0", "slave0x", "slave-1",
        "slav",  "slave_priority",    "xslave0", "",        "slave 0",
    };
    struct replica_line replica;
    (void)state;
    for (size_t i = 0; i < COUNT(others); i++) {
        struct line line = {guarded_text(others[i]), SPAN("ip=a,port=1,state=online")};
        assert_false(replica_line_parse(&line, &replica));
    }
    struct line line = {guarded_text("slave123"), SPAN("ip=a,port=1,state=online")};
    assert_true(replica_line_parse(&line, &replica));
}

// Role, offset, and the replicas.
static void check_replication(struct span info, const char *expected)
{
    struct replication replication = replication_parse(guarded(info));
    struct span rest = replication.text;
    struct replica_line replica;
    struct buf out = BUF_EMPTY;
    buf_format(&out, "%s %lld", replication.is_replica ? "replica" : "master",
               (long long)replication.master_offset);
    while (replication_next(&rest, &replica)) {
        buf_text(&out, "; ");
        add_replica(&out, &replica);
    }
    assert_span(buf_view(&out), expected);
    buf_free(&out);
}

static void replication_section_is_read(void **state)
{
    static const struct {
        const char *info;
        const char *expected;
    } cases[] = {
        {"# Replication\r\nrole:master\r\nconnected_slaves:0\r\nmaster_repl_offset:0\r\n",
         "master 0"},
        {"# Replication\r\nrole:slave\r\nmaster_repl_offset:7\r\n", "replica 7"},
        {"# Replication\r\nrole:master\r\nslave0:ip=a,port=1,state=online,offset=5,lag=0\r\n"
         "slave1:ip=b,port=2,state=online,offset=6,lag=1\r\nmaster_repl_offset:9\r\n",
         "master 9; a 1 online 5 0; b 2 online 6 1"},
        {"# Server\r\nrole:slave\r\nslave9:ip=x,port=9\r\n# Replication\r\nrole:master\r\n"
         "master_repl_offset:9\r\n# CPU\r\nmaster_repl_offset:1\r\nslave0:ip=y,port=9\r\n",
         "master 9"},
        {"role:slave\nmaster_repl_offset:3\nslave0:ip=a,port=1\n", "replica 3; a 1  -1 -1"},
        {"# Replication", "master -1"},
        {"# Replication\r\nrole:master\r\nmaster_repl_offset:x\r\n", "master -1"},
        {"# Replication\r\nrole:master\r\nmaster_repl_offset:-5\r\n", "master -5"},
        {"", "master -1"},
        {"# Server\r\nredis_version:7.0.0\r\n", "master -1"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_replication(span_of(cases[i].info), cases[i].expected);
    }
    struct replication nothing = replication_parse(span_make(NULL, 0));
    assert_false(nothing.is_replica);
    assert_true(nothing.master_offset == -1);
}

static void both_lines_of_a_replica_on_two_channels_are_given(void **state)
{
    (void)state;
    check_replication(
        SPAN("# Replication\r\nrole:master\r\n"
             "slave0:ip=a,port=1,state=send_bulk,offset=0,lag=0,type=rdb-channel\r\n"
             "slave1:ip=a,port=1,state=bg_transfer,offset=0,lag=0,type=main-channel\r\n"
             "master_repl_offset:9\r\n"),
        "master 9; a 1 send_bulk 0 0 channel; a 1 bg_transfer 0 0");
}

static void each_versions_replication_is_read(void **state)
{
    static const char *const expected[CAPTURE_COUNT] = {
        "master 470503; 127.0.0.1 13003 online 1 0",      "replica 0",
        "master 471702; 127.0.0.1 13003 online 471702 1", "replica 471702",
        "master 490838; 127.0.0.1 13003 online 319652 1", "replica 490838",
        "master 493076; 127.0.0.1 13003 online 52243 1",  "replica 493076",
        "master 503876; 127.0.0.1 13003 online 502688 0", "replica 503876",
        "master 503876; 127.0.0.1 13003 online 503876 0", "replica 503876",
        "master 503876; 127.0.0.1 13003 online 503876 0", "replica 503876",
        "master 503876; 127.0.0.1 13003 online 503876 0", "replica 503876",
        "master 503890; 127.0.0.1 13003 online 0 1",      "replica 503890",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(captures); i++) {
        size_t length;
        char *info = capture(captures[i], "info_all", &length);
        check_replication(span_make(info, length), expected[i]);
        free(info);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(replica_line_is_read_by_the_names_of_its_parts, release),
        cmocka_unit_test_teardown(only_slave_and_digits_is_a_replica_line, release),
        cmocka_unit_test_teardown(replication_section_is_read, release),
        cmocka_unit_test_teardown(both_lines_of_a_replica_on_two_channels_are_given, release),
        cmocka_unit_test_teardown(each_versions_replication_is_read, release),
    };
    return cmocka_run_group_tests_name("replication", tests, NULL, NULL);
}
