#include "redis/cluster_nodes.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "support.h"

static int release(void **state)
{
    (void)state;
    guards_release();
    return 0;
}

static void add_flags(struct buf *out, unsigned flags)
{
    static const char *const names[] = {"myself", "master",    "replica", "pfail",
                                        "fail",   "handshake", "noaddr",  "nofailover"};
    bool any = false;
    for (size_t i = 0; i < COUNT(names); i++) {
        if (flags & 1u << i) {
            buf_format(out, "%s%s", any ? "," : "", names[i]);
            any = true;
        }
    }
    buf_text(out, any ? "" : "none");
}

static void add_slots(struct buf *out, struct span slots)
{
    struct slot_token token;
    enum parse_result result;
    while ((result = slots_next(&slots, &token)) == PARSE_ITEM) {
        if (token.kind != SLOT_OWNED) {
            assert_int_equal(token.first, token.last);
            buf_format(out, " [%u%c%.4s]", token.first, token.kind == SLOT_MIGRATING ? '>' : '<',
                       token.peer);
            continue;
        }
        assert_string_equal(token.peer, "");
        buf_format(out, token.first < token.last ? " %u-%u" : " %u", token.first, token.last);
    }
    buf_text(out, result == PARSE_BAD ? " BAD" : "");
}

// id host|port|bus flags master epoch link hostname [slots...]; of ids the first four letters.
static void add_node(struct buf *out, const struct node_line *node)
{
    buf_format(out, "%.4s ", node->id);
    buf_span(out, node->host);
    buf_format(out, "|%u|%u ", node->port, node->bus_port);
    add_flags(out, node->flags);
    buf_format(out, " %.4s %llu %s ", node->master_id[0] != '\0' ? node->master_id : "-",
               (unsigned long long)node->config_epoch, node->link_connected ? "up" : "down");
    buf_span(out, node->hostname.length > 0 ? node->hostname : SPAN("-"));
    add_slots(out, node->slots);
}

static char *describe(struct span text)
{
    struct buf out = BUF_EMPTY;
    struct node_line node;
    enum parse_result result;
    while ((result = cluster_nodes_next(&text, &node)) == PARSE_ITEM) {
        add_node(&out, &node);
        buf_char(&out, '\n');
    }
    buf_text(&out, result == PARSE_BAD ? "BAD\n" : "");
    return buf_take(&out);
}

struct shape {
    const char *name; // fixtures/cluster_nodes/NAME.txt
    const char *expected;
};

static const struct shape shapes[] = {
    {"v3.0", "07c3 127.0.0.1|30004|0 replica e7d1 4 up -\n"
             "e7d1 127.0.0.1|30001|0 myself,master - 1 up - 0-5460\n"
             "67ed 127.0.0.1|30002|0 master - 2 down - 5461-16383\n"},
    {"v4.0", "07c3 127.0.0.1|30004|31004 replica e7d1 4 up -\n"
             "e7d1 127.0.0.1|30001|31001 myself,master - 1 up - 0-5460\n"},
    {"v7.0_hostname", "07c3 127.0.0.1|30004|31004 replica e7d1 4 up redis-4.example\n"
                      "e7d1 127.0.0.1|30001|31001 myself,master - 1 up redis-1.example 0-5460\n"},
    {"self_without_ip", "e7d1 |7000|17000 myself,master - 1 up - 0-5460\n"},
    {"self_without_ip_v3.2", "e7d1 |7000|0 myself,master - 1 up - 0-5460\n"},
    {"self_without_ip_with_hostname", "e7d1 |7000|17000 myself,master - 1 up redis-1.example\n"},
    {"remote_without_ip", "e7d1 10.0.0.1|6379|1122 myself,master - 1 up -\n"
                          "07c3 |6379|1122 master,fail - 2 down -\n"},
    {"noaddr", "e7d1 10.0.0.1|6379|16379 myself,master - 1 up -\n"
               "07c3 |0|0 master,noaddr - 2 down - 5-6\n"},
    {"port_0", "e7d1 10.0.0.1|6379|16379 myself,master - 1 up -\n"
               "07c3 10.0.0.2|0|16379 master - 2 up -\n"},
    {"ipv6", "e7d1 2001:db8::1|7000|17000 myself,master - 1 up - 0-16383\n"
             "07c3 ::1|7001|17001 replica e7d1 1 up redis-2.example\n"
             "67ed 2001:db8::2|7002|0 replica e7d1 1 up -\n"},
    {"trailing_comma", "e7d1 10.0.0.1|6379|16379 myself,master - 1 up - 0-16383\n"},
    {"hostname_and_shard_id",
     "e7d1 10.0.0.1|6379|16379 myself,master - 1 up redis-1.example 0-16383\n"},
    {"shard_id_without_hostname", "e7d1 10.0.0.1|6379|16379 myself,master - 1 up - 0-16383\n"
                                  "07c3 10.0.0.2|6379|16379 replica e7d1 1 up -\n"},
    {"noflags", "e7d1 10.0.0.1|6379|16379 myself,master - 1 up -\n"
                "07c3 10.0.0.2|6379|16379 none - 0 down -\n"},
    {"pfail_and_noaddr", "e7d1 10.0.0.1|6379|16379 myself,master - 1 up -\n"
                         "07c3 |0|0 replica,pfail,noaddr e7d1 2 down -\n"
                         "67ed 10.0.0.3|6379|16379 master,pfail - 3 up -\n"
                         "292f 10.0.0.4|6379|16379 master,fail - 4 down -\n"},
    {"nofailover", "e7d1 10.0.0.1|6379|16379 myself,master - 1 up - 0-16383\n"
                   "07c3 10.0.0.2|6379|16379 replica,nofailover e7d1 1 up -\n"},
    {"open_slots", "e7d1 10.0.0.1|6379|16379 myself,master - 1 up - 0-5460 [93<67ed] [77>07c3]\n"},
    {"single_slots", "e7d1 10.0.0.1|6379|16379 myself,master - 1 up - 0 2 4 100-200 8192\n"},
    {"last_slot", "e7d1 10.0.0.1|6379|16379 myself,master - 1 up - 16383\n"},
    {"slot_16384", "e7d1 10.0.0.1|6379|16379 myself,master - 1 up - BAD\n"},
    {"handshake", "e7d1 10.0.0.1|6379|16379 myself,master - 0 up -\n"
                  "07c3 10.0.0.2|6379|16379 handshake - 0 down -\n"},
    {"unknown_master", "e7d1 10.0.0.1|6379|16379 myself,master - 1 up -\n"
                       "07c3 10.0.0.2|6379|16379 replica 292f 1 up -\n"},
    {"two_myself", "e7d1 10.0.0.1|6379|16379 myself,master - 1 up - 0-5460\n"
                   "07c3 10.0.0.2|6379|16379 myself,master - 2 up - 5461-16383\n"},
    {"no_myself", "e7d1 10.0.0.1|6379|16379 master - 1 up - 0-5460\n"
                  "07c3 10.0.0.2|6379|16379 master - 2 up - 5461-16383\n"},
    {"crlf", "e7d1 10.0.0.1|6379|16379 myself,master - 1 up - 0-5460\n"
             "07c3 10.0.0.2|6379|16379 master - 2 up -\n"},
    {"short_id", "node 10.0.0.1|6379|16379 myself,master - 1 up - 0-16383\n"
                 "node 10.0.0.2|6379|16379 replica node 1 up -\n"},
    {"hostname_as_ip", "e7d1 redis-1.example|6379|16379 myself,master - 1 up - 0-16383\n"},
    {"id_as_host", "e7d1 10.0.0.1|6379|16379 myself,master - 1 up -\n"
                   "07c3 6b026fbd|0|0 master,pfail - 0 down -\n"},
    {"impossible_hosts", "e7d1 |6379|16379 myself,master - 1 up redis-1.example\n"
                         "07c3 10.0.0.2|6379|16379 master - 2 up -\n"
                         "67ed |6379|16379 master - 2 up -\n"},
};

static char *shape_text(const struct shape *shape, size_t *out_length)
{
    char path[128];
    snprintf(path, sizeof(path), "cluster_nodes/%s.txt", shape->name);
    return fixture(path, out_length);
}

static void each_known_shape_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(shapes); i++) {
        size_t length;
        char *text = shape_text(&shapes[i], &length);
        char *described = describe(guarded(span_make(text, length)));
        assert_string_equal(described, shapes[i].expected);
        free(described);
        free(text);
    }
}

// A line that is cut off is bad, or reads as a shorter one; nothing is read beyond its end.
static void each_shape_may_be_cut_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(shapes); i++) {
        size_t length;
        char *text = shape_text(&shapes[i], &length);
        struct span whole = guarded(span_make(text, length));
        for (size_t from = 0; from < length; from++) {
            free(describe(span_skip(whole, from)));
        }
        guards_release();
        for (size_t kept = 0; kept < length; kept++) {
            char *described = describe(guarded(span_make(text, kept)));
            bool same = strcmp(described, shapes[i].expected) == 0;
            assert_false(same && kept + 2 < length && strstr(described, "BAD") == NULL);
            free(described);
            guards_release();
        }
        free(text);
    }
}

static const char id_a[] = "07c37dfeb235213a872192d90877d0cd55635b91";

static void ids_and_times_are_read_whole(void **state)
{
    struct buf text = BUF_EMPTY;
    struct node_line node;
    (void)state;
    buf_format(&text,
               "%s h:1 slave e7d1eecce10fd6bb5eb35b9f99a514335d9ba9ca 1426238316232 "
               "1426238317239 18446744073709551615 connected",
               id_a);
    struct span rest = guarded(buf_view(&text));
    assert_int_equal(cluster_nodes_next(&rest, &node), PARSE_ITEM);
    assert_string_equal(node.id, id_a);
    assert_string_equal(node.master_id, "e7d1eecce10fd6bb5eb35b9f99a514335d9ba9ca");
    assert_true(node.ping_sent_ms == 1426238316232);
    assert_true(node.pong_received_ms == 1426238317239);
    assert_true(node.config_epoch == UINT64_MAX);
    assert_int_equal(cluster_nodes_next(&rest, &node), PARSE_END);
    buf_free(&text);
}

// What is remembered of a line must not show in the next one of the same node.
#define ID     "abcdaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "
#define MASTER "dcbaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void line_is_read_as_it_stands_whatever_was_read_before(void **state)
{
    static const struct {
        const char *line;
        const char *expected;
    } turns[] = {
        {ID "10.0.0.1:1@2,host master - 0 0 1 connected 1",
         "abcd 10.0.0.1|1|2 master - 1 up host 1\n"},
        {ID "10.0.0.1:1@2,host master - 7 8 2 disconnected",
         "abcd 10.0.0.1|1|2 master - 2 down host\n"},
        {ID "10.0.0.1:1@2,host myself,master - 0 0 1 connected 1",
         "abcd 10.0.0.1|1|2 myself,master - 1 up host 1\n"},
        {ID "10.0.0.1:1@2,host slave dcbaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "BAD\n"},
        {ID "10.0.0.1:1@2,host slave " MASTER " 0 0 1 connected",
         "abcd 10.0.0.1|1|2 replica dcba 1 up host\n"},
        {ID "10.0.0.1:1@2,host slave " MASTER "bc 0 0 1 connected", "BAD\n"},
        {ID "10.0.0.2:1@2,host slave " MASTER " 0 0 1 connected",
         "abcd 10.0.0.2|1|2 replica dcba 1 up host\n"},
        {ID "10.0.0.1:1@2,host slave " MASTER " 0 0 1 connecte", "BAD\n"},
        {ID "10.0.0.1:1@2,host slave " MASTER " 0 x 1 connected", "BAD\n"},
        {ID "10.0.0.1:1@2,host slave " MASTER " ", "BAD\n"},
    };
    (void)state;
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < COUNT(turns); i++) {
            char *described = describe(guarded_text(turns[i].line));
            assert_string_equal(described, turns[i].expected);
            free(described);
            guards_release();
        }
    }
}

static void what_is_no_node_line_is_bad(void **state)
{
    static const char *const lines[] = {
        "a",
        "a h:1 master - 0 0 1",
        "a h:1 master - 0 0 1 linked",
        "a h:1 master - 0 0 1 connecte",
        "a h:1 master - 0 0 x connected",
        "a h:1 master - 0 x 1 connected",
        "a h:1 master - x 0 1 connected",
        "a h:1 master - 0 0 -1 connected",
        "a h:1 master - 0 0 18446744073709551616 connected",
        "a h:1 master  - 0 0 1 connected",
        "a h master - 0 0 1 connected",
        "a h: master - 0 0 1 connected",
        "a h:x master - 0 0 1 connected",
        "a h:65536 master - 0 0 1 connected",
        "a h:-1 master - 0 0 1 connected",
        "a h:1@ master - 0 0 1 connected",
        "a h:1@x master - 0 0 1 connected",
        "a h:1@65536 master - 0 0 1 connected",
        "a- h:1 master - 0 0 1 connected",
        "a\"b h:1 master - 0 0 1 connected",
        "07c37dfeb235213a872192d90877d0cd55635b91a h:1 master - 0 0 1 connected",
        "a h:1 slave 07c37dfeb235213a872192d90877d0cd55635b91a 0 0 1 connected",
        "a h:1 slave {} 0 0 1 connected",
        "ERR This instance has cluster support disabled",
        "cluster_state:ok",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct span rest = guarded_text(lines[i]);
        struct node_line node;
        if (cluster_nodes_next(&rest, &node) != PARSE_BAD) {
            print_error("not bad: %s\n", lines[i]);
            fail();
        }
    }
}

static void empty_lines_are_stepped_over(void **state)
{
    struct span rest = guarded_text("\n\r\n  \na h:1 master - 0 0 1 connected\n\n");
    struct node_line node;
    (void)state;
    assert_int_equal(cluster_nodes_next(&rest, &node), PARSE_ITEM);
    assert_string_equal(node.id, "a");
    assert_int_equal(cluster_nodes_next(&rest, &node), PARSE_END);
}

static void flags_are_whole_words(void **state)
{
    static const struct {
        const char *flags;
        unsigned expected;
    } cases[] = {
        {"master", NODE_MASTER},
        {"slave", NODE_REPLICA},
        {"replica", NODE_REPLICA},
        {"fail", NODE_FAIL},
        {"fail?", NODE_PFAIL},
        {"nofailover", NODE_NOFAILOVER},
        {"fail,fail?", NODE_FAIL | NODE_PFAIL},
        {"noflags", 0},
        {"failed,masters,mymaster,MASTER,new-flag", 0},
        {"new,master,,noaddr", NODE_MASTER | NODE_NOADDR},
        {"myself,slave,handshake", NODE_MYSELF | NODE_REPLICA | NODE_HANDSHAKE},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[128];
        struct node_line node;
        snprintf(text, sizeof(text), "a h:1 %s - 0 0 1 connected", cases[i].flags);
        struct span rest = guarded_text(text);
        assert_int_equal(cluster_nodes_next(&rest, &node), PARSE_ITEM);
        assert_int_equal(node.flags, cases[i].expected);
    }
}

static void bad_slots_are_refused(void **state)
{
    static const char *const slots[] = {
        "16384",
        "0-16384",
        "5-4",
        "-1",
        "1-",
        "-",
        "a",
        "1-2-3",
        "1,2",
        "[",
        "[]",
        "[1]",
        "[1-]",
        "[1->]",
        "[1->-]",
        "[1->-a",
        "1->-a]",
        "[1-x-a]",
        "[1>-a]",
        "[16384->-a]",
        "[->-a]",
        "[1->-a-b]",
        "[a->-b]",
        "99999999999999999999",
        "[1->-07c37dfeb235213a872192d90877d0cd55635b91a]",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(slots); i++) {
        struct span rest = guarded_text(slots[i]);
        struct slot_token token;
        if (slots_next(&rest, &token) != PARSE_BAD) {
            print_error("not bad: %s\n", slots[i]);
            fail();
        }
    }
}

static void blanks_between_slots_do_not_count(void **state)
{
    struct buf out = BUF_EMPTY;
    (void)state;
    add_slots(&out, guarded_text("  1   3-4 "));
    assert_span(buf_view(&out), " 1 3-4");
    buf_free(&out);
    add_slots(&out, span_make(NULL, 0));
    assert_int_equal(out.length, 0);
}

static void line_of_16384_single_slots_is_read(void **state)
{
    struct buf text = BUF_EMPTY;
    struct node_line node;
    struct slot_token token;
    (void)state;
    buf_text(&text, "a h:1 myself,master - 0 0 1 connected");
    for (int slot = 0; slot < SLOT_COUNT; slot++) {
        buf_format(&text, " %d", slot);
    }
    assert_true(text.length > 80 * 1024);
    struct span rest = guarded(buf_view(&text));
    assert_int_equal(cluster_nodes_next(&rest, &node), PARSE_ITEM);
    for (int slot = 0; slot < SLOT_COUNT; slot++) {
        assert_int_equal(slots_next(&node.slots, &token), PARSE_ITEM);
        assert_int_equal(token.first, slot);
        assert_int_equal(token.last, slot);
    }
    assert_int_equal(slots_next(&node.slots, &token), PARSE_END);
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_known_shape_is_read, release),
        cmocka_unit_test_teardown(each_shape_may_be_cut_anywhere, release),
        cmocka_unit_test_teardown(ids_and_times_are_read_whole, release),
        cmocka_unit_test(line_is_read_as_it_stands_whatever_was_read_before),
        cmocka_unit_test_teardown(what_is_no_node_line_is_bad, release),
        cmocka_unit_test_teardown(empty_lines_are_stepped_over, release),
        cmocka_unit_test_teardown(flags_are_whole_words, release),
        cmocka_unit_test_teardown(bad_slots_are_refused, release),
        cmocka_unit_test_teardown(blanks_between_slots_do_not_count, release),
        cmocka_unit_test_teardown(line_of_16384_single_slots_is_read, release),
    };
    return cmocka_run_group_tests_name("cluster_nodes", tests, NULL, NULL);
}
