// How far replicas are behind, whether they could take over, whom they follow. The numbers in
// brackets are those of the catalogue of failures in the design notes.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "scene.h"

#define MASTER "# Replication\r\nrole:master\r\nmaster_repl_offset:1000\r\n"
#define LINE(address, state, offset)                                                               \
    "slave0:ip=" address ",state=" state ",offset=" offset ",lag=1\r\n"
#define ONLINE(offset)   LINE("10.0.0.4,port=7000", "online", offset)
#define ID               "master_replid:aaaa\r\n"
#define REPLICA          "# Replication\r\nrole:slave\r\n" FOLLOWS UP
#define FOLLOWS          "master_host:10.0.0.1\r\nmaster_port:7000\r\n"
#define UP               "master_link_status:up\r\nmaster_sync_in_progress:0\r\n"
#define DOWN             "master_link_status:down\r\nmaster_sync_in_progress:0\r\n"
#define APPLIED(offset)  "slave_repl_offset:" offset "\r\n"
#define RECEIVED(offset) "slave_read_repl_offset:" offset "\r\n"

// m1 and its replica r1, which both tell `nodes`.
static struct scene *pair_that_sees(const char *nodes, const char *master, const char *replica)
{
    struct scene *scene = scene_new();
    scene_add(scene, "m1", nodes, master);
    scene_add(scene, "r1", nodes, replica);
    scene_judge(scene);
    return scene;
}

static struct scene *pair(const char *master, const char *replica)
{
    return pair_that_sees(SIX, master, replica);
}

// --- [42] lags ---

struct case_of_lag {
    const char *what;
    const char *master;
    const char *replica;
    const char *expected; // lag, receive lag and apply lag in bytes, age of the acknowledgement
};

static const struct case_of_lag cases_of_lag[] = {
    {"by the master alone", MASTER ONLINE("900"), NULL, "100 -1 -1 1"},
    {"by both", MASTER ID ONLINE("900"), REPLICA ID APPLIED("940") RECEIVED("990"), "100 10 60 1"},
    {"by both, not listed", MASTER ID, REPLICA ID APPLIED("940") RECEIVED("990"), "60 10 60 -1"},
    {"before 6.2.6 nothing is told of what is received", MASTER ID ONLINE("900"),
     REPLICA ID APPLIED("940"), "100 -1 60 1"},
    {"before 4.0 there are no histories", MASTER ONLINE("900"), REPLICA APPLIED("940"),
     "100 -1 60 1"},
    {"ahead of a reply that came earlier", MASTER ID ONLINE("1001"),
     REPLICA ID APPLIED("1400") RECEIVED("1500"), "0 0 0 1"},
    {"up to date", MASTER ID ONLINE("1000"), REPLICA ID APPLIED("1000") RECEIVED("1000"),
     "0 0 0 1"},
    {"waits for the dump", MASTER ID LINE("10.0.0.4,port=7000", "wait_bgsave", "0"),
     REPLICA ID APPLIED("0"), "-1 -1 -1 -1"},
    {"gets the dump", MASTER ID LINE("10.0.0.4,port=7000", "send_bulk", "0"),
     "role:slave\r\n" FOLLOWS DOWN "master_sync_in_progress:1\r\n" ID APPLIED("500"),
     "-1 -1 -1 -1"},
    {"syncs over a link that it calls up", MASTER ID,
     "role:slave\r\n" FOLLOWS
     "master_link_status:up\r\nmaster_sync_in_progress:1\r\n" ID APPLIED("500"),
     "-1 -1 -1 -1"},
    {"online, no acknowledgement yet", MASTER ID ONLINE("0"), REPLICA ID APPLIED("940"),
     "60 -1 60 1"},
    {"without data it tells 0", MASTER ID, REPLICA ID APPLIED("0") RECEIVED("0"), "-1 -1 -1 -1"},
    {"without data it tells 1", MASTER ID, REPLICA ID APPLIED("1") RECEIVED("1"), "-1 -1 -1 -1"},
    {"its link is down", MASTER ID, "role:slave\r\n" FOLLOWS DOWN ID APPLIED("940"), "-1 -1 -1 -1"},
    {"of another history", MASTER ID, REPLICA "master_replid:bbbb\r\n" APPLIED("940"),
     "-1 -1 -1 -1"},
    {"the master tells no offset", "role:master\r\n" ONLINE("900"), REPLICA APPLIED("940"),
     "-1 -1 -1 1"},
    {"[2.4] its master is a replica by now",
     REPLICA APPLIED("990") "master_repl_offset:1000\r\n" ONLINE("900"), REPLICA APPLIED("940"),
     "-1 -1 -1 -1"},
    {"its master cannot be read", NULL, REPLICA APPLIED("940"), "-1 -1 -1 -1"},
    // Dragonfly: no offset, and what it calls lag are records of its log.
    {"a line without an offset", MASTER "slave0:ip=10.0.0.4,port=7000,state=online,lag=100\r\n",
     NULL, "-1 -1 -1 -1"},
    // Kvrocks: no state and no history, and what it calls offsets are sequence numbers.
    {"a line without a state", MASTER "slave0:ip=10.0.0.4,port=7000,offset=900,lag=100\r\n",
     REPLICA APPLIED("900"), "100 -1 100 -1"},
    {"Kvrocks' number below zero, wrapped",
     MASTER "slave0:ip=10.0.0.4,port=7000,state=online,offset=18446744073709551615,lag=0\r\n", NULL,
     "-1 -1 -1 -1"},
    // Two lines, of the two channels of a sync, or of a connection that the master has not yet
    // given up.
    {"two channels",
     MASTER ID "slave0:ip=10.0.0.4,port=7000,state=online,offset=1,lag=9,"
               "type=rdb-channel\r\n"
               "slave1:ip=10.0.0.4,port=7000,state=online,offset=950,lag=0,"
               "type=main-channel\r\n",
     NULL, "50 -1 -1 0"},
    {"two lines that cannot be told apart",
     MASTER ID ONLINE("900") "slave1:ip=10.0.0.4,port=7000,state=online,offset=5,lag=0\r\n",
     REPLICA ID APPLIED("940"), "60 -1 60 -1"},
    // Behind NAT the master sees the gateway.
    {"two replicas behind one address",
     MASTER ID "slave0:ip=172.17.0.1,port=7000,state=online,offset=900,lag=0\r\n"
               "slave1:ip=172.17.0.1,port=7000,state=online,offset=100,lag=0\r\n",
     REPLICA ID APPLIED("940"), "60 -1 60 -1"},
};

static void lags_follow_the_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases_of_lag); i++) {
        struct scene *scene = pair(cases_of_lag[i].master, cases_of_lag[i].replica);
        const struct node_verdict *verdict = scene_node(scene, "r1");
        char text[128];
        snprintf(text, sizeof(text), "%lld %lld %lld %lld", (long long)verdict->lag_bytes,
                 (long long)verdict->receive_lag_bytes, (long long)verdict->apply_lag_bytes,
                 (long long)verdict->ack_age_s);
        assert_true(scene_node(scene, "m1")->lag_bytes == -1);
        assert_true(verdict->lag_seconds < 0); // that is history's
        scene_free(scene);
        if (strcmp(text, cases_of_lag[i].expected) != 0) {
            print_error("%s\n", cases_of_lag[i].what);
        }
        assert_string_equal(text, cases_of_lag[i].expected);
    }
}

static void replica_is_found_by_address_or_name(void **state)
{
    static const struct {
        const char *replica; // its line
        const char *listed;  // its address in the master's reply
        bool found;
    } cases[] = {
        {"r1 10.0.0.4:7000@17000 slave m1", "10.0.0.4,port=7000", true},
        {"r1 10.0.0.4:7000@17000 slave m1", "10.0.0.4,port=7001", false},
        {"r1 10.0.0.4:7000@17000 slave m1", "10.0.0.40,port=7000", false},
        {"r1 2001:db8::4:7000@17000 slave m1", "2001:db8::4,port=7000", true},
        {"r1 2001:db8::4:7000@17000 slave m1", "2001:db8::5,port=7000", false},
        {"r1 10.0.0.4:7000@17000,r1.example slave m1", "r1.example,port=7000", true},
        {"r1 10.0.0.4:7000@17000,r1.example slave m1", "r2.example,port=7000", false},
        {"r1 10.0.0.4:7000@17000,r1.example slave m1", ",port=7000", false},
        {"r1 r1.example:7000@17000 slave m1", "r1.example,port=7000", true},
        {"r1 :7000@17000 slave m1", ",port=7000", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char nodes[512];
        char master[512];
        snprintf(nodes, sizeof(nodes), M1 M2 M3 "%s 0 0 1 connected\n", cases[i].replica);
        snprintf(master, sizeof(master), MASTER "slave0:ip=%s,state=online,offset=900,lag=1\r\n",
                 cases[i].listed);
        struct scene *scene = pair_that_sees(nodes, master, NULL);
        int64_t lag = scene_node(scene, "r1")->lag_bytes;
        scene_free(scene);
        if (lag != (cases[i].found ? 100 : -1)) {
            print_error("%s as %s\n", cases[i].replica, cases[i].listed);
        }
        assert_true(lag == (cases[i].found ? 100 : -1));
    }
}

// --- [43] the backlog ---

static void backlog_usage_is_the_lag_over_its_size(void **state)
{
    static const struct {
        const char *master;
        double expected;
    } cases[] = {
        {MASTER ONLINE("900") "repl_backlog_size:1000\r\n", 0.1},
        {MASTER ONLINE("1000") "repl_backlog_size:1000\r\n", 0},
        {MASTER ONLINE("200") "repl_backlog_size:400\r\n", 2},
        {MASTER ONLINE("900") "repl_backlog_size:0\r\n", -1},
        {MASTER ONLINE("900"), -1},
        {MASTER "repl_backlog_size:1000\r\n", -1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct scene *scene = pair(cases[i].master, NULL);
        assert_true(fabs(scene_node(scene, "r1")->backlog_usage - cases[i].expected) < 1e-12);
        assert_true(scene_node(scene, "m1")->backlog_usage < 0);
        scene_free(scene);
    }
}

// --- histories ---

static void histories_are_compared_by_their_ids(void **state)
{
#define PREVIOUS(end) "master_replid2:bbbb\r\nsecond_repl_offset:" end "\r\n"
    static const struct {
        const char *master;
        const char *replica;
        enum tristate expected;
    } cases[] = {
        {MASTER ID, REPLICA ID APPLIED("900"), NO},
        {MASTER ID, REPLICA "master_replid:bbbb\r\n" APPLIED("900"), YES},
        // Of the history before the failover, as far as the two are one.
        {MASTER ID PREVIOUS("901"), REPLICA "master_replid:bbbb\r\n" APPLIED("900"), NO},
        {MASTER ID PREVIOUS("900"), REPLICA "master_replid:bbbb\r\n" APPLIED("900"), YES},
        {MASTER ID PREVIOUS("-1"), REPLICA "master_replid:bbbb\r\n" APPLIED("900"), YES},
        {MASTER ID PREVIOUS("901"), REPLICA "master_replid:cccc\r\n" APPLIED("900"), YES},
        // Before 4.0, and where only one of them is older.
        {MASTER, REPLICA APPLIED("900"), UNKNOWN},
        {MASTER ID, REPLICA APPLIED("900"), UNKNOWN},
        {MASTER, REPLICA ID APPLIED("900"), UNKNOWN},
        {NULL, REPLICA ID APPLIED("900"), UNKNOWN},
        {MASTER ID, NULL, UNKNOWN},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct scene *scene = pair(cases[i].master, cases[i].replica);
        const struct node_verdict *verdict = scene_node(scene, "r1");
        print_message("# case %zu\n", i);
        assert_int_equal(verdict->wrong_history, cases[i].expected);
        assert_true(verdict->wrong_history == YES ? verdict->apply_lag_bytes == -1 : true);
        assert_int_equal(scene_node(scene, "m1")->wrong_history, UNKNOWN);
        scene_free(scene);
    }
}

// --- [36] [39] who could be elected ---

// Settings of r1: cluster-node-timeout, cluster-replica-validity-factor, repl-ping-replica-period.
static void set_limits(struct scene *scene, const char *timeout, const char *factor,
                       const char *period)
{
    struct facts *facts = scene_facts(scene, "r1");
    const char *const values[] = {timeout, factor, period};
    static const enum config_parameter parameters[] = {CONFIG_NODE_TIMEOUT, CONFIG_VALIDITY_FACTOR,
                                                       CONFIG_PING_PERIOD};
    for (size_t i = 0; i < COUNT(values); i++) {
        if (values[i] != NULL) {
            facts->config[parameters[i]] = span_of(values[i]);
        }
    }
}

#define DOWN_FOR(seconds)                                                                          \
    "role:slave\r\n" FOLLOWS DOWN "master_link_down_since_seconds:" seconds "\r\n"

struct case_of_eligibility {
    const char *what;
    const char *replica;
    const char *timeout;
    const char *factor;
    const char *period;
    enum tristate expected;
};

static const struct case_of_eligibility cases_of_eligibility[] = {
    {"linked", REPLICA APPLIED("900"), "15000", "10", "10", YES},
    {"linked, settings not known", REPLICA APPLIED("900"), NULL, NULL, NULL, YES},
    {"not read", NULL, "15000", "10", "10", UNKNOWN},
    {"one second", DOWN_FOR("1") APPLIED("900"), "15000", "10", "10", YES},
    {"at the limit", DOWN_FOR("175") APPLIED("900"), "15000", "10", "10", YES},
    {"beyond the limit", DOWN_FOR("176") APPLIED("900"), "15000", "10", "10", NO},
    {"limit of other settings", DOWN_FOR("7") APPLIED("900"), "1000", "1", "5", YES},
    {"beyond that limit", DOWN_FOR("8") APPLIED("900"), "1000", "1", "5", NO},
    {"limit between two seconds", DOWN_FOR("6") APPLIED("900"), "500", "2", "5", YES},
    {"beyond it", DOWN_FOR("7") APPLIED("900"), "500", "2", "5", NO},
    {"no limit", DOWN_FOR("999999999") APPLIED("900"), "15000", "0", "10", YES},
    {"node timeout not known", DOWN_FOR("1") APPLIED("900"), NULL, "10", "10", UNKNOWN},
    {"factor not known", DOWN_FOR("1") APPLIED("900"), "15000", NULL, "10", UNKNOWN},
    {"ping period not known", DOWN_FOR("1") APPLIED("900"), "15000", "10", NULL, UNKNOWN},
    {"setting is no number", DOWN_FOR("1") APPLIED("900"), "15s", "10", "10", UNKNOWN},
    {"settings beyond all sense", DOWN_FOR("999999999") APPLIED("900"), "9223372036854775807",
     "9223372036854775807", "9223372036854775807", YES},
    {"never linked, with data", DOWN_FOR("-1") APPLIED("900"), "15000", "10", "10", UNKNOWN},
    {"never linked, without data", DOWN_FOR("-1") APPLIED("1"), "15000", "10", "10", NO},
    {"never linked, without data, told by 0", DOWN_FOR("-1") APPLIED("0"), "15000", "10", "10", NO},
    {"since 1970, with data", DOWN_FOR("1785542400") APPLIED("900"), "15000", "10", "10", UNKNOWN},
    {"since 1970, without data", DOWN_FOR("1785542400") APPLIED("1"), "15000", "10", "10", NO},
};

static void replica_is_eligible_by_the_servers_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases_of_eligibility); i++) {
        const struct case_of_eligibility *one = &cases_of_eligibility[i];
        struct scene *scene = pair(MASTER, one->replica);
        set_limits(scene, one->timeout, one->factor, one->period);
        scene_judge(scene);
        enum tristate found = scene_node(scene, "r1")->eligible;
        assert_int_equal(scene_node(scene, "m1")->eligible, UNKNOWN);
        scene_free(scene);
        if (found != one->expected) {
            print_error("%s: %d\n", one->what, found);
        }
        assert_int_equal(found, one->expected);
    }
}

static void replica_with_the_flag_nofailover_is_not_eligible(void **state)
{
    static const char nodes[] =
        M1 M2 M3 "r1 10.0.0.4:7000@17000 slave,nofailover m1 0 0 1 connected\n";
    struct scene *scene = pair_that_sees(nodes, MASTER, REPLICA APPLIED("900"));
    (void)state;
    assert_int_equal(scene_node(scene, "r1")->eligible, NO);
    scene_free(scene);
}

// --- [41] whom it follows ---

static void replica_that_follows_another_node_than_its_line_names_is_told(void **state)
{
#define OF(host, port)                                                                             \
    "role:slave\r\nmaster_host:" host "\r\nmaster_port:" port "\r\nmaster_link_status:up\r\n"
    static const struct {
        const char *master; // its address in the views
        const char *asked;  // where the exporter asks it; NULL: there
        const char *replica;
        enum tristate expected;
    } cases[] = {
        {"10.0.0.1:7000@17000", NULL, OF("10.0.0.1", "7000"), NO},
        {"10.0.0.1:7000@17000", NULL, OF("10.0.0.5", "7000"), YES}, // chained, to r2
        {"10.0.0.1:7000@17000", NULL, OF("10.0.0.2", "7000"), YES}, // another master
        {"10.0.0.1:7000@17000", NULL, OF("10.9.9.9", "7000"), YES}, // nobody knows that one
        {"10.0.0.1:7000@17000,m1.example", NULL, OF("m1.example", "7000"), NO},
        {"10.0.0.1:7000@17000,m1.example", NULL, OF("m2.example", "7000"), YES},
        {"2001:db8::1:7000@17000", NULL, OF("2001:db8::1", "7000"), NO},
        {"172.17.0.2:7000@17000", "node-1", OF("node-1", "7000"), NO},
        {"172.17.0.2:7000@17000", "node-1", OF("node-2", "7000"), YES},
        {":7000@17000", "10.0.0.1", OF("10.0.0.1", "7000"), NO},
        {":0@0", NULL, OF("10.0.0.1", "7000"), UNKNOWN},
        {"10.0.0.1:0@17000", NULL, OF("10.0.0.1", "7000"), UNKNOWN},
        {"10.0.0.1:7000@17000", NULL, "role:slave\r\n", UNKNOWN},
        {"10.0.0.1:7000@17000", NULL, "role:master\r\n" FOLLOWS, UNKNOWN}, // promoted just now
        {"10.0.0.1:7000@17000", NULL, NULL, UNKNOWN},
        // Another port of the same server: plain for us, TLS between the nodes.
        {"10.0.0.1:7000@17000", NULL, OF("10.0.0.1", "7100"), UNKNOWN},
        // The port of another node on that host.
        {"10.0.0.5:7001@17000", NULL, OF("10.0.0.5", "7000"), YES},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char nodes[512];
        snprintf(nodes, sizeof(nodes), "m1 %s master - 0 0 1 connected 0-5460\n" M2 M3 R1 R2 R3,
                 cases[i].master);
        struct scene *scene = pair_that_sees(nodes, MASTER, cases[i].replica);
        scene_input(scene, "m1")->host = cases[i].asked;
        scene_judge(scene);
        enum tristate found = scene_node(scene, "r1")->wrong_master;
        scene_free(scene);
        if (found != cases[i].expected) {
            print_error("%s for %s: %d\n", cases[i].replica, cases[i].master, found);
        }
        assert_int_equal(found, cases[i].expected);
    }
}

static void replica_of_a_master_that_nobody_knows_is_left_alone(void **state)
{
    static const char nodes[] = M1 M2 M3 "r1 10.0.0.4:7000@17000 slave gone 0 0 1 connected\n";
    struct scene *scene = pair_that_sees(nodes, MASTER ONLINE("900"), REPLICA APPLIED("900"));
    (void)state;
    const struct node_verdict *verdict = scene_node(scene, "r1");
    assert_int_equal(verdict->master, NO_NODE);
    assert_int_equal(verdict->wrong_master, UNKNOWN);
    assert_int_equal(verdict->wrong_history, UNKNOWN);
    assert_true(verdict->lag_bytes == -1);
    assert_int_equal(verdict->eligible, YES);
    scene_free(scene);
}

// --- real replies ---

static void real_pairs_are_up_to_date_and_eligible(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(captures); i += 2) {
        struct scene *scene = scene_new();
        for (size_t j = 0; j < 2; j++) {
            size_t length;
            char *nodes = capture(captures[i + j], "cluster_nodes", &length);
            struct view *view = view_parse(nodes, length);
            char *info = capture(captures[i + j], "info_all", &length);
            scene_add(scene, view->self->node.id, NULL, info);
            scene->view[j] = view;
            scene->input[j].view = view;
            free(info);
        }
        scene_judge(scene);
        const struct node_verdict *verdict = &scene->health->node[1];
        bool early = i == 0; // Redis 3.2: the replica was still in its first sync
        print_message("# %s\n", captures[i]);
        assert_int_equal(verdict->wrong_master, NO);
        assert_true(early || verdict->eligible == YES);
        assert_true(early || verdict->apply_lag_bytes == 0);
        assert_true(early || verdict->wrong_history == NO);
        scene_free(scene);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lags_follow_the_rules),
        cmocka_unit_test(replica_is_found_by_address_or_name),
        cmocka_unit_test(backlog_usage_is_the_lag_over_its_size),
        cmocka_unit_test(histories_are_compared_by_their_ids),
        cmocka_unit_test(replica_is_eligible_by_the_servers_rule),
        cmocka_unit_test(replica_with_the_flag_nofailover_is_not_eligible),
        cmocka_unit_test(replica_that_follows_another_node_than_its_line_names_is_told),
        cmocka_unit_test(replica_of_a_master_that_nobody_knows_is_left_alone),
        cmocka_unit_test(real_pairs_are_up_to_date_and_eligible),
    };
    return cmocka_run_group_tests_name("judge_replication", tests, NULL, NULL);
}
