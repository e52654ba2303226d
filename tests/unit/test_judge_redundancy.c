// What the cluster can lose. The numbers in brackets are those of the catalogue of failures in the
// design notes.
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "scene.h"

// --- a cluster by its parts ---

enum { MODEL_NODES = 20, OBSERVER_HOST = 9 };

enum condition { FINE, SUSPECTED, FAILED, NO_ADDRESS, LOADING, CONDITIONS };

struct model_node {
    size_t shard;
    bool is_master;
    int host; // the last number of its address
    enum condition condition;
    bool is_read;   // by the exporter
    bool is_linked; // of a replica, by its own word: to its master
    bool has_data;  // of a replica
};

struct model {
    size_t shards;
    size_t count;
    struct model_node node[MODEL_NODES];
};

static void add_model_node(struct model *model, size_t shard, bool is_master, int host)
{
    assert_true(model->count < MODEL_NODES);
    model->node[model->count++] = (struct model_node){.shard = shard,
                                                      .is_master = is_master,
                                                      .host = host,
                                                      .is_read = true,
                                                      .is_linked = true,
                                                      .has_data = true};
}

// `replicas` of each master, each node on a host of its own.
static struct model model_of(size_t shards, size_t replicas)
{
    struct model model = {.shards = shards};
    for (size_t i = 0; i < shards; i++) {
        add_model_node(&model, i, true, 10 + (int)model.count);
    }
    for (size_t i = 0; i < shards * replicas; i++) {
        add_model_node(&model, i % shards, false, 10 + (int)model.count);
    }
    return model;
}

static size_t master_of(const struct model *model, size_t shard)
{
    size_t i = 0;
    while (!model->node[i].is_master || model->node[i].shard != shard) {
        i++;
    }
    return i;
}

// Its line, the same to all.
static void add_model_line(struct buf *text, const struct model *model, size_t index)
{
    static const char *const flags[CONDITIONS] = {"", ",fail?", ",fail", ",noaddr", ""};
    const struct model_node *node = &model->node[index];
    buf_format(text, "n%zu ", index);
    if (node->condition == NO_ADDRESS) {
        buf_text(text, ":0@0");
    } else {
        buf_format(text, "10.0.0.%d:%zu@17000", node->host, 7000 + index);
    }
    buf_format(text, " %s%s ", node->is_master ? "master" : "slave", flags[node->condition]);
    if (node->is_master) {
        buf_format(text, "- 0 0 %zu connected %zu-%zu\n", index + 1,
                   node->shard * SLOT_COUNT / model->shards,
                   (node->shard + 1) * SLOT_COUNT / model->shards - 1);
    } else {
        buf_format(text, "n%zu 0 0 1 connected\n", master_of(model, node->shard));
    }
}

static void add_model_to(struct scene *scene, const struct model *model, const char *nodes)
{
    for (size_t i = 0; i < model->count; i++) {
        const struct model_node *node = &model->node[i];
        char id[32];
        char info[128];
        snprintf(id, sizeof(id), "n%zu", i);
        snprintf(info, sizeof(info), "role:%s\r\nmaster_link_status:%s\r\nslave_repl_offset:%d\r\n",
                 node->is_master ? "master" : "slave", node->is_linked ? "up" : "down",
                 node->has_data ? 900 : 1);
        bool answers = node->is_read || node->condition == LOADING;
        scene_add(scene, id, answers && node->condition != LOADING ? nodes : NULL,
                  answers ? info : NULL);
        scene->input[i].loading = node->condition == LOADING;
    }
}

// With a master without slots that can always be read, and sees all the same.
static struct scene *scene_of(const struct model *model)
{
    struct buf text = BUF_EMPTY;
    struct scene *scene = scene_new();
    for (size_t i = 0; i < model->count; i++) {
        add_model_line(&text, model, i);
    }
    buf_format(&text, "o 10.0.0.%d:6999@17000 master - 0 0 0 connected\n", OBSERVER_HOST);
    char *nodes = buf_take(&text);
    add_model_to(scene, model, nodes);
    scene_add(scene, "o", nodes, NULL);
    free(nodes);
    scene_judge(scene);
    return scene;
}

// --- the same, by trying everything ---

static bool is_down(const struct model_node *node)
{
    return node->condition == SUSPECTED || node->condition == FAILED ||
           node->condition == NO_ADDRESS;
}

// A node by which its shard lives. The link of a replica whose master is down is down as well: it
// counts unless it has no data to take over with.
static bool is_member(const struct model *model, size_t index)
{
    const struct model_node *node = &model->node[index];
    bool told = node->is_read || node->condition == LOADING;
    bool orphan = is_down(&model->node[master_of(model, node->shard)]);
    bool linked = node->is_linked || (orphan && node->has_data);
    if (node->is_master) {
        return !is_down(node);
    }
    return !is_down(node) && node->condition != LOADING && (!told || linked);
}

static bool survives(const struct model *model, unsigned lost)
{
    size_t masters = 0;
    for (size_t shard = 0; shard < model->shards; shard++) {
        size_t members = 0;
        for (size_t i = 0; i < model->count; i++) {
            const struct model_node *node = &model->node[i];
            if (node->shard == shard && !(lost & 1u << i) && is_member(model, i)) {
                members++;
                masters += node->is_master;
            }
        }
        if (members == 0 || model->node[master_of(model, shard)].condition == FAILED) {
            return false;
        }
    }
    return masters >= model->shards / 2 + 1;
}

static size_t count_bits(unsigned bits)
{
    size_t count = 0;
    for (; bits != 0; bits &= bits - 1) {
        count++;
    }
    return count;
}

// The number of hosts 10 and on that have nodes, as bits from bit 0.
static unsigned hosts_of(const struct model *model)
{
    unsigned hosts = 0;
    for (size_t i = 0; i < model->count; i++) {
        bool placed = model->node[i].condition != NO_ADDRESS;
        hosts |= placed ? 1u << (model->node[i].host - 10) : 0;
    }
    return hosts;
}

static unsigned nodes_on(const struct model *model, unsigned hosts)
{
    unsigned nodes = 0;
    for (size_t i = 0; i < model->count; i++) {
        nodes |= hosts & 1u << (model->node[i].host - 10) ? 1u << i : 0;
    }
    return nodes;
}

// The largest number of nodes, or of hosts, of which any may be lost.
static size_t brute_force(const struct model *model, bool by_host)
{
    unsigned all = by_host ? hosts_of(model) : (1u << model->count) - 1;
    size_t least = count_bits(all) + 1; // the smallest fatal set
    for (unsigned lost = 0; lost <= all; lost++) {
        bool possible = (lost & ~all) == 0;
        unsigned nodes = by_host ? nodes_on(model, lost) : lost;
        if (possible && count_bits(lost) < least && !survives(model, nodes)) {
            least = count_bits(lost);
        }
    }
    return least > 0 ? least - 1 : 0;
}

static size_t count_critical_hosts(const struct model *model)
{
    size_t critical = 0;
    for (unsigned host = 0; host < 31; host++) {
        bool there = hosts_of(model) & 1u << host;
        critical += there && !survives(model, nodes_on(model, 1u << host));
    }
    return critical;
}

// --- [35] the arithmetic of the quorum ---

static void quorum_follows_from_the_masters_that_vote(void **state)
{
    static const size_t quorums[] = {0, 1, 2, 2, 3, 3, 4};
    (void)state;
    for (size_t shards = 1; shards <= 6; shards++) {
        for (size_t down = 0; down <= shards; down++) {
            struct model model = model_of(shards, 1);
            for (size_t i = 0; i < down; i++) {
                model.node[i].condition = i % 2 ? FAILED : SUSPECTED;
                model.node[i].is_read = false;
            }
            struct scene *scene = scene_of(&model);
            const struct health *health = scene->health;
            assert_int_equal(health->voting_masters, shards);
            assert_int_equal(health->quorum, quorums[shards]);
            assert_true(health->quorum_margin ==
                        (int64_t)shards - (int64_t)down - (int64_t)quorums[shards]);
            assert_int_equal(health->masters_empty, 1); // [16] the observer
            assert_int_equal(health->node_failures_survivable, brute_force(&model, false));
            scene_free(scene);
        }
    }
}

static void without_slots_there_is_no_quorum(void **state)
{
    struct scene *scene = scene_new();
    (void)state;
    scene_add(scene, "m1", "m1 10.0.0.1:7000@17000 master - 0 0 1 connected\n", NULL);
    const struct health *health = scene_judge(scene);
    assert_int_equal(health->voting_masters, 0);
    assert_int_equal(health->quorum, 0);
    assert_true(health->quorum_margin == 0);
    assert_int_equal(health->node_failures_survivable, 0);
    assert_int_equal(health->host_failures_survivable, 0);
    assert_int_equal(health->hosts_critical, 0);
    assert_int_equal(health->replicas_min, 0);
    scene_free(scene);
}

// The exporter's own failure to reach a master is no vote lost.
static void unreachable_masters_still_vote(void **state)
{
    struct model model = model_of(3, 1);
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        model.node[i].is_read = false;
    }
    struct scene *scene = scene_of(&model);
    assert_true(scene->health->quorum_margin == 1);
    assert_int_equal(scene->health->node_failures_survivable, 1);
    scene_free(scene);
}

// --- [31] [32] replicas ---

struct case_of_replica {
    const char *what;
    struct model_node replica; // how the second shard's only replica differs
    size_t healthy;
};

static void replicas_that_are_healthy_are_counted(void **state)
{
    static const struct case_of_replica cases[] = {
        {"fine", {.is_read = true, .is_linked = true, .has_data = true}, 1},
        {"link down", {.is_read = true, .has_data = true}, 0},
        {"not read", {.is_linked = false}, 1}, // by the cluster's word
        {"failed", {.condition = FAILED, .is_linked = true}, 0},
        {"suspected", {.condition = SUSPECTED, .is_read = true, .is_linked = true}, 0},
        {"without address", {.condition = NO_ADDRESS, .is_linked = true}, 0},
        {"loading", {.condition = LOADING, .is_linked = true}, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct model model = model_of(3, 1);
        struct model_node *replica = &model.node[4];
        int host = replica->host;
        *replica = cases[i].replica;
        replica->shard = 1;
        replica->host = host;
        struct scene *scene = scene_of(&model);
        print_message("# %s\n", cases[i].what);
        assert_int_equal(scene->health->node[1].replicas, 1);
        assert_int_equal(scene->health->node[1].replicas_healthy, cases[i].healthy);
        assert_int_equal(scene->health->replicas_min, cases[i].healthy);
        assert_int_equal(scene->health->masters_without_replica, 1 - cases[i].healthy);
        assert_int_equal(scene->health->node_failures_survivable, cases[i].healthy);
        assert_int_equal(scene->health->node[0].replicas_healthy, 1);
        scene_free(scene);
    }
}

static void fewest_replicas_of_a_master_are_told(void **state)
{
    struct model model = model_of(3, 1);
    (void)state;
    add_model_node(&model, 0, false, 20);
    add_model_node(&model, 2, false, 21);
    struct scene *scene = scene_of(&model);
    assert_int_equal(scene->health->replicas_min, 1);
    scene_free(scene);
    add_model_node(&model, 1, false, 22);
    scene = scene_of(&model);
    assert_int_equal(scene->health->replicas_min, 2);
    assert_int_equal(scene->health->node_failures_survivable, 1); // the quorum of three
    scene_free(scene);
}

// --- [37] failover ---

struct case_of_failover {
    const char *what;
    enum condition master;
    bool linked; // its replica
    bool has_data;
    bool running;
};

// A replica's link to a master that has failed is down: it can take over all the same.
static void failover_runs_while_a_replica_could_take_a_failed_masters_slots(void **state)
{
    static const struct case_of_failover cases[] = {
        {"nothing failed", FINE, true, true, false},
        {"link down for another reason", FINE, false, true, false},
        {"suspected only", SUSPECTED, false, true, false},
        {"failed, link down", FAILED, false, true, true},
        {"failed, link not yet down", FAILED, true, true, true},
        {"failed, replica without data", FAILED, false, false, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct model model = model_of(3, 1);
        model.node[2].condition = cases[i].master;
        model.node[2].is_read = false;
        model.node[5].is_linked = cases[i].linked;
        model.node[5].has_data = cases[i].has_data;
        struct scene *scene = scene_of(&model);
        print_message("# %s\n", cases[i].what);
        assert_int_equal(scene->health->failover_in_progress, cases[i].running);
        scene_free(scene);
    }
}

static void failed_master_without_a_living_replica_runs_no_failover(void **state)
{
    struct model model = model_of(3, 1);
    (void)state;
    model.node[2].condition = FAILED;
    model.node[5].condition = FAILED;
    model.node[2].is_read = false;
    model.node[5].is_read = false;
    struct scene *scene = scene_of(&model);
    assert_false(scene->health->failover_in_progress);
    assert_int_equal(scene->health->slots_owner_failed, 5462);
    scene_free(scene);
}

static void node_that_says_that_it_hands_over_runs_a_failover(void **state)
{
    static const struct {
        const char *info;
        bool expected;
    } cases[] = {
        {"role:master\r\nmaster_failover_state:no-failover\r\n", false},
        {"role:master\r\nmaster_failover_state:waiting-for-sync\r\n", true},
        {"role:master\r\nmaster_failover_state:failover-in-progress\r\n", true},
        {"role:master\r\n", false}, // before 6.2
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct scene *scene = scene_new();
        scene_add(scene, "m1", SIX, cases[i].info);
        scene_add_all(scene, "m2 m3", SIX);
        assert_int_equal(scene_judge(scene)->failover_in_progress, cases[i].expected);
        scene_free(scene);
    }
}

// --- [33] [34] hosts ---

static void masters_of_one_host_are_counted(void **state)
{
    struct model model = model_of(3, 1);
    (void)state;
    model.node[1].host = 10; // beside the first master
    model.node[5].host = 12; // the third shard's replica beside its master
    struct scene *scene = scene_of(&model);
    const struct health *health = scene->health;
    assert_int_equal(health->hosts, 5); // 10 12 13 14, and the observer's
    assert_span(health->host[0].name, "10.0.0.10");
    assert_int_equal(health->host[0].masters, 2);
    assert_true(health->host[0].critical); // two of three votes
    assert_span(health->host[1].name, "10.0.0.12");
    assert_int_equal(health->host[1].masters, 1);
    assert_true(health->host[1].critical); // a whole shard
    assert_false(health->host[2].critical);
    assert_span(health->host[4].name, "10.0.0.9");
    assert_int_equal(health->host[4].masters, 0);
    assert_int_equal(health->hosts_critical, 2);
    assert_int_equal(health->shards_single_host, 1);
    assert_int_equal(health->host_failures_survivable, 0);
    assert_int_equal(health->node_failures_survivable, 1);
    scene_free(scene);
}

static void all_on_one_host_is_critical(void **state)
{
    struct model model = model_of(3, 2);
    (void)state;
    for (size_t i = 0; i < model.count; i++) {
        model.node[i].host = 10;
    }
    struct scene *scene = scene_of(&model);
    assert_int_equal(scene->health->hosts_critical, 1);
    assert_int_equal(scene->health->shards_single_host, 3);
    assert_int_equal(scene->health->host_failures_survivable, 0);
    scene_free(scene);
}

// A dead replica elsewhere does not spread the shard.
static void only_living_nodes_spread_a_shard(void **state)
{
    struct model model = model_of(3, 2);
    (void)state;
    model.node[3].host = 10;          // one replica of the first shard beside its master,
    model.node[6].condition = FAILED; // the other one is elsewhere, but dead
    model.node[6].is_read = false;
    struct scene *scene = scene_of(&model);
    assert_int_equal(scene->health->shards_single_host, 1);
    assert_int_equal(scene->health->hosts_critical, 1);
    scene_free(scene);
}

static void without_all_hosts_there_is_no_placement(void **state)
{
    static const char nodes[] = M1 M2 "m3 :7000@17000 master - 0 0 3 connected 10922-16383\n";
    struct scene *scene = scene_new();
    (void)state;
    scene_add_all(scene, "m1 m2 m3", nodes);
    assert_int_equal(scene_judge(scene)->hosts, 0);
    assert_int_equal(scene->health->hosts_critical, 0);
    assert_int_equal(scene->health->shards_single_host, 0);
    scene_input(scene, "m3")->host = "10.0.0.3"; // where it was asked tells it
    assert_int_equal(scene_judge(scene)->hosts, 3);
    assert_int_equal(scene->health->hosts_critical, 3);
    assert_int_equal(scene->health->shards_single_host, 0); // there are no replicas to spread
    scene_free(scene);
}

static void node_without_an_address_does_not_hide_the_placement(void **state)
{
    struct model model = model_of(3, 1);
    (void)state;
    model.node[5].condition = NO_ADDRESS;
    model.node[5].is_read = false;
    struct scene *scene = scene_of(&model);
    assert_int_equal(scene->health->hosts, 6);
    assert_int_equal(scene->health->host[0].masters, 1);
    assert_int_equal(scene->health->hosts_critical, 1); // that of its master
    scene_free(scene);
}

// --- zones ---

static void set_zones(struct scene *scene, const char *zones)
{
    static const char *const ids[] = {"m1", "m2", "m3", "r1", "r2", "r3"};
    static const char names[] = "abcdef";
    for (size_t i = 0; i < 6; i++) {
        if (zones[i] != '-') {
            scene_facts(scene, ids[i])->zone = span_make(&names[zones[i] - 'a'], 1);
        }
    }
}

static void shards_in_one_zone_are_counted(void **state)
{
    static const struct {
        const char *zones; // of m1 m2 m3 r1 r2 r3; '-' is not told
        size_t zone_count;
        size_t single;
    } cases[] = {
        {"abcbca", 3, 0}, {"abcabc", 3, 3}, {"aaaaaa", 1, 3}, {"abcbcc", 3, 1}, {"------", 0, 0},
        {"a--a--", 1, 1}, {"a--b--", 2, 0}, {"a-----", 1, 0}, {"---a--", 1, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct scene *scene = scene_of_six(SIX);
        set_zones(scene, cases[i].zones);
        scene_judge(scene);
        if (scene->health->shards_single_zone != cases[i].single) {
            print_error("zones %s\n", cases[i].zones);
        }
        assert_int_equal(scene->health->zones, cases[i].zone_count);
        assert_int_equal(scene->health->shards_single_zone, cases[i].single);
        scene_free(scene);
    }
}

// --- any cluster ---

// Half of the worlds are laid out with care, half of the others are healthy.
static struct model random_model(uint64_t *seed)
{
    struct model model = {.shards = 1 + random_below(seed, 5)};
    uint32_t hosts = 1 + random_below(seed, 6);
    bool careful = random_below(seed, 2) == 0;
    bool healthy = random_below(seed, 2) == 0;
    size_t count = model.shards * (1 + random_below(seed, 2)) + random_below(seed, 3);
    for (size_t i = 0; i < count; i++) {
        uint32_t host = careful ? (uint32_t)(i + i / model.shards) : random_below(seed, hosts);
        size_t shard = careful || i < model.shards ? i % model.shards
                                                   : random_below(seed, (uint32_t)model.shards);
        add_model_node(&model, shard, i < model.shards, 10 + (int)(host % hosts));
    }
    for (size_t i = 0; !healthy && i < model.count; i++) {
        struct model_node *node = &model.node[i];
        bool odd = random_below(seed, 5) == 0;
        node->condition = odd ? (enum condition)random_below(seed, CONDITIONS) : FINE;
        node->is_read = random_below(seed, 4) > 0;
        node->is_linked = random_below(seed, 6) > 0;
        node->has_data = random_below(seed, 6) > 0;
    }
    return model;
}

// Gives how many hosts may be lost.
static size_t check_against_brute_force(const struct model *model, uint64_t run)
{
    struct scene *scene = scene_of(model);
    size_t nodes = brute_force(model, false);
    size_t hosts = brute_force(model, true);
    size_t critical = survives(model, 0) ? count_critical_hosts(model) : 0;
    const struct health *health = scene->health;
    if (health->node_failures_survivable != nodes || health->host_failures_survivable != hosts) {
        print_error("run %llu: nodes %zu, really %zu; hosts %zu, really %zu\n",
                    (unsigned long long)run, health->node_failures_survivable, nodes,
                    health->host_failures_survivable, hosts);
    }
    assert_int_equal(health->node_failures_survivable, nodes);
    assert_int_equal(health->host_failures_survivable, hosts);
    assert_true(!survives(model, 0) || health->hosts_critical == critical);
    scene_free(scene);
    return hosts;
}

static void survivable_losses_are_those_of_trying_all(void **state)
{
    size_t survivable = 0;
    (void)state;
    for (uint64_t run = 0; run < 1000; run++) {
        uint64_t seed = run;
        struct model model = random_model(&seed);
        survivable += check_against_brute_force(&model, run) > 0;
    }
    assert_true(survivable > 20); // the worlds are not all alike
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quorum_follows_from_the_masters_that_vote),
        cmocka_unit_test(without_slots_there_is_no_quorum),
        cmocka_unit_test(unreachable_masters_still_vote),
        cmocka_unit_test(replicas_that_are_healthy_are_counted),
        cmocka_unit_test(fewest_replicas_of_a_master_are_told),
        cmocka_unit_test(failover_runs_while_a_replica_could_take_a_failed_masters_slots),
        cmocka_unit_test(failed_master_without_a_living_replica_runs_no_failover),
        cmocka_unit_test(node_that_says_that_it_hands_over_runs_a_failover),
        cmocka_unit_test(masters_of_one_host_are_counted),
        cmocka_unit_test(all_on_one_host_is_critical),
        cmocka_unit_test(only_living_nodes_spread_a_shard),
        cmocka_unit_test(without_all_hosts_there_is_no_placement),
        cmocka_unit_test(node_without_an_address_does_not_hide_the_placement),
        cmocka_unit_test(shards_in_one_zone_are_counted),
        cmocka_unit_test(survivable_losses_are_those_of_trying_all),
    };
    return cmocka_run_group_tests_name("judge_redundancy", tests, NULL, NULL);
}
