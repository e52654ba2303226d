#include "redis/cluster_info.h"

#include <stdio.h>
#include <stdlib.h>

#include "support.h"

static int release(void **state)
{
    (void)state;
    guards_release();
    return 0;
}

// Every field in one line: the state, the slots, the nodes, the epochs.
static void check_info(struct span text, const char *expected)
{
    struct cluster_info info = cluster_info_parse(guarded(text));
    char line[256];
    snprintf(line, sizeof(line), "%s %s %lld=%lld+%lld+%lld %lld/%lld %lld %lld",
             info.known ? "known" : "unknown", info.state_ok ? "ok" : "fail",
             (long long)info.slots_assigned, (long long)info.slots_ok, (long long)info.slots_pfail,
             (long long)info.slots_fail, (long long)info.size, (long long)info.known_nodes,
             (long long)info.current_epoch, (long long)info.my_epoch);
    assert_string_equal(line, expected);
}

static void each_field_is_read(void **state)
{
    static const struct {
        const char *text;
        const char *expected;
    } cases[] = {
        {"cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_slots_ok:16380\r\n"
         "cluster_slots_pfail:3\r\ncluster_slots_fail:1\r\ncluster_known_nodes:6\r\n"
         "cluster_size:3\r\ncluster_current_epoch:9\r\ncluster_my_epoch:7\r\n"
         "cluster_stats_messages_ping_sent:1\r\n",
         "known ok 16384=16380+3+1 3/6 9 7"},
        {"cluster_state:fail\ncluster_size:0\n", "known fail -1=-1+-1+-1 0/-1 -1 -1"},
        {"cluster_state:ok\r\ncluster_size:\r\n", "known ok -1=-1+-1+-1 -1/-1 -1 -1"},
        {"cluster_state:ok\r\ncluster_size:x\r\n", "known ok -1=-1+-1+-1 -1/-1 -1 -1"},
        {"cluster_state:okay\r\n", "known fail -1=-1+-1+-1 -1/-1 -1 -1"},
        {"cluster_state:ok\r\ncluster_my_epoch:9223372036854775807\r\n"
         "cluster_current_epoch:9223372036854775808\r\n",
         "known ok -1=-1+-1+-1 -1/-1 -1 9223372036854775807"},
        // What tells no state is not known to have failed.
        {"", "unknown fail -1=-1+-1+-1 -1/-1 -1 -1"},
        {"cluster_enabled:1\r\n", "unknown fail -1=-1+-1+-1 -1/-1 -1 -1"},
        {"cluster_size:3\r\n", "unknown fail -1=-1+-1+-1 3/-1 -1 -1"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_info(span_of(cases[i].text), cases[i].expected);
    }
}

static void each_versions_reply_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(captures); i++) {
        size_t length;
        char *text = capture(captures[i], "cluster_info", &length);
        struct cluster_info info = cluster_info_parse(guarded(span_make(text, length)));
        assert_true(info.known);
        assert_true(info.state_ok);
        assert_int_equal(info.slots_assigned, 16384);
        assert_int_equal(info.slots_ok, 16384);
        assert_int_equal(info.slots_pfail, 0);
        assert_int_equal(info.slots_fail, 0);
        assert_int_equal(info.known_nodes, 6);
        assert_int_equal(info.size, 3);
        assert_in_range(info.my_epoch, 0, info.current_epoch);
        free(text);
    }
}

static void agreement_is_about_all_but_the_own_epoch(void **state)
{
    static const char base[] =
        "cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_slots_ok:16384\r\n"
        "cluster_slots_pfail:0\r\ncluster_slots_fail:0\r\ncluster_known_nodes:6\r\n"
        "cluster_size:3\r\ncluster_current_epoch:9\r\ncluster_my_epoch:7\r\n";
    static const struct {
        const char *from;
        const char *to;
        bool agree;
    } cases[] = {
        {"my_epoch:7", "my_epoch:8", true},
        {"state:ok", "state:fail", false},
        {"assigned:16384", "assigned:16383", false},
        {"slots_ok:16384", "slots_ok:1", false},
        {"pfail:0", "pfail:1", false},
        {"slots_fail:0", "slots_fail:1", false},
        {"known_nodes:6", "known_nodes:7", false},
        {"size:3", "size:4", false},
        {"current_epoch:9", "current_epoch:10", false},
    };
    (void)state;
    struct cluster_info left = cluster_info_parse(span_of(base));
    struct cluster_info none = {.known = false};
    assert_true(cluster_info_agree(&left, &left));
    assert_false(cluster_info_agree(&left, &none));
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *text = replaced(base, cases[i].from, cases[i].to);
        struct cluster_info right = cluster_info_parse(span_of(text));
        assert_int_equal(cluster_info_agree(&left, &right), cases[i].agree);
        assert_int_equal(cluster_info_agree(&right, &left), cases[i].agree);
        free(text);
    }
}

static void noise_and_damaged_replies_harm_nobody(void **state)
{
    uint64_t seed = 4;
    (void)state;
    for (int run = 0; run < 4000; run++) {
        size_t length;
        char *text = noise(run % 2 ? "cluster_state:ok_size0123\r\n\n" : NULL, 300, &seed, &length);
        struct cluster_info info = cluster_info_parse(span_make(text, length));
        assert_true(info.known || !info.state_ok);
        free(text);
    }
    for (size_t i = 0; i < COUNT(captures); i++) {
        size_t length;
        char *text = capture(captures[i], "cluster_info", &length);
        for (int run = 0; run < 200; run++) {
            size_t left;
            char *copy = damaged(text, length, &seed, &left);
            struct cluster_info info = cluster_info_parse(span_make(copy, left));
            assert_true(info.known || !info.state_ok);
            free(copy);
        }
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_field_is_read, release),
        cmocka_unit_test_teardown(each_versions_reply_is_read, release),
        cmocka_unit_test(agreement_is_about_all_but_the_own_epoch),
        cmocka_unit_test(noise_and_damaged_replies_harm_nobody),
    };
    return cmocka_run_group_tests_name("cluster_info", tests, NULL, NULL);
}
