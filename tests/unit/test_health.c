#include "cluster/health.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "scene.h"

static enum node_health health_of(const struct scene *scene, const char *id)
{
    const struct node_verdict *verdict = scene_node(scene, id);
    assert_true(verdict->known);
    return verdict->health;
}

static const char six[] = SIX;

static void six_healthy_nodes_cover_all_slots(void **state)
{
    struct scene *scene = scene_of_six(six);
    (void)state;
    scene_judge(scene);
    const struct health *health = scene->health;
    scene_check_slots(scene, "covered 16384 unassigned 0 failed 0 suspected 0 unreachable 0");
    assert_int_equal(health->count, 6);
    assert_int_equal(health->views, 6);
    assert_int_equal(health->nodes[ROLE_MASTER][HEALTH_OK], 3);
    assert_int_equal(health->nodes[ROLE_REPLICA][HEALTH_OK], 3);
    for (size_t i = 0; i < 6; i++) {
        const struct node_verdict *verdict = &health->node[i];
        assert_true(verdict->known);
        assert_int_equal(verdict->role, i < 3 ? ROLE_MASTER : ROLE_REPLICA);
        assert_int_equal(verdict->master, i < 3 ? NO_NODE : (int)i - 3);
        assert_ptr_equal(verdict->line, scene->view[i]->self);
        assert_false(verdict->failed);
        assert_false(verdict->suspected);
        assert_true(verdict->lag_bytes == -1);
    }
    assert_int_equal(health->node[0].slots, 5461);
    assert_int_equal(health->node[2].slots, 5462);
    assert_int_equal(health->node[3].slots, 0);
    scene_free(scene);
}

static void real_views_of_a_master_and_a_replica_are_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(captures); i += 2) {
        struct scene *scene = scene_new();
        for (size_t j = 0; j < 2; j++) {
            size_t length;
            char *text = capture(captures[i + j], "cluster_nodes", &length);
            struct view *view = view_parse(text, length);
            assert_non_null(view);
            scene->view[j] = view;
            scene->input[j] =
                (struct health_input){.id = view->self->node.id, .view = view, .reachable = true};
            scene->count++;
        }
        scene_judge(scene);
        scene_check_slots(scene,
                          "covered 16384 unassigned 0 failed 0 suspected 0 unreachable 10923");
        assert_int_equal(scene->health->count, 6);
        assert_int_equal(scene->health->nodes[ROLE_MASTER][HEALTH_OK], 1);
        assert_int_equal(scene->health->nodes[ROLE_MASTER][HEALTH_UNREACHABLE], 2);
        assert_int_equal(scene->health->nodes[ROLE_REPLICA][HEALTH_OK], 1);
        assert_int_equal(scene->health->nodes[ROLE_REPLICA][HEALTH_UNREACHABLE], 2);
        assert_int_equal(scene->health->node[1].master, 0);
        scene_free(scene);
    }
}

static void master_that_most_masters_see_failed_has_failed(void **state)
{
    char *nodes = replaced(six, "7000@17000 master - 0 0 3", "7000@17000 master,fail - 0 0 3");
    struct scene *scene = scene_new();
    (void)state;
    scene_add(scene, "m1", nodes, NULL);
    scene_add(scene, "m2", nodes, NULL);
    scene_add(scene, "m3", NULL, NULL);
    scene_add(scene, "r3", nodes, NULL);
    scene_judge(scene);
    scene_check_slots(scene, "covered 10922 unassigned 0 failed 5462 suspected 0 unreachable 0");
    assert_int_equal(health_of(scene, "m3"), HEALTH_FAIL);
    assert_true(scene->health->node[2].failed);
    assert_int_equal(scene->health->node[2].slots, 5462);
    scene_free(scene);
    free(nodes);
}

static void one_master_of_three_does_not_decide(void **state)
{
    char *nodes = replaced(six, "7000@17000 master - 0 0 3", "7000@17000 master,fail - 0 0 3");
    struct scene *scene = scene_new();
    (void)state;
    scene_add(scene, "m1", nodes, NULL);
    scene_add(scene, "m2", six, NULL);
    scene_add(scene, "m3", NULL, NULL);
    scene_judge(scene);
    scene_check_slots(scene, "covered 16384 unassigned 0 failed 0 suspected 0 unreachable 5462");
    assert_int_equal(health_of(scene, "m3"), HEALTH_UNREACHABLE);
    scene_free(scene);
    free(nodes);
}

static void replicas_have_no_vote_while_a_master_can_be_read(void **state)
{
    char *nodes = replaced(six, "7000@17000 master - 0 0 3", "7000@17000 master,fail - 0 0 3");
    struct scene *scene = scene_new();
    (void)state;
    scene_add(scene, "m1", six, NULL);
    scene_add(scene, "m3", NULL, NULL);
    scene_add(scene, "r1", nodes, NULL);
    scene_add(scene, "r2", nodes, NULL);
    scene_add(scene, "r3", nodes, NULL);
    scene_judge(scene);
    assert_int_equal(health_of(scene, "m3"), HEALTH_UNREACHABLE);
    scene_free(scene);
    free(nodes);
}

static void replicas_decide_when_no_master_can_be_read(void **state)
{
    char *nodes = replaced(six, "7000@17000 master - 0 0 3", "7000@17000 master,fail - 0 0 3");
    struct scene *scene = scene_new();
    (void)state;
    scene_add(scene, "m3", NULL, NULL);
    scene_add(scene, "r1", nodes, NULL);
    scene_add(scene, "r2", nodes, NULL);
    scene_add(scene, "r3", six, NULL);
    scene_judge(scene);
    assert_int_equal(health_of(scene, "m3"), HEALTH_FAIL);
    scene_check_slots(scene,
                      "covered 10922 unassigned 0 failed 5462 suspected 0 unreachable 10922");
    scene_free(scene);
    free(nodes);
}

static void own_word_about_its_failure_does_not_count(void **state)
{
    char *nodes = replaced(six, "7000@17000 master - 0 0 3", "7000@17000 master,fail - 0 0 3");
    struct scene *scene = scene_new();
    (void)state;
    scene_add(scene, "m3", nodes, NULL);
    scene_judge(scene);
    assert_int_equal(health_of(scene, "m3"), HEALTH_OK);
    assert_false(scene->health->node[0].failed);
    scene_free(scene);
    free(nodes);
}

static void suspected_owner_counts_only_when_the_exporter_misses_it_too(void **state)
{
    char *nodes = replaced(six, "7000@17000 master - 0 0 3", "7000@17000 master,fail? - 0 0 3");
    (void)state;
    for (int reachable = 0; reachable <= 1; reachable++) {
        struct scene *scene = scene_new();
        scene_add(scene, "m1", nodes, NULL);
        scene_add(scene, "m2", nodes, NULL);
        scene_add(scene, "m3", reachable ? six : NULL, NULL);
        scene_judge(scene);
        scene_check_slots(
            scene, reachable ? "covered 16384 unassigned 0 failed 0 suspected 0 unreachable 0"
                             : "covered 10922 unassigned 0 failed 0 suspected 5462 unreachable 0");
        assert_int_equal(health_of(scene, "m3"), HEALTH_PFAIL);
        assert_true(scene->health->node[2].suspected);
        assert_false(scene->health->node[2].failed);
        scene_free(scene);
    }
    free(nodes);
}

static void fail_and_pfail_are_one_suspicion(void **state)
{
    char *fail_text = replaced(six, "master - 0 0 3", "master,fail - 0 0 3");
    char *pfail_text = replaced(six, "master - 0 0 3", "master,fail? - 0 0 3");
    struct scene *scene = scene_new();
    (void)state;
    scene_add(scene, "m1", fail_text, NULL);
    scene_add(scene, "m2", pfail_text, NULL);
    scene_add(scene, "m3", NULL, NULL);
    scene_judge(scene);
    assert_int_equal(health_of(scene, "m3"), HEALTH_PFAIL);
    scene_free(scene);
    free(fail_text);
    free(pfail_text);
}

static void owner_that_only_the_exporter_misses_still_covers(void **state)
{
    struct scene *scene = scene_new();
    (void)state;
    scene_add(scene, "m1", six, NULL);
    scene_add(scene, "m2", six, NULL);
    scene_add(scene, "m3", NULL, NULL);
    scene_judge(scene);
    scene_check_slots(scene, "covered 16384 unassigned 0 failed 0 suspected 0 unreachable 5462");
    assert_int_equal(health_of(scene, "m3"), HEALTH_UNREACHABLE);
    assert_int_equal(scene->health->node[2].slots, 5462);
    assert_string_equal(scene->health->node[2].line->node.id, "m3");
    scene_free(scene);
}

static void loading_node_is_reachable_without_a_view(void **state)
{
    struct scene *scene = scene_new();
    (void)state;
    scene_add(scene, "m1", six, NULL);
    scene_add(scene, "m2", six, NULL);
    scene_add(scene, "m3", NULL, "# Replication\r\nrole:master\r\n");
    scene->input[2].loading = true;
    scene_judge(scene);
    scene_check_slots(scene, "covered 16384 unassigned 0 failed 0 suspected 0 unreachable 0");
    assert_int_equal(health_of(scene, "m3"), HEALTH_LOADING);
    scene_free(scene);
}

static void node_without_address_is_told_as_such(void **state)
{
    char *nodes = replaced(six, "m3 10.0.0.3:7000@17000 master", "m3 :0@0 master,noaddr,fail?");
    struct scene *scene = scene_new();
    (void)state;
    scene_add(scene, "m1", nodes, NULL);
    scene_add(scene, "m2", nodes, NULL);
    scene_add(scene, "m3", NULL, NULL);
    scene_judge(scene);
    assert_int_equal(health_of(scene, "m3"), HEALTH_NOADDR);
    scene_check_slots(scene, "covered 10922 unassigned 0 failed 0 suspected 5462 unreachable 0");
    scene_free(scene);
    free(nodes);
}

static void node_that_only_the_views_know_is_counted(void **state)
{
    char *with_noaddr = replaced(six, "m3 10.0.0.3:7000@17000 master", "m3 :0@0 master,noaddr");
    char *nodes = replaced(with_noaddr, "r1 10",
                           "x1 10.0.0.9:7000@17000 handshake - 0 0 0 "
                           "disconnected\nr1 10");
    struct scene *scene = scene_new();
    (void)state;
    scene_add(scene, "m1", nodes, NULL);
    scene_add(scene, "m2", nodes, NULL);
    scene_judge(scene);
    assert_int_equal(scene->health->count, 6); // not the one that is shaking hands
    assert_int_equal(scene->health->nodes[ROLE_MASTER][HEALTH_NOADDR], 1);
    assert_int_equal(scene->health->nodes[ROLE_REPLICA][HEALTH_UNREACHABLE], 3);
    scene_check_slots(scene, "covered 16384 unassigned 0 failed 0 suspected 0 unreachable 5462");
    scene_free(scene);
    free(nodes);
    free(with_noaddr);
}

static void node_that_no_view_lists_is_not_known(void **state)
{
    struct scene *scene = scene_new();
    (void)state;
    scene_add(scene, "m1", six, NULL);
    scene_add(scene, "gone", NULL, NULL);
    scene_add(scene, "", NULL, "# Replication\r\nrole:master\r\n");
    scene_judge(scene);
    assert_true(scene->health->node[0].known);
    assert_false(scene->health->node[1].known);
    assert_false(scene->health->node[2].known);
    assert_int_equal(scene->health->nodes[ROLE_MASTER][HEALTH_OK], 1);
    scene_free(scene);
}

static void slots_that_nobody_names_are_unassigned(void **state)
{
    char *nodes = replaced(six, " 10922-16383", " 10922-16000");
    struct scene *scene = scene_of_six(nodes);
    (void)state;
    scene_judge(scene);
    scene_check_slots(scene, "covered 16001 unassigned 383 failed 0 suspected 0 unreachable 0");
    scene_free(scene);
    free(nodes);
}

static void without_any_view_nothing_is_known(void **state)
{
    struct scene *scene = scene_new();
    (void)state;
    scene_add(scene, "m1", NULL, NULL);
    scene_add(scene, "m2", NULL, NULL);
    scene_judge(scene);
    assert_int_equal(scene->health->views, 0);
    assert_false(scene->health->node[0].known);
    scene_check_slots(scene, "covered 0 unassigned 16384 failed 0 suspected 0 unreachable 0");
    scene_free(scene);
}

static void single_lying_view_does_not_move_a_slot(void **state)
{
    // m1 believes that all of m2's slots are m3's, and so does r1.
    char *cut = replaced(six, " 5461-10921", "");
    char *lie = replaced(cut, " 10922-16383", " 5461-16383");
    struct scene *scene = scene_new();
    (void)state;
    scene_add(scene, "m1", lie, NULL);
    scene_add(scene, "m2", six, NULL);
    scene_add(scene, "m3", six, NULL);
    scene_add(scene, "r1", lie, NULL);
    scene_judge(scene);
    scene_check_slots(scene, "covered 16384 unassigned 0 failed 0 suspected 0 unreachable 0");
    assert_int_equal(scene->health->node[1].slots, 5461);
    assert_int_equal(scene->health->node[2].slots, 5462);
    scene_free(scene);
    free(lie);
    free(cut);
}

static void vote_for_a_readable_master_that_does_not_claim_is_void(void **state)
{
    char *without = replaced(six, " 10922-16383", "");
    struct scene *scene = scene_new();
    (void)state;
    scene_add(scene, "m1", six, NULL);
    scene_add(scene, "m2", six, NULL);
    scene_add(scene, "m3", without, NULL);
    scene_judge(scene);
    scene_check_slots(scene, "covered 10922 unassigned 5462 failed 0 suspected 0 unreachable 0");
    assert_int_equal(scene->health->node[2].slots, 0);
    scene_free(scene);
    free(without);
}

static void replicas_word_about_its_own_slots_is_no_claim(void **state)
{
    char *nodes = replaced(six, "slave m3 0 0 3 connected", "slave m3 0 0 9 connected 10922-16383");
    struct scene *scene = scene_of_six(nodes);
    (void)state;
    scene_judge(scene);
    assert_int_equal(scene->health->node[2].slots, 5462);
    assert_int_equal(scene->health->node[5].slots, 0);
    scene_free(scene);
    free(nodes);
}

static void newer_of_two_claims_wins(void **state)
{
    char *nodes =
        replaced(six, "master - 0 0 1 connected 0-5460", "master - 0 0 9 connected 0-10921");
    struct scene *scene = scene_new();
    (void)state;
    scene_add(scene, "m2", six, NULL);
    scene_add(scene, "m1", nodes, NULL);
    scene_add(scene, "m3", six, NULL);
    scene_judge(scene);
    assert_int_equal(scene->health->node[1].slots, 10922);
    assert_int_equal(scene->health->node[0].slots, 0);
    scene_free(scene);
    free(nodes);
}

static void most_views_name_the_owner_that_cannot_be_read(void **state)
{
    // m2 and m3 are down; two views give slot 10922 and on to m3, one gives them to m2.
    char *cut = replaced(six, " 5461-10921", " 5461-16383");
    char *other = replaced(cut, " 10922-16383", "");
    struct scene *scene = scene_new();
    (void)state;
    scene_add(scene, "r3", other, NULL);
    scene_add(scene, "m1", six, NULL);
    scene_add(scene, "r1", six, NULL);
    scene_add(scene, "m2", NULL, NULL);
    scene_add(scene, "m3", NULL, NULL);
    scene_judge(scene);
    assert_int_equal(scene->health->node[3].slots, 5461);
    assert_int_equal(scene->health->node[4].slots, 5462);
    scene_check_slots(scene, "covered 16384 unassigned 0 failed 0 suspected 0 unreachable 10923");
    scene_free(scene);
    free(other);
    free(cut);
}

static void higher_epoch_wins_a_tie_of_views(void **state)
{
    char *cut = replaced(six, " 5461-10921", " 5461-16383");
    char *other = replaced(cut, " 10922-16383", "");
    (void)state;
    for (int order = 0; order <= 1; order++) {
        struct scene *scene = scene_new();
        scene_add(scene, order == 0 ? "m1" : "r1", order == 0 ? six : other, NULL);
        scene_add(scene, order == 0 ? "r1" : "m1", order == 0 ? other : six, NULL);
        scene_add(scene, "m2", NULL, NULL);
        scene_add(scene, "m3", NULL, NULL);
        scene_judge(scene);
        assert_int_equal(scene->health->node[2].slots, 5461);
        assert_int_equal(scene->health->node[3].slots, 5462);
        scene_free(scene);
    }
    free(other);
    free(cut);
}

static void replica_of_an_unknown_master_has_none(void **state)
{
    char *nodes = replaced(six, "slave m1", "slave nobody");
    struct scene *scene = scene_new();
    (void)state;
    scene_add(scene, "m2", nodes, NULL);
    scene_add(scene, "r1", nodes, NULL);
    scene_judge(scene);
    assert_int_equal(scene->health->node[1].role, ROLE_REPLICA);
    assert_int_equal(scene->health->node[1].master, NO_NODE);
    scene_free(scene);
    free(nodes);
}

// r1 cannot be read; two peers call it a replica of m1, one has not heard of that yet.
static void peers_that_disagree_say_the_same_in_any_order(void **state)
{
    static const char *const orders[][3] = {
        {"m1", "m2", "m3"}, {"m3", "m2", "m1"}, {"m2", "m3", "m1"}};
    char *late = replaced(six, "slave m1 0 0 1", "master - 0 0 1");
    (void)state;
    for (size_t i = 0; i < COUNT(orders); i++) {
        struct scene *scene = scene_new();
        for (size_t j = 0; j < 3; j++) {
            bool is_late = strcmp(orders[i][j], "m3") == 0;
            scene_add(scene, orders[i][j], is_late ? late : six, NULL);
        }
        scene_add(scene, "r1", NULL, NULL);
        scene_judge(scene);
        const struct node_verdict *verdict = &scene->health->node[3];
        enum node_role role = verdict->role;
        bool has_master =
            verdict->master != NO_NODE && strcmp(scene->input[verdict->master].id, "m1") == 0;
        scene_free(scene);
        assert_int_equal(role, ROLE_REPLICA);
        if (!has_master) {
            print_error("no master in the order %s %s %s\n", orders[i][0], orders[i][1],
                        orders[i][2]);
        }
        assert_true(has_master);
    }
    free(late);
}

// --- Lag ---

static void replicas_lag_follows_from_one_reply_of_its_master(void **state)
{
    static const struct {
        const char *info; // of m1, behind its role
        const char *replica_address;
        int64_t expected;
    } cases[] = {
        {"master_repl_offset:1000\r\n"
         "slave0:ip=10.0.0.4,port=7000,state=online,offset=900,lag=0\r\n",
         "10.0.0.4:7000", 100},
        {"master_repl_offset:1000\r\n"
         "slave0:ip=10.0.0.4,port=7000,state=online,offset=1000,lag=0\r\n",
         "10.0.0.4:7000", 0},
        // The acknowledgement is newer than the number before it: never negative.
        {"master_repl_offset:1000\r\n"
         "slave0:ip=10.0.0.4,port=7000,state=online,offset=1500,lag=0\r\n",
         "10.0.0.4:7000", 0},
        {"master_repl_offset:1000\r\n"
         "slave0:ip=2001:db8::4,port=7000,state=online,offset=999,lag=0\r\n",
         "2001:db8::4:7000", 1},
        {"master_repl_offset:1000\r\n"
         "slave0:ip=10.0.0.9,port=7000,state=online,offset=1,lag=0\r\n"
         "slave1:ip=10.0.0.4,port=7001,state=online,offset=2,lag=0\r\n"
         "slave2:ip=10.0.0.4,port=7000,state=online,offset=700,lag=0,type=replica\r\n",
         "10.0.0.4:7000", 300},
        // Of the two lines of a replica on two channels only one is the replica's.
        {"master_repl_offset:1000\r\n"
         "slave0:ip=10.0.0.4,port=7000,state=online,offset=900,lag=0,type=rdb-channel\r\n"
         "slave1:ip=10.0.0.4,port=7000,state=online,offset=800,lag=0,type=main-channel\r\n",
         "10.0.0.4:7000", 200},
        {"master_repl_offset:1000\r\n"
         "slave0:ip=10.0.0.4,port=7000,state=online,offset=900,lag=0,type=rdb-channel\r\n",
         "10.0.0.4:7000", -1},
        {"master_repl_offset:1000\r\n"
         "slave0:ip=10.0.0.4,port=7000,state=wait_bgsave,offset=900,lag=0\r\n",
         "10.0.0.4:7000", -1},
        {"master_repl_offset:1000\r\n"
         "slave0:ip=10.0.0.4,port=7000,state=send_bulk,offset=900,lag=0\r\n",
         "10.0.0.4:7000", -1},
        {"master_repl_offset:1000\r\n"
         "slave0:ip=10.0.0.4,port=7000,state=online,offset=0,lag=0\r\n",
         "10.0.0.4:7000", -1},
        {"master_repl_offset:1000\r\nslave0:ip=10.0.0.4,port=7000,state=online\r\n",
         "10.0.0.4:7000", -1},
        {"slave0:ip=10.0.0.4,port=7000,state=online,offset=900,lag=0\r\n", "10.0.0.4:7000", -1},
        {"master_repl_offset:1000\r\n", "10.0.0.4:7000", -1},
        {"master_repl_offset:1000\r\n"
         "slave0:ip=10.0.0.44,port=7000,state=online,offset=900,lag=0\r\n",
         "10.0.0.4:7000", -1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct scene *scene = scene_new();
        char info[512];
        snprintf(info, sizeof(info), "# Replication\r\nrole:master\r\n%s", cases[i].info);
        char *nodes = replaced(six, "10.0.0.4:7000", cases[i].replica_address);
        scene_add(scene, "m1", nodes, info);
        scene_add(scene, "r1", NULL, NULL);
        scene_judge(scene);
        assert_true(scene->health->node[1].lag_bytes == cases[i].expected);
        assert_true(scene->health->node[0].lag_bytes == -1);
        scene_free(scene);
        free(nodes);
    }
}

static void two_replicas_on_one_address_have_no_lag(void **state)
{
    static const char *const lines[] = {
        "slave0:ip=10.0.0.4,port=7000,state=online,offset=900,lag=0\r\n"
        "slave1:ip=10.0.0.4,port=7000,state=online,offset=800,lag=0\r\n",
        "slave0:ip=10.0.0.4,port=7000,state=online,offset=900,lag=0\r\n"
        "slave1:ip=10.0.0.4,port=7000,state=wait_bgsave,offset=0,lag=0\r\n",
        "slave0:ip=10.0.0.4,port=7000,state=wait_bgsave,offset=0,lag=0\r\n"
        "slave1:ip=10.0.0.4,port=7000,state=online,offset=900,lag=0\r\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct scene *scene = scene_new();
        char info[512];
        snprintf(info, sizeof(info),
                 "# Replication\r\nrole:master\r\nmaster_repl_offset:1000\r\n%s", lines[i]);
        scene_add(scene, "m1", six, info);
        scene_add(scene, "r1", NULL, NULL);
        scene_judge(scene);
        int64_t lag = scene->health->node[1].lag_bytes;
        scene_free(scene);
        if (lag != -1) {
            print_error("a lag from\n%s", lines[i]);
        }
        assert_true(lag == -1);
    }
}

static void replica_that_was_its_master_a_moment_ago_tells_no_lag(void **state)
{
    struct scene *scene = scene_new();
    (void)state;
    scene_add(scene, "m1", six,
              "# Replication\r\nrole:slave\r\nmaster_repl_offset:1000\r\n"
              "slave0:ip=10.0.0.4,port=7000,state=online,offset=900,lag=0\r\n");
    scene_add(scene, "r1", six, NULL);
    scene_judge(scene);
    assert_true(scene->health->node[1].lag_bytes == -1);
    scene_free(scene);
}

static void each_versions_replication_gives_the_lag(void **state)
{
    static const int64_t expected[] = {470502, 0, 171186, 440833, 1188, 0, 0, 0, -1};
    (void)state;
    for (size_t i = 0; i < COUNT(captures); i += 2) {
        size_t length;
        struct scene *scene = scene_new();
        char *info = capture(captures[i], "info_all", &length);
        char *nodes = replaced(six, "10.0.0.4:7000", "127.0.0.1:13003");
        scene_add(scene, "m1", nodes, NULL);
        scene_add(scene, "r1", nodes, NULL);
        scene->replication[0] = replication_parse(span_make(info, length));
        scene->input[0].replication = &scene->replication[0];
        scene_judge(scene);
        assert_true(scene->health->node[1].lag_bytes == expected[i / 2]);
        scene_free(scene);
        free(nodes);
        free(info);
    }
}

// --- Any cluster ---

enum { BLOCKS = 16, BLOCK_SLOTS = SLOT_COUNT / BLOCKS, CLUSTER_MAX = 10, SEEDS = 200 };

// A cluster as its nodes see it. Roles, masters and epochs are the same to all, since only then is
// the verdict on a node that cannot be read settled by any one of its peers' lines.
struct world {
    size_t count;
    size_t asked; // the first of them; the others are only in the views
    char id[CLUSTER_MAX][8];
    bool master[CLUSTER_MAX];
    size_t master_of[CLUSTER_MAX];
    bool readable[CLUSTER_MAX];
    bool reachable[CLUSTER_MAX];
    bool lists[CLUSTER_MAX][CLUSTER_MAX];
    const char *flags[CLUSTER_MAX][CLUSTER_MAX];
    int owner[CLUSTER_MAX][BLOCKS]; // by view; NO_NODE
};

static void make_world(struct world *world, uint64_t *seed)
{
    static const char *const flags[] = {"", "", "", ",fail?", ",fail", ",noaddr", ",fail,noaddr"};
    *world = (struct world){.count = 1 + random_below(seed, CLUSTER_MAX)};
    world->asked = 1 + random_below(seed, (uint32_t)world->count);
    for (size_t i = 0; i < world->count; i++) {
        snprintf(world->id[i], sizeof(world->id[i]), "n%zu", i);
        world->master[i] = i == 0 || random_below(seed, 3) > 0;
        world->master_of[i] = i > 0 ? random_below(seed, (uint32_t)i) : 0;
        world->readable[i] = i < world->asked && random_below(seed, 3) > 0;
        world->reachable[i] =
            world->readable[i] || (i < world->asked && random_below(seed, 4) == 0);
        for (size_t j = 0; j < world->count; j++) {
            world->lists[i][j] = i == j || random_below(seed, 8) > 0;
            world->flags[i][j] = flags[random_below(seed, COUNT(flags))];
        }
    }
    for (size_t block = 0; block < BLOCKS; block++) {
        int owner =
            random_below(seed, 10) == 0 ? NO_NODE : (int)random_below(seed, (uint32_t)world->count);
        for (size_t i = 0; i < world->count; i++) {
            bool lies = random_below(seed, 6) == 0;
            world->owner[i][block] = lies ? (int)random_below(seed, (uint32_t)world->count) : owner;
        }
    }
}

static struct view *view_of_world(const struct world *world, size_t reporter)
{
    struct buf text = BUF_EMPTY;
    for (size_t i = 0; i < world->count; i++) {
        if (!world->lists[reporter][i]) {
            continue;
        }
        buf_format(&text, "%s 10.0.0.%zu:7000@17000 %s%s%s %s 0 0 %zu connected", world->id[i], i,
                   i == reporter ? "myself," : "", world->master[i] ? "master" : "slave",
                   i == reporter ? "" : world->flags[reporter][i],
                   world->master[i] ? "-" : world->id[world->master_of[i]], i + 1);
        for (size_t block = 0; block < BLOCKS; block++) {
            if (world->owner[reporter][block] == (int)i) {
                buf_format(&text, " %zu-%zu", block * BLOCK_SLOTS, (block + 1) * BLOCK_SLOTS - 1);
            }
        }
        buf_char(&text, '\n');
    }
    char *copy = mem_copy(text.data, text.length);
    struct view *view = view_parse(copy, text.length);
    buf_free(&text);
    assert_non_null(view);
    return view;
}

static struct scene *scene_of_world(const struct world *world, const size_t *order)
{
    struct scene *scene = scene_new();
    for (size_t i = 0; i < world->asked; i++) {
        size_t node = order[i];
        scene->view[i] = world->readable[node] ? view_of_world(world, node) : NULL;
        scene->input[i] = (struct health_input){
            .id = world->id[node], .view = scene->view[i], .reachable = world->reachable[node]};
        scene->count++;
    }
    scene_judge(scene);
    return scene;
}

// The owner by the rules in health.h, found anew.
static int owner_of_block(const struct world *world, size_t block, const bool *failed)
{
    int owner = NO_NODE;
    size_t votes[CLUSTER_MAX] = {0};
    for (size_t i = 0; i < world->count; i++) {
        if (world->readable[i] && world->master[i] && world->owner[i][block] == (int)i &&
            !failed[i]) {
            owner = (int)i; // epochs rise with the index
        }
    }
    for (size_t i = 0; owner == NO_NODE && i < world->count; i++) {
        int named = world->readable[i] ? world->owner[i][block] : NO_NODE;
        if (named != NO_NODE && world->lists[i][named] && !world->readable[named]) {
            votes[named]++;
        }
    }
    size_t best = 1;
    for (size_t i = 0; owner == NO_NODE && i < world->count; i++) {
        best = votes[i] > best ? votes[i] : best;
    }
    for (size_t i = 0; i < world->count; i++) {
        owner = votes[i] == best ? (int)i : owner;
    }
    for (size_t i = 0; i < world->count; i++) {
        bool claims = world->readable[i] && world->master[i] && world->owner[i][block] == (int)i;
        owner = claims && failed[i] && owner < (int)i ? (int)i : owner;
    }
    return owner;
}

static const struct node_verdict *verdict_of(const struct world *world, const struct scene *scene,
                                             const char *id)
{
    (void)world;
    for (size_t i = 0; i < scene->health->count; i++) {
        const struct node_verdict *verdict = &scene->health->node[i];
        const char *known = i < scene->count        ? scene->input[i].id
                            : verdict->line != NULL ? verdict->line->node.id
                                                    : "";
        if (strcmp(known, id) == 0) {
            return verdict;
        }
    }
    return NULL;
}

static void in_order(size_t *order, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        order[i] = i;
    }
}

static void slots_always_add_up_and_follow_the_rules(void **state)
{
    (void)state;
    for (uint64_t run = 0; run < SEEDS; run++) {
        uint64_t seed = run;
        struct world world;
        size_t order[CLUSTER_MAX];
        make_world(&world, &seed);
        in_order(order, world.count);
        struct scene *scene = scene_of_world(&world, order);
        const struct health *health = scene->health;
        size_t owned[CLUSTER_MAX] = {0};
        size_t unassigned = 0;
        bool given_up[CLUSTER_MAX] = {false};
        for (size_t i = 0; i < world.count; i++) {
            const struct node_verdict *verdict = verdict_of(&world, scene, world.id[i]);
            given_up[i] = verdict != NULL && verdict->failed;
        }
        for (size_t block = 0; block < BLOCKS; block++) {
            int owner = owner_of_block(&world, block, given_up);
            if (owner == NO_NODE) {
                unassigned += BLOCK_SLOTS;
            } else {
                owned[owner] += BLOCK_SLOTS;
            }
        }
        assert_int_equal(health->slots_covered + health->slots_unassigned +
                             health->slots_owner_failed + health->slots_owner_suspected,
                         SLOT_COUNT);
        assert_true(health->slots_unreachable <= health->slots_covered);
        assert_int_equal(health->slots_unassigned, unassigned);
        size_t failed = 0;
        size_t known = 0;
        for (size_t i = 0; i < world.count; i++) {
            const struct node_verdict *verdict = verdict_of(&world, scene, world.id[i]);
            assert_int_equal(verdict != NULL ? verdict->slots : 0, owned[i]);
            failed += verdict != NULL && verdict->failed ? owned[i] : 0;
            known += verdict != NULL && verdict->known;
        }
        assert_int_equal(health->slots_owner_failed, failed);
        size_t counted = 0;
        for (int i = 0; i < (int)ROLE_COUNT * (int)HEALTH_COUNT; i++) {
            counted += health->nodes[i / HEALTH_COUNT][i % HEALTH_COUNT];
        }
        assert_int_equal(counted, known);
        scene_free(scene);
    }
}

static const char *master_id(const struct scene *scene, const struct node_verdict *verdict)
{
    if (verdict->master == NO_NODE) {
        return "-";
    }
    size_t master = (size_t)verdict->master;
    return master < scene->count ? scene->input[master].id
                                 : scene->health->node[master].line->node.id;
}

static void verdicts_do_not_depend_on_the_order_of_the_nodes(void **state)
{
    (void)state;
    for (uint64_t run = 0; run < SEEDS; run++) {
        uint64_t seed = run;
        struct world world;
        size_t order[CLUSTER_MAX];
        make_world(&world, &seed);
        in_order(order, world.count);
        struct scene *one = scene_of_world(&world, order);
        for (size_t i = world.asked - 1; i > 0; i--) {
            size_t other = random_below(&seed, (uint32_t)i + 1);
            size_t kept = order[i];
            order[i] = order[other];
            order[other] = kept;
        }
        struct scene *two = scene_of_world(&world, order);
        assert_memory_equal(one->health->nodes, two->health->nodes, sizeof(one->health->nodes));
        assert_int_equal(one->health->count, two->health->count);
        assert_int_equal(one->health->slots_covered, two->health->slots_covered);
        assert_int_equal(one->health->slots_owner_suspected, two->health->slots_owner_suspected);
        assert_int_equal(one->health->slots_unreachable, two->health->slots_unreachable);
        for (size_t i = 0; i < world.count; i++) {
            const struct node_verdict *a = verdict_of(&world, one, world.id[i]);
            const struct node_verdict *b = verdict_of(&world, two, world.id[i]);
            assert_int_equal(a == NULL, b == NULL);
            if (a == NULL || !a->known) {
                continue;
            }
            assert_true(b->known);
            assert_int_equal(a->role, b->role);
            assert_int_equal(a->health, b->health);
            assert_int_equal(a->failed, b->failed);
            assert_int_equal(a->suspected, b->suspected);
            assert_int_equal(a->slots, b->slots);
            assert_string_equal(a->line->node.id, b->line->node.id);
            assert_string_equal(master_id(one, a), master_id(two, b));
        }
        scene_free(one);
        scene_free(two);
    }
}

static void words_for_roles_and_healths_are_those_of_the_labels(void **state)
{
    static const char *const healths[HEALTH_COUNT] = {"ok",     "pfail",       "fail",
                                                      "noaddr", "unreachable", "loading"};
    (void)state;
    assert_string_equal(node_role_name(ROLE_MASTER), "master");
    assert_string_equal(node_role_name(ROLE_REPLICA), "replica");
    for (int i = 0; i < HEALTH_COUNT; i++) {
        assert_string_equal(node_health_name((enum node_health)i), healths[i]);
    }
    health_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(six_healthy_nodes_cover_all_slots),
        cmocka_unit_test(real_views_of_a_master_and_a_replica_are_judged),
        cmocka_unit_test(master_that_most_masters_see_failed_has_failed),
        cmocka_unit_test(one_master_of_three_does_not_decide),
        cmocka_unit_test(replicas_have_no_vote_while_a_master_can_be_read),
        cmocka_unit_test(replicas_decide_when_no_master_can_be_read),
        cmocka_unit_test(own_word_about_its_failure_does_not_count),
        cmocka_unit_test(suspected_owner_counts_only_when_the_exporter_misses_it_too),
        cmocka_unit_test(fail_and_pfail_are_one_suspicion),
        cmocka_unit_test(owner_that_only_the_exporter_misses_still_covers),
        cmocka_unit_test(loading_node_is_reachable_without_a_view),
        cmocka_unit_test(node_without_address_is_told_as_such),
        cmocka_unit_test(node_that_only_the_views_know_is_counted),
        cmocka_unit_test(node_that_no_view_lists_is_not_known),
        cmocka_unit_test(slots_that_nobody_names_are_unassigned),
        cmocka_unit_test(without_any_view_nothing_is_known),
        cmocka_unit_test(single_lying_view_does_not_move_a_slot),
        cmocka_unit_test(vote_for_a_readable_master_that_does_not_claim_is_void),
        cmocka_unit_test(replicas_word_about_its_own_slots_is_no_claim),
        cmocka_unit_test(newer_of_two_claims_wins),
        cmocka_unit_test(most_views_name_the_owner_that_cannot_be_read),
        cmocka_unit_test(higher_epoch_wins_a_tie_of_views),
        cmocka_unit_test(replica_of_an_unknown_master_has_none),
        cmocka_unit_test(peers_that_disagree_say_the_same_in_any_order),
        cmocka_unit_test(replicas_lag_follows_from_one_reply_of_its_master),
        cmocka_unit_test(two_replicas_on_one_address_have_no_lag),
        cmocka_unit_test(replica_that_was_its_master_a_moment_ago_tells_no_lag),
        cmocka_unit_test(each_versions_replication_gives_the_lag),
        cmocka_unit_test(slots_always_add_up_and_follow_the_rules),
        cmocka_unit_test(verdicts_do_not_depend_on_the_order_of_the_nodes),
        cmocka_unit_test(words_for_roles_and_healths_are_those_of_the_labels),
    };
    return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
