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
        {"ip=a,port=1,state=online,offset=-7,lag=-2", "a 1 online -1 -1"},
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
        {"# Replication\r\nrole:master\r\nmaster_repl_offset:-5\r\n", "master -1"},
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

// Every field of the section in one line, in the order of the struct.
static void add_all_fields(struct buf *out, const struct replication *found)
{
    buf_format(out, "%s %lld ", found->is_replica ? "replica" : "master",
               (long long)found->master_offset);
    buf_span(out, found->id);
    buf_char(out, '/');
    buf_span(out, found->previous_id);
    buf_format(out, "<%lld backlog %lld@%lld ", (long long)found->previous_end,
               (long long)found->backlog_bytes, (long long)found->backlog_first);
    buf_span(out, found->failover);
    buf_text(out, " of ");
    buf_span(out, found->master_host);
    buf_format(out, "|%u%s%s applied %lld received %lld down %lld", found->master_port,
               found->link_up ? " up" : "", found->syncing ? " syncing" : "",
               (long long)found->applied, (long long)found->received,
               (long long)found->link_down_s);
}

static void every_field_of_the_section_is_read(void **state)
{
    static const struct {
        const char *info;
        const char *expected;
    } cases[] = {
        {"", "master -1 /<-1 backlog -1@-1  of |0 applied -1 received -1 down -1"},
        {"role:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:7000\r\nmaster_link_status:up\r\n"
         "master_sync_in_progress:0\r\nslave_read_repl_offset:90\r\nslave_repl_offset:80\r\n"
         "master_failover_state:no-failover\r\nmaster_replid:aa\r\nmaster_replid2:bb\r\n"
         "master_repl_offset:80\r\nsecond_repl_offset:50\r\nrepl_backlog_size:1048576\r\n"
         "repl_backlog_first_byte_offset:7\r\n",
         "replica 80 aa/bb<50 backlog 1048576@7 no-failover of 10.0.0.1|7000 up applied 80 "
         "received 90 down -1"},
        // IPv6 has colons of its own, and a host may be a name.
        {"master_host:2001:db8::1\r\nmaster_port:1\r\n",
         "master -1 /<-1 backlog -1@-1  of 2001:db8::1|1 applied -1 received -1 down -1"},
        {"master_host:redis-0.example\r\nmaster_port:65536\r\n",
         "master -1 /<-1 backlog -1@-1  of redis-0.example|0 applied -1 received -1 down -1"},
        {"master_link_status:down\r\nmaster_sync_in_progress:1\r\n"
         "master_link_down_since_seconds:12\r\n",
         "master -1 /<-1 backlog -1@-1  of |0 syncing applied -1 received -1 down 12"},
        {"master_link_down_since_seconds:-1\r\n",
         "master -1 /<-1 backlog -1@-1  of |0 applied -1 received -1 down -1"},
        // Before 6.2.2: since 1970.
        {"master_link_down_since_seconds:1785542400\r\n",
         "master -1 /<-1 backlog -1@-1  of |0 applied -1 received -1 down -1"},
        {"master_link_down_since_seconds:1000000000\r\n",
         "master -1 /<-1 backlog -1@-1  of |0 applied -1 received -1 down 1000000000"},
        // Dragonfly's word, as in its CLUSTER NODES.
        {"role:replica\r\n", "replica -1 /<-1 backlog -1@-1  of |0 applied -1 received -1 down -1"},
        {"master_sync_in_progress:\r\nslave_repl_offset:\r\nslave_read_repl_offset:x\r\nrepl_"
         "backlog_size:1.5\r\n",
         "master -1 /<-1 backlog -1@-1  of |0 applied -1 received -1 down -1"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct replication found = replication_parse(guarded_text(cases[i].info));
        struct buf out = BUF_EMPTY;
        add_all_fields(&out, &found);
        assert_span(buf_view(&out), cases[i].expected);
        buf_free(&out);
    }
}

// What is found holds, and walking over the replicas ends.
static void check_any_replication(char *text, size_t length)
{
    struct span info = span_make(text, length);
    struct replication found = replication_parse(info);
    struct span rest = found.text;
    struct replica_line replica;
    size_t replicas = 0;
    while (replication_next(&rest, &replica)) {
        replicas++;
    }
    assert_true(replicas <= length / 7); // "slave0:"
    assert_true(found.text.length <= length);
    assert_true(found.link_down_s <= 1000000000);
    free(text);
}

static void noise_and_damaged_sections_harm_nobody(void **state)
{
    uint64_t seed = 3;
    (void)state;
    for (int run = 0; run < 4000; run++) {
        size_t length;
        char *text = noise(run % 2 ? "slave0123:=,# \r\n\nReplication" : NULL, 300, &seed, &length);
        check_any_replication(text, length);
    }
    for (size_t i = 0; i < COUNT(captures); i++) {
        size_t length;
        char *info = capture(captures[i], "info_all", &length);
        for (int run = 0; run < 200; run++) {
            size_t left;
            char *copy = damaged(info, length, &seed, &left);
            check_any_replication(copy, left);
        }
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
        cmocka_unit_test_teardown(every_field_of_the_section_is_read, release),
        cmocka_unit_test(noise_and_damaged_sections_harm_nobody),
    };
    return cmocka_run_group_tests_name("replication", tests, NULL, NULL);
}
