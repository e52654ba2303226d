// Who owns each slot, which are served, which are on their way. The numbers in brackets are those
// of the catalogue of failures in the design notes.
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "scene.h"

#define M3_FAILED    "m3 10.0.0.3:7000@17000 master,fail - 0 0 3 disconnected 10922-16383\n"
#define M3_SUSPECTED "m3 10.0.0.3:7000@17000 master,fail? - 0 0 3 connected 10922-16383\n"
#define M3_LOST      "m3 10.0.0.3:7000@17000 master,fail - 0 0 3 disconnected\n"
#define R3_PROMOTED  "r3 10.0.0.6:7000@17000 master - 0 0 7 connected 10922-16383\n"

// --- covered or not ---

// What each view says, and the counts that follow.
struct case_of_slots {
    const char *what;
    const char *seen_by_others; // the view of m1, m2, r1, r2 and r3
    const char *seen_by_m3;     // NULL: m3 cannot be read
    const char *expected;
};

static const struct case_of_slots cases_of_slots[] = {
    {"healthy", SIX, SIX, "covered 16384 unassigned 0 failed 0 suspected 0 unreachable 0"},
    {"[2] unassigned in the middle of a range",
     M1 M2 "m3 10.0.0.3:7000@17000 master - 0 0 3 connected 10922-12000 12002-16383\n" R1 R2 R3,
     M1 M2 "m3 10.0.0.3:7000@17000 master - 0 0 3 connected 10922-12000 12002-16383\n" R1 R2 R3,
     "covered 16383 unassigned 1 failed 0 suspected 0 unreachable 0"},
    {"[3] owner failed, nobody took over", M1 M2 M3_FAILED R1 R2 R3, NULL,
     "covered 10922 unassigned 0 failed 5462 suspected 0 unreachable 0"},
    {"[4] owner suspected, exporter misses it", M1 M2 M3_SUSPECTED R1 R2 R3, NULL,
     "covered 10922 unassigned 0 failed 0 suspected 5462 unreachable 0"},
    {"[4] owner suspected, exporter reaches it", M1 M2 M3_SUSPECTED R1 R2 R3, SIX,
     "covered 16384 unassigned 0 failed 0 suspected 0 unreachable 0"},
    {"[6] owner that only the exporter misses", SIX, NULL,
     "covered 16384 unassigned 0 failed 0 suspected 0 unreachable 5462"},
    {"[38] owner failed, its replica took over", M1 M2 M3_LOST R1 R2 R3_PROMOTED, NULL,
     "covered 16384 unassigned 0 failed 0 suspected 0 unreachable 0"},
    {"cut-off master whose replica took over", M1 M2 M3_LOST R1 R2 R3_PROMOTED, SIX,
     "covered 16384 unassigned 0 failed 0 suspected 0 unreachable 0"},
    {"cut-off master that nobody replaced", M1 M2 M3_FAILED R1 R2 R3, SIX,
     "covered 10922 unassigned 0 failed 5462 suspected 0 unreachable 0"},
    {"cut-off master whose slots nobody names", M1 M2 M3_LOST R1 R2 R3, SIX,
     "covered 10922 unassigned 0 failed 5462 suspected 0 unreachable 0"},
    {"[25] owner without an address",
     M1 M2 "m3 :0@0 master,noaddr - 0 0 3 disconnected 10922-16383\n" R1 R2 R3, NULL,
     "covered 16384 unassigned 0 failed 0 suspected 0 unreachable 5462"},
};

static void slots_are_counted_by_who_serves_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases_of_slots); i++) {
        const struct case_of_slots *one = &cases_of_slots[i];
        struct scene *scene = scene_new();
        scene_add_all(scene, "m1 m2 r1 r2 r3", one->seen_by_others);
        scene_add(scene, "m3", one->seen_by_m3, NULL);
        scene_judge(scene);
        print_message("# %s\n", one->what);
        scene_check_slots(scene, one->expected);
        scene_free(scene);
    }
}

// [29] The bus is blocked, clients are not: all suspect all others, and all serve.
static void nodes_that_only_the_bus_has_lost_still_serve(void **state)
{
    static const char blocked[] =
        "m1 10.0.0.1:7000@17000 master,fail? - 0 0 1 disconnected 0-5460\n"
        "m2 10.0.0.2:7000@17000 master,fail? - 0 0 2 disconnected 5461-10921\n"
        "m3 10.0.0.3:7000@17000 master,fail? - 0 0 3 disconnected 10922-16383\n"
        "r1 10.0.0.4:7000@17000 slave,fail? m1 0 0 1 disconnected\n";
    struct scene *scene = scene_new();
    (void)state;
    scene_add_all(scene, "m1 m2 m3 r1", blocked);
    const struct health *health = scene_judge(scene);
    scene_check_slots(scene, "covered 16384 unassigned 0 failed 0 suspected 0 unreachable 0");
    assert_int_equal(health->nodes[ROLE_MASTER][HEALTH_PFAIL], 3);
    assert_int_equal(health->nodes[ROLE_REPLICA][HEALTH_PFAIL], 1);
    assert_int_equal(scene_node(scene, "m1")->links_down, 0); // suspicion says it already
    assert_true(health->quorum_margin == -2);
    assert_int_equal(health->groups, 1);
    scene_free(scene);
}

// [5] Without cluster-require-full-coverage all masters say ok.
static void slots_are_missing_though_all_masters_call_the_cluster_ok(void **state)
{
    static const char nodes[] =
        M1 M2 "m3 10.0.0.3:7000@17000 master - 0 0 3 connected 10922-16000\n";
    struct scene *scene = scene_new();
    (void)state;
    scene_add_all(scene, "m1 m2 m3", nodes);
    for (size_t i = 0; i < 3; i++) {
        scene->input[i].info = cluster_info_parse(span_of("cluster_state:ok\r\n"));
    }
    const struct health *health = scene_judge(scene);
    assert_int_equal(health->slots_unassigned, 383);
    assert_int_equal(health->states, 3);
    assert_int_equal(health->states_fail, 0);
    assert_int_equal(health->node_failures_survivable, 0);
    scene_free(scene);
}

static void cut_off_masters_claim_is_void_once_others_name_a_newer_owner(void **state)
{
    struct scene *scene = scene_new();
    (void)state;
    scene_add_all(scene, "m1 m2 r1 r2 r3", M1 M2 M3_LOST R1 R2 R3_PROMOTED);
    scene_add(scene, "m3", SIX, NULL);
    scene_judge(scene);
    assert_string_equal(scene_owner(scene, 16383), "r3");
    assert_int_equal(scene_node(scene, "m3")->slots, 0);
    assert_int_equal(scene->health->slots_conflicting, 0);
    scene_free(scene);
}

// The new owner itself cannot be read; that the others name it with a newer epoch is enough.
static void cut_off_masters_claim_is_void_when_its_successor_cannot_be_read(void **state)
{
    struct scene *scene = scene_new();
    (void)state;
    scene_add_all(scene, "m1 m2 r1 r2", M1 M2 M3_LOST R1 R2 R3_PROMOTED);
    scene_add(scene, "m3", SIX, NULL);
    scene_add(scene, "r3", NULL, NULL);
    scene_judge(scene);
    assert_string_equal(scene_owner(scene, 10922), "r3");
    scene_check_slots(scene, "covered 16384 unassigned 0 failed 0 suspected 0 unreachable 5462");
    scene_free(scene);
}

// A take-over that was forced in the minority has the higher epoch: both sides serve the slots.
static void cut_off_master_with_the_newer_claim_conflicts(void **state)
{
    static const char newer[] =
        M1 M2 "m3 10.0.0.3:7000@17000 master - 0 0 9 connected 10922-16383\n" R1 R2 R3;
    struct scene *scene = scene_new();
    (void)state;
    scene_add_all(scene, "m1 m2 r1 r2 r3", M1 M2 M3_LOST R1 R2 R3_PROMOTED);
    scene_add(scene, "m3", newer, NULL);
    scene_judge(scene);
    assert_int_equal(scene->health->slots_conflicting, 5462);
    assert_true(scene->health->conflicting[10922]);
    assert_false(scene->health->conflicting[10921]);
    scene_free(scene);
}

// --- conflicts ---

static void two_claimants_are_a_conflict_of_their_common_slots(void **state)
{
    static const char greedy[] =
        M1 "m2 10.0.0.2:7000@17000 master - 0 0 2 connected 5400-10921\n" M3 R1 R2 R3;
    struct scene *scene = scene_new();
    (void)state;
    scene_add_all(scene, "m1 m3", SIX);
    scene_add(scene, "m2", greedy, NULL);
    const struct health *health = scene_judge(scene);
    assert_int_equal(health->slots_conflicting, 61);
    assert_false(health->conflicting[5399]);
    assert_true(health->conflicting[5400]);
    assert_true(health->conflicting[5460]);
    assert_false(health->conflicting[5461]);
    assert_string_equal(scene_owner(scene, 5400), "m2"); // its epoch is higher
    scene_check_slots(scene, "covered 16384 unassigned 0 failed 0 suspected 0 unreachable 0");
    scene_free(scene);
}

static void slot_with_three_claimants_is_one_conflict(void **state)
{
    static const char *const ids[] = {"m1", "m2", "m3"};
    (void)state;
    for (size_t order = 0; order < 3; order++) {
        struct scene *scene = scene_new();
        for (size_t i = 0; i < 3; i++) {
            char nodes[128];
            const char *id = ids[(i + order) % 3];
            snprintf(nodes, sizeof(nodes), "%s 10.0.0.1:7000@17000 master - 0 0 %c connected 7\n",
                     id, id[1]);
            scene_add(scene, id, nodes, NULL);
        }
        const struct health *health = scene_judge(scene);
        assert_int_equal(health->slots_conflicting, 1);
        assert_string_equal(scene_owner(scene, 7), "m3");
        assert_int_equal(health->slots_unassigned, SLOT_COUNT - 1);
        scene_free(scene);
    }
}

// Where all epochs are the same, as in Kvrocks, the order of the nodes must not decide.
static void claims_of_one_epoch_have_the_same_winner_in_any_order(void **state)
{
    static const char left[] = "m1 10.0.0.1:7000@17000 master - 0 0 5 connected 0-99\n"
                               "m2 10.0.0.2:7000@17000 master - 0 0 5 connected\n";
    static const char right[] = "m1 10.0.0.1:7000@17000 master - 0 0 5 connected\n"
                                "m2 10.0.0.2:7000@17000 master - 0 0 5 connected 0-99\n";
    struct scene *scene = scene_new();
    (void)state;
    scene_add(scene, "m1", left, NULL);
    scene_add(scene, "m2", right, NULL);
    scene_judge(scene);
    assert_int_equal(scene->health->slots_conflicting, 100);
    assert_string_equal(scene_owner(scene, 0), "m1");
    scene_reverse(scene);
    scene_judge(scene);
    assert_int_equal(scene->health->slots_conflicting, 100);
    assert_string_equal(scene_owner(scene, 0), "m1");
    scene_free(scene);
}

static void tie_of_votes_at_one_epoch_has_the_same_winner_in_any_order(void **state)
{
    static const char left[] = "m1 10.0.0.1:7000@17000 master - 0 0 5 connected 0-99\n"
                               "m2 10.0.0.2:7000@17000 master - 0 0 5 connected\n"
                               "r1 10.0.0.4:7000@17000 slave m1 0 0 5 connected\n"
                               "r2 10.0.0.5:7000@17000 slave m1 0 0 5 connected\n";
    static const char right[] = "m1 10.0.0.1:7000@17000 master - 0 0 5 connected\n"
                                "m2 10.0.0.2:7000@17000 master - 0 0 5 connected 0-99\n"
                                "r1 10.0.0.4:7000@17000 slave m1 0 0 5 connected\n"
                                "r2 10.0.0.5:7000@17000 slave m1 0 0 5 connected\n";
    struct scene *scene = scene_new();
    (void)state;
    scene_add(scene, "r1", left, NULL);
    scene_add(scene, "r2", right, NULL);
    scene_judge(scene);
    char owner[NODE_ID_SIZE];
    assert_true(span_copy(span_of(scene_owner(scene, 0)), owner, sizeof(owner)));
    scene_reverse(scene);
    scene_judge(scene);
    assert_string_equal(scene_owner(scene, 0), owner);
    scene_free(scene);
}

// --- views that lie ---

// A view has one vote, however often it repeats itself.
static void view_that_repeats_itself_votes_once(void **state)
{
    static const char stuffed[] = M1 M2
        "m3 10.0.0.3:7000@17000 master - 0 0 3 connected\n"
        "r3 10.0.0.6:7000@17000 master - 0 0 9 connected 10922-16383 10922-16383 10922-16383\n"
        "r3 10.0.0.6:7000@17000 master - 0 0 9 connected 10922-16383\n" R1 R2;
    struct scene *scene = scene_new();
    (void)state;
    scene_add_all(scene, "r1 r2", SIX);
    scene_add(scene, "m1", stuffed, NULL);
    scene_add(scene, "m3", NULL, NULL);
    scene_judge(scene);
    assert_string_equal(scene_owner(scene, 12000), "m3");
    scene_free(scene);
}

static void view_that_repeats_a_verdict_votes_once(void **state)
{
    static const char stuffed[] = M1 M2 M3_FAILED M3_FAILED M3_FAILED M3_FAILED R1 R2 R3;
    struct scene *scene = scene_new();
    (void)state;
    scene_add(scene, "m1", stuffed, NULL);
    scene_add(scene, "m2", SIX, NULL);
    scene_add(scene, "m3", NULL, NULL);
    scene_judge(scene);
    assert_false(scene_node(scene, "m3")->failed);
    assert_int_equal(scene_node(scene, "m3")->fail_reporters, 1);
    assert_int_equal(scene_node(scene, "m3")->seen_by, 2);
    scene_free(scene);
}

static void liar_cannot_give_the_slots_of_masters_that_can_be_read_away(void **state)
{
    static const char lie[] = M1 "m2 10.0.0.2:7000@17000 master,fail - 0 0 2 connected\n"
                                 "m3 10.0.0.3:7000@17000 master,fail - 0 0 3 connected\n"
                                 "x1 10.0.0.9:7000@17000 master - 0 0 99 connected 5461-16383\n";
    struct scene *scene = scene_new();
    (void)state;
    scene_add(scene, "m1", lie, NULL);
    scene_add_all(scene, "m2 m3", SIX);
    scene_judge(scene);
    assert_string_equal(scene_owner(scene, 0), "m1");
    assert_string_equal(scene_owner(scene, 5461), "m2");
    assert_string_equal(scene_owner(scene, 16383), "m3");
    scene_check_slots(scene, "covered 16384 unassigned 0 failed 0 suspected 0 unreachable 0");
    scene_free(scene);
}

static void no_master_can_be_read(void **state)
{
    struct scene *scene = scene_new();
    (void)state;
    scene_add_all(scene, "m1 m2 m3", NULL);
    scene_add_all(scene, "r1 r2", SIX);
    scene_add(scene, "r3", M1 M2 M3_LOST R1 R2 R3_PROMOTED, NULL); // promoted, others do not know
    scene_judge(scene);
    assert_string_equal(scene_owner(scene, 0), "m1");
    assert_string_equal(scene_owner(scene, 10922), "r3");
    scene_check_slots(scene, "covered 16384 unassigned 0 failed 0 suspected 0 unreachable 10922");
    scene_free(scene);
}

// --- open slots ---

#define OPEN_M1(tokens) "m1 10.0.0.1:7000@17000 master - 0 0 1 connected 0-5460 " tokens "\n"
#define OPEN_M2(tokens) "m2 10.0.0.2:7000@17000 master - 0 0 2 connected 5461-10921 " tokens "\n"
#define OPEN_R1(tokens) "r1 10.0.0.4:7000@17000 slave m1 0 0 1 connected " tokens "\n"

struct case_of_open {
    const char *what;
    const char *m1; // each node's own view; NULL: cannot be read
    const char *m2;
    const char *r1;
    size_t migrating;
    size_t importing;
    size_t unpaired;
};

static const struct case_of_open cases_of_open[] = {
    {"none", SIX, SIX, SIX, 0, 0, 0},
    {"[11] pair", OPEN_M1("[5->-m2]") M2 M3 R1, M1 OPEN_M2("[5-<-m1]") M3 R1, SIX, 1, 1, 0},
    {"[11] migrating only", OPEN_M1("[5->-m2]") M2 M3 R1, SIX, SIX, 1, 0, 1},
    {"[11] importing only", SIX, M1 OPEN_M2("[5-<-m1]") M3 R1, SIX, 0, 1, 1},
    {"other side cannot be read", OPEN_M1("[5->-m2]") M2 M3 R1, NULL, SIX, 1, 0, 0},
    {"source cannot be read", NULL, M1 OPEN_M2("[5-<-m1]") M3 R1, SIX, 0, 1, 0},
    {"two slots, one of them paired", OPEN_M1("[5->-m2] [6->-m2]") M2 M3 R1,
     M1 OPEN_M2("[5-<-m1]") M3 R1, SIX, 2, 1, 1},
    {"other side has it open with another node", OPEN_M1("[5->-m2]") M2 M3 R1,
     M1 OPEN_M2("[5-<-m3]") M3 R1, SIX, 1, 1, 2},
    {"both sides migrating", OPEN_M1("[5->-m2]") M2 M3 R1, M1 OPEN_M2("[5->-m1]") M3 R1, SIX, 2, 0,
     2},
    {"both sides importing", OPEN_M1("[5-<-m2]") M2 M3 R1, M1 OPEN_M2("[5-<-m1]") M3 R1, SIX, 0, 2,
     2},
    {"replica repeats its master's", OPEN_M1("[5->-m2]") M2 M3 OPEN_R1("[5->-m2]"),
     M1 OPEN_M2("[5-<-m1]") M3 R1, M1 M2 M3 OPEN_R1("[5->-m2]"), 1, 1, 0},
    {"only the replica has it", SIX, SIX, M1 M2 M3 OPEN_R1("[5->-m2]"), 0, 0, 0},
    {"with a node that is a replica by now", OPEN_M1("[5->-r1]") M2 M3 R1, SIX, SIX, 1, 0, 1},
    {"with a replica that repeats another master's", OPEN_M1("[5->-r1]") M2 M3 R1, SIX,
     M1 M2 M3 OPEN_R1("[5-<-m1]"), 1, 0, 1},
    {"with a node that nobody knows", OPEN_M1("[5->-x9]") M2 M3 R1, SIX, SIX, 1, 0, 0},
};

static void open_slots_are_counted_on_the_lines_of_masters(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases_of_open); i++) {
        const struct case_of_open *one = &cases_of_open[i];
        struct scene *scene = scene_new();
        scene_add(scene, "m1", one->m1, NULL);
        scene_add(scene, "m2", one->m2, NULL);
        scene_add(scene, "r1", one->r1, NULL);
        scene_add(scene, "m3", SIX, NULL);
        const struct health *health = scene_judge(scene);
        print_message("# %s\n", one->what);
        assert_int_equal(health->slots_migrating, one->migrating);
        assert_int_equal(health->slots_importing, one->importing);
        assert_int_equal(health->slots_unpaired, one->unpaired);
        assert_int_equal(health->open_count, one->migrating + one->importing);
        assert_int_equal(health->slots_covered, SLOT_COUNT);
        scene_free(scene);
    }
}

static void open_slots_are_listed_with_their_node(void **state)
{
    struct scene *scene = scene_new();
    (void)state;
    scene_add(scene, "m1", OPEN_M1("[5->-m2] [6->-m3]") M2 M3, NULL);
    scene_add(scene, "m2", M1 OPEN_M2("[5-<-m1]") M3, NULL);
    scene_add(scene, "m3", SIX, NULL);
    const struct health *health = scene_judge(scene);
    assert_int_equal(health->open_count, 3);
    assert_int_equal(health->open[1].node, scene_index(scene, "m1"));
    assert_int_equal(health->open[1].slot.slot, 6);
    assert_string_equal(health->open[1].slot.peer, "m3");
    assert_false(health->open[0].unpaired);
    assert_true(health->open[1].unpaired);
    assert_int_equal(health->open[2].node, scene_index(scene, "m2"));
    assert_true(health->open[2].slot.importing);
    scene_free(scene);
}

// --- services without epochs, flags or links of their own ---

static void constants_of_a_service_raise_nothing(void **state)
{
    static const char *const services[] = {
        // Dragonfly: everything is 0.
        "m1 10.0.0.1:7000@7000 master - 0 0 0 connected 0-8191\n"
        "m2 10.0.0.2:7000@7000 master - 0 0 0 connected 8192-16383\n"
        "r1 10.0.0.4:7000@7000 slave m1 0 0 0 connected\n",
        // Kvrocks: all epochs are the version of the topology.
        "m1 10.0.0.1:7000@17000 master - 0 0 8 connected 0-8191\n"
        "m2 10.0.0.2:7000@17000 master - 0 0 8 connected 8192-16383\n"
        "r1 10.0.0.4:7000@17000 slave m1 0 0 8 connected\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(services); i++) {
        struct scene *scene = scene_new();
        scene_add_all(scene, "m1 m2 r1", services[i]);
        const struct health *health = scene_judge(scene);
        scene_check_slots(scene, "covered 16384 unassigned 0 failed 0 suspected 0 unreachable 0");
        assert_int_equal(health->slots_conflicting, 0);
        assert_null(health->conflicting);
        assert_int_equal(health->slot_maps, 1);
        assert_int_equal(health->nodes[ROLE_MASTER][HEALTH_OK], 2);
        assert_int_equal(health->nodes[ROLE_REPLICA][HEALTH_OK], 1);
        scene_free(scene);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_counted_by_who_serves_them),
        cmocka_unit_test(nodes_that_only_the_bus_has_lost_still_serve),
        cmocka_unit_test(slots_are_missing_though_all_masters_call_the_cluster_ok),
        cmocka_unit_test(cut_off_masters_claim_is_void_once_others_name_a_newer_owner),
        cmocka_unit_test(cut_off_masters_claim_is_void_when_its_successor_cannot_be_read),
        cmocka_unit_test(cut_off_master_with_the_newer_claim_conflicts),
        cmocka_unit_test(two_claimants_are_a_conflict_of_their_common_slots),
        cmocka_unit_test(slot_with_three_claimants_is_one_conflict),
        cmocka_unit_test(claims_of_one_epoch_have_the_same_winner_in_any_order),
        cmocka_unit_test(tie_of_votes_at_one_epoch_has_the_same_winner_in_any_order),
        cmocka_unit_test(view_that_repeats_itself_votes_once),
        cmocka_unit_test(view_that_repeats_a_verdict_votes_once),
        cmocka_unit_test(liar_cannot_give_the_slots_of_masters_that_can_be_read_away),
        cmocka_unit_test(no_master_can_be_read),
        cmocka_unit_test(open_slots_are_counted_on_the_lines_of_masters),
        cmocka_unit_test(open_slots_are_listed_with_their_node),
        cmocka_unit_test(constants_of_a_service_raise_nothing),
    };
    return cmocka_run_group_tests_name("judge_slots", tests, NULL, NULL);
}
