// Whether the views agree: on slots, epochs, members, addresses. The numbers in brackets are those
// of the catalogue of failures in the design notes.
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "scene.h"

// --- [9] slot maps ---

static void views_that_give_slots_to_others_are_counted(void **state)
{
    static const char late[] = M1 M2 "m3 10.0.0.3:7000@17000 master - 0 0 3 connected 10922-16382\n"
                                     "r3 10.0.0.6:7000@17000 slave m3 0 0 3 connected\n";
    static const char later[] =
        M1 M2 M3 "r1 10.0.0.4:7000@17000 slave m2 0 0 3 connected\n"; // who follows whom is no slot
    static const char third[] = M1 M2;
    struct scene *scene = scene_new();
    (void)state;
    scene_add(scene, "m1", SIX, NULL);
    assert_int_equal(scene_judge(scene)->slot_maps, 1);
    scene_add(scene, "m2", later, NULL);
    assert_int_equal(scene_judge(scene)->slot_maps, 1);
    scene_add(scene, "m3", late, NULL);
    scene_add(scene, "r3", late, NULL);
    assert_int_equal(scene_judge(scene)->slot_maps, 2);
    scene_add_all(scene, "r1 r2", NULL);
    assert_int_equal(scene_judge(scene)->slot_maps, 2);
    scene_free(scene);
    scene = scene_new();
    scene_add(scene, "m1", third, NULL);
    scene_add(scene, "m2", late, NULL);
    scene_add(scene, "m3", SIX, NULL);
    assert_int_equal(scene_judge(scene)->slot_maps, 3);
    assert_int_equal(scene->health->views, 3);
    scene_free(scene);
}

static void without_views_there_is_no_slot_map(void **state)
{
    struct scene *scene = scene_of_six(NULL);
    (void)state;
    assert_int_equal(scene_judge(scene)->slot_maps, 0);
    assert_int_equal(scene->health->groups, 0);
    scene_free(scene);
}

// --- [13] epochs ---

// A digit is a master of that epoch, a letter a replica that shows its master's ('a' is 1), and '-'
// a node that cannot be read.
static size_t collisions_of(const char *nodes)
{
    struct scene *scene = scene_new();
    for (size_t i = 0; nodes[i] != '\0'; i++) {
        bool replica = nodes[i] >= 'a';
        char id[32];
        char line[128];
        snprintf(id, sizeof(id), "m%zu", i + 1);
        snprintf(line, sizeof(line), "%s 10.0.0.1:7000@17000 %s 0 0 %d connected\n", id,
                 replica ? "slave m1" : "master -", nodes[i] - (replica ? 'a' - 1 : '0'));
        scene_add(scene, id, nodes[i] != '-' ? line : NULL, NULL);
    }
    size_t found = scene_judge(scene)->epoch_collisions;
    scene_free(scene);
    return found;
}

static void masters_that_share_an_epoch_are_counted(void **state)
{
    static const struct {
        const char *nodes;
        size_t expected;
    } cases[] = {
        {"123", 0},    {"122", 2},  {"1223", 2}, {"1122", 4}, {"1222", 3},
        {"123abc", 0}, {"122b", 2}, {"12-2", 2}, {"12-3", 0}, {"0001", 0}, // 0 is none
        {"0012", 0},   {"0122", 2}, {"000", 0},                            // Dragonfly
        {"888", 0},    {"8888", 0},                                        // Kvrocks
        {"8889", 3},   {"22", 2},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t found = collisions_of(cases[i].nodes);
        if (found != cases[i].expected) {
            print_error("epochs %s: %zu\n", cases[i].nodes, found);
        }
        assert_int_equal(found, cases[i].expected);
    }
}

// --- who belongs to the cluster ---

#define X1    "x1 10.1.0.1:7000@17000 master - 0 0 1 connected 0-8191\n"
#define X2    "x2 10.1.0.2:7000@17000 master - 0 0 2 connected 8192-16383\n"
#define N1    "n1 10.0.0.9:7000@17000 master - 0 0 0 connected\n"
#define HANDS "h1 10.0.0.8:7000@17000 handshake - 0 0 0 disconnected\n"

static void two_clusters_are_two_groups(void **state)
{
    struct scene *scene = scene_of_six(SIX);
    (void)state;
    scene_add_all(scene, "x1 x2", X1 X2);
    const struct health *health = scene_judge(scene);
    assert_int_equal(health->groups, 2); // [26]
    assert_int_equal(health->isolated, 0);
    assert_int_equal(health->partially_known, 0);
    assert_int_equal(scene_node(scene, "r3")->group, scene_node(scene, "m1")->group);
    assert_int_equal(scene_node(scene, "x2")->group, scene_node(scene, "x1")->group);
    assert_int_not_equal(scene_node(scene, "x1")->group, scene_node(scene, "m1")->group);
    scene_free(scene);
}

// Each has the number of the same node, however many stand between them.
static void nodes_that_know_each_other_by_others_are_one_group(void **state)
{
    static const char *const ids[] = {"m1", "m2", "m3", "r1"};
    static const char *const views[] = {M1, M2, M3 R1, M2 M1 R1};
    struct scene *scene = scene_new();
    (void)state;
    for (size_t i = 0; i < COUNT(ids); i++) {
        scene_add(scene, ids[i], views[i], NULL);
    }
    assert_int_equal(scene_judge(scene)->groups, 1);
    for (size_t i = 0; i < COUNT(ids); i++) {
        assert_int_equal(scene->health->node[i].group, scene->health->node[0].group);
    }
    scene_free(scene);
}

static void clusters_that_are_about_to_meet_are_still_two(void **state)
{
    struct scene *scene = scene_new();
    (void)state;
    scene_add_all(scene, "m1 m2", M1 M2 HANDS HANDS);
    scene_add(scene, "x1", X1 HANDS, NULL);
    const struct health *health = scene_judge(scene);
    assert_int_equal(health->groups, 2);
    assert_int_equal(health->handshakes, 2); // [24] the most in one view
    assert_int_equal(health->count, 3);
    scene_free(scene);
}

static void node_that_nobody_knows_any_more_is_isolated(void **state)
{
    struct scene *scene = scene_of_six(SIX);
    (void)state;
    scene_add(scene, "n1", SIX N1, NULL); // [22] forgotten, but it remembers
    const struct health *health = scene_judge(scene);
    assert_int_equal(health->isolated, 1);
    assert_true(scene_node(scene, "n1")->isolated);
    assert_false(scene_node(scene, "n1")->partially_known);
    assert_int_equal(scene_node(scene, "n1")->seen_by, 1);
    assert_int_equal(scene_node(scene, "m1")->seen_by, 7);
    assert_int_equal(health->partially_known, 0);
    assert_int_equal(health->groups, 1);
    scene_free(scene);
}

static void node_that_knows_nobody_is_isolated(void **state)
{
    struct scene *scene = scene_of_six(SIX N1);
    (void)state;
    scene_add(scene, "n1", N1 HANDS, NULL); // it was reset, and the others still list it
    const struct health *health = scene_judge(scene);
    assert_true(scene_node(scene, "n1")->isolated);
    assert_int_equal(health->isolated, 1);
    assert_int_equal(scene_node(scene, "n1")->seen_by, 7);
    scene_free(scene);
}

// What a node without any peer does not list says nothing about the others.
static void isolated_node_makes_no_other_partially_known(void **state)
{
    struct scene *scene = scene_of_six(SIX N1);
    (void)state;
    scene_add(scene, "n1", N1, NULL);
    assert_int_equal(scene_judge(scene)->partially_known, 0);
    scene_free(scene);
}

static void lone_node_is_not_isolated(void **state)
{
    struct scene *scene = scene_new();
    (void)state;
    scene_add(scene, "m1", M1, NULL);
    assert_int_equal(scene_judge(scene)->isolated, 0);
    assert_int_equal(scene->health->groups, 1);
    scene_add(scene, "m2", NULL, NULL); // and nobody who cannot be read makes it so
    assert_int_equal(scene_judge(scene)->isolated, 0);
    assert_int_equal(scene->health->groups, 1);
    scene_free(scene);
}

static void node_that_some_do_not_list_is_partially_known(void **state)
{
    struct scene *scene = scene_new();
    (void)state;
    scene_add_all(scene, "m1 m2 m3 r1", SIX N1);
    scene_add_all(scene, "r2 r3", SIX);
    scene_add(scene, "n1", SIX N1, NULL);
    const struct health *health = scene_judge(scene);
    assert_int_equal(health->partially_known, 1); // [21]
    assert_true(scene_node(scene, "n1")->partially_known);
    assert_int_equal(scene_node(scene, "n1")->seen_by, 5);
    assert_int_equal(scene_node(scene, "m1")->seen_by, 7);
    scene_free(scene);
}

static void node_that_cannot_be_read_is_partially_known_too(void **state)
{
    struct scene *scene = scene_new();
    (void)state;
    scene_add_all(scene, "m1 m2", SIX);
    scene_add(scene, "m3", M1 M2 M3 R2 R3, NULL);
    const struct health *health = scene_judge(scene);
    assert_int_equal(health->partially_known, 1);
    assert_true(scene_node(scene, "r1")->partially_known);
    assert_int_equal(scene_node(scene, "r1")->seen_by, 2);
    assert_int_equal(scene_node(scene, "r3")->seen_by, 3);
    scene_free(scene);
}

// --- flags ---

// [18] [19] [20] how many masters of those that could say so.
static void masters_that_report_a_failure_are_counted(void **state)
{
    static const char pfail[] = M1 M2 "m3 10.0.0.3:7000@17000 master,fail? - 0 0 3 connected\n" R1;
    static const char failed[] = M1 M2 "m3 10.0.0.3:7000@17000 master,fail - 0 0 3 connected\n" R1;
    struct scene *scene = scene_new();
    (void)state;
    scene_add(scene, "m1", pfail, NULL);
    scene_add(scene, "m2", failed, NULL);
    scene_add(scene, "r1", failed, NULL); // no master
    scene_add(scene, "m3", failed, NULL); // itself
    scene_judge(scene);
    const struct node_verdict *verdict = scene_node(scene, "m3");
    assert_int_equal(verdict->pfail_reporters, 1);
    assert_int_equal(verdict->fail_reporters, 1);
    assert_int_equal(verdict->master_reporters, 2);
    assert_true(verdict->suspected);
    assert_int_equal(scene_node(scene, "m1")->pfail_reporters, 0);
    assert_int_equal(scene_node(scene, "m1")->master_reporters, 2);
    assert_int_equal(scene_node(scene, "r1")->master_reporters, 3);
    scene_free(scene);
}

static void one_of_four_masters_suspects_nobody_for_all(void **state)
{
    static const char four[] = M1 M2 M3 X1;
    static const char gray[] = M1 M2 "m3 10.0.0.3:7000@17000 master,fail? - 0 0 3 connected\n" X1;
    (void)state;
    for (size_t reporters = 0; reporters <= 3; reporters++) {
        static const char *const ids[] = {"m1", "m2", "x1"};
        struct scene *scene = scene_new();
        for (size_t i = 0; i < 3; i++) {
            scene_add(scene, ids[i], i < reporters ? gray : four, NULL);
        }
        scene_add(scene, "m3", four, NULL);
        scene_judge(scene);
        assert_int_equal(scene_node(scene, "m3")->pfail_reporters, reporters);
        assert_int_equal(scene_node(scene, "m3")->suspected, reporters >= 2);
        scene_free(scene);
    }
}

// --- [27] links ---

static void links_that_are_down_are_counted_without_those_to_failed_peers(void **state)
{
    static const char nodes[] = "m1 10.0.0.1:7000@17000 master - 0 0 1 disconnected 0-5460\n"
                                "m2 10.0.0.2:7000@17000 master - 0 0 2 disconnected\n"
                                "m3 10.0.0.3:7000@17000 master,fail - 0 0 3 disconnected\n"
                                "r1 10.0.0.4:7000@17000 slave,fail? m1 0 0 1 disconnected\n"
                                "r2 :0@0 slave,noaddr m1 0 0 1 disconnected\n"
                                "r3 10.0.0.6:7000@17000 slave m1 0 0 1 connected\n" HANDS;
    struct scene *scene = scene_new();
    (void)state;
    scene_add(scene, "m1", nodes, NULL);
    scene_add(scene, "r3", SIX, NULL);
    scene_judge(scene);
    assert_int_equal(scene_node(scene, "m1")->links_down, 1); // to m2; r1 is suspected
    assert_int_equal(scene_node(scene, "r3")->links_down, 0);
    assert_int_equal(scene_node(scene, "m2")->links_down, 0); // not read
    scene_free(scene);
}

// --- addresses ---

struct case_of_address {
    const char *own;
    const char *held; // by m1, m2 and m3, apart by blanks
    enum tristate expected;
};

static void address_that_a_node_tells_is_compared_with_its_peers(void **state)
{
    static const struct case_of_address cases[] = {
        {"10.0.0.4:7000", "10.0.0.4:7000 10.0.0.4:7000 10.0.0.4:7000", NO},
        {"10.9.9.9:7000", "10.0.0.4:7000 10.0.0.4:7000 10.0.0.4:7000", YES}, // an old pod address
        {"10.0.0.4:7001", "10.0.0.4:7000 10.0.0.4:7000 10.0.0.4:7000", YES},
        {"10.0.0.4:7000", "10.0.0.4:7000 10.0.0.4:7000 10.9.9.9:7000", NO}, // one is late
        {"10.0.0.4:7000", "10.9.9.9:7000 10.9.9.9:7000 10.0.0.4:7000", YES},
        {":7000", "10.0.0.4:7000 10.0.0.4:7000 10.0.0.4:7000", UNKNOWN}, // it never met anybody
        {"10.0.0.4:7000", ":7000 :7000 :7000", UNKNOWN},
        {"10.0.0.4:7000", ":7000 10.0.0.4:7000 :7000", NO},
        {"2001:db8::4:7000", "2001:db8::4:7000 2001:db8::4:7000 2001:db8::4:7000", NO},
        {"2001:db8::4:7000", "2001:db8::5:7000 2001:db8::5:7000 2001:db8::5:7000", YES},
        {"r1.example:7000", "r1.example:7000 r1.example:7000 r1.example:7000", NO},
        {"r1.example:7000", "10.0.0.4:7000 10.0.0.4:7000 10.0.0.4:7000", YES},
        // Where no majority of the peers agrees, nobody can say.
        {"10.0.0.4:7000", "10.0.0.4:7000 10.0.0.5:7000 10.0.0.6:7000", UNKNOWN},
        {"10.0.0.4:7000", "10.0.0.5:7000 10.0.0.6:7000 10.0.0.4:7000", UNKNOWN},
        {"10.0.0.4:7000", "10.0.0.5:7000 10.0.0.4:7000 10.0.0.6:7000", UNKNOWN},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span rest = span_of(cases[i].held);
        struct scene *scene = scene_new();
        char nodes[512];
        for (int master = 1; master <= 3; master++) {
            char id[8];
            struct span held;
            assert_true(span_cut(&rest, ' ', &held));
            snprintf(id, sizeof(id), "m%d", master);
            snprintf(nodes, sizeof(nodes), SIX "r9 %.*s@17000 slave m1 0 0 1 connected\n",
                     (int)held.length, held.at);
            scene_add(scene, id, nodes, NULL);
        }
        snprintf(nodes, sizeof(nodes), SIX "r9 %s@17000 slave m1 0 0 1 connected\n", cases[i].own);
        scene_add(scene, "r9", nodes, NULL);
        scene_judge(scene);
        enum tristate found = scene_node(scene, "r9")->address_mismatch;
        scene_free(scene);
        if (found != cases[i].expected) {
            print_error("%s among %s: %d\n", cases[i].own, cases[i].held, found);
        }
        assert_int_equal(found, cases[i].expected);
    }
}

static void address_of_a_node_that_cannot_be_read_is_not_compared(void **state)
{
    struct scene *scene = scene_new();
    (void)state;
    scene_add_all(scene, "m1 m2", SIX);
    scene_judge(scene);
    assert_int_equal(scene_node(scene, "m3")->address_mismatch, UNKNOWN);
    assert_int_equal(scene_node(scene, "m1")->address_mismatch, NO);
    scene_free(scene);
}

static void address_without_noaddr_is_compared(void **state)
{
    struct scene *scene = scene_new();
    (void)state;
    scene_add_all(scene, "m2 m3",
                  "m1 10.9.9.9:7000@17000 master,noaddr - 0 0 1 disconnected 0-5460\n" M2 M3);
    scene_add(scene, "m1", SIX, NULL);
    scene_judge(scene);
    assert_int_equal(scene_node(scene, "m1")->address_mismatch, UNKNOWN);
    scene_free(scene);
}

// Two views, each with its own address of a node that cannot be read: the same one is taken in any
// order.
static void place_of_a_node_that_cannot_be_read_is_the_same_in_any_order(void **state)
{
    struct scene *scene = scene_new();
    char host[64];
    (void)state;
    scene_add(scene, "m1", SIX "r9 10.0.0.8:7000@17000 slave m1 0 0 1 connected\n", NULL);
    scene_add(scene, "m2", SIX "r9 10.0.0.7:7000@17000 slave m1 0 0 1 connected\n", NULL);
    scene_judge(scene);
    assert_true(span_copy(scene_node(scene, "r9")->host, host, sizeof(host)));
    scene_reverse(scene);
    scene_judge(scene);
    assert_span(scene_node(scene, "r9")->host, host);
    assert_span(scene_node(scene, "r9")->line->node.host, host);
    scene_free(scene);
}

// --- [1] states ---

static struct cluster_info info_of(const char *text)
{
    return cluster_info_parse(span_of(text));
}

static void masters_that_call_the_cluster_failed_are_counted(void **state)
{
    struct scene *scene = scene_of_six(SIX);
    (void)state;
    scene_judge(scene);
    assert_int_equal(scene->health->states, 0); // nobody was asked
    scene_input(scene, "m1")->info = info_of("cluster_state:fail\r\n");
    scene_input(scene, "m2")->info = info_of("cluster_state:ok\r\n");
    scene_input(scene, "r1")->info = info_of("cluster_state:fail\r\n"); // no master
    scene_judge(scene);
    assert_int_equal(scene->health->states, 2);
    assert_int_equal(scene->health->states_fail, 1);
    scene_free(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_that_give_slots_to_others_are_counted),
        cmocka_unit_test(without_views_there_is_no_slot_map),
        cmocka_unit_test(masters_that_share_an_epoch_are_counted),
        cmocka_unit_test(two_clusters_are_two_groups),
        cmocka_unit_test(nodes_that_know_each_other_by_others_are_one_group),
        cmocka_unit_test(clusters_that_are_about_to_meet_are_still_two),
        cmocka_unit_test(node_that_nobody_knows_any_more_is_isolated),
        cmocka_unit_test(node_that_knows_nobody_is_isolated),
        cmocka_unit_test(isolated_node_makes_no_other_partially_known),
        cmocka_unit_test(lone_node_is_not_isolated),
        cmocka_unit_test(node_that_some_do_not_list_is_partially_known),
        cmocka_unit_test(node_that_cannot_be_read_is_partially_known_too),
        cmocka_unit_test(masters_that_report_a_failure_are_counted),
        cmocka_unit_test(one_of_four_masters_suspects_nobody_for_all),
        cmocka_unit_test(links_that_are_down_are_counted_without_those_to_failed_peers),
        cmocka_unit_test(address_that_a_node_tells_is_compared_with_its_peers),
        cmocka_unit_test(address_of_a_node_that_cannot_be_read_is_not_compared),
        cmocka_unit_test(address_without_noaddr_is_compared),
        cmocka_unit_test(place_of_a_node_that_cannot_be_read_is_the_same_in_any_order),
        cmocka_unit_test(masters_that_call_the_cluster_failed_are_counted),
    };
    return cmocka_run_group_tests_name("judge_agreement", tests, NULL, NULL);
}
