// What holds of any cluster, whatever its nodes say.
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "scene.h"

enum { WORLD_NODES = 8, BLOCKS = 8, BLOCK = SLOT_COUNT / BLOCKS, TEXT_SIZE = 4096 };

// What each node says: lines in an order of their own, and INFO.
struct world {
    size_t count;
    char *line[WORLD_NODES][WORLD_NODES + 1]; // NULL: not listed
    char info[WORLD_NODES][512];
    bool has_info[WORLD_NODES];
    bool has_view[WORLD_NODES];
};

// --- making one ---

static const char *any(uint64_t *seed, const char *const *words, size_t count)
{
    return words[random_below(seed, (uint32_t)count)];
}

#define ANY(words) any(seed, words, COUNT(words))

static void add_slots(struct buf *text, size_t subject, size_t count, const uint8_t *truth,
                      uint64_t *seed)
{
    for (size_t block = 0; block < BLOCKS; block++) {
        size_t owner =
            random_below(seed, 6) == 0 ? random_below(seed, (uint32_t)count + 1) : truth[block];
        if (owner == subject) {
            buf_format(text, " %zu-%zu", block * BLOCK, (block + 1) * BLOCK - 1);
        }
    }
}

static void add_open(struct buf *text, uint64_t *seed)
{
    static const char *const tokens[] = {
        "", "", "", " [1->-n1]", " [1-<-n0]", " [2->-n2] [1->-n0]", " [9-<-n3]", " [1->-gone]"};
    buf_text(text, ANY(tokens));
}

// How `reporter` sees `subject`. Epochs are often the same, and addresses often not.
static char *make_line(size_t reporter, size_t subject, size_t count, const uint8_t *truth,
                       uint64_t *seed)
{
    static const char *const hosts[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3", ""};
    static const char *const names[] = {"", ",name-1", ",name-2"};
    static const char *const flags[] = {"",       "",      "",        "",
                                        ",fail?", ",fail", ",noaddr", ",nofailover"};
    static const char *const links[] = {"connected", "connected", "disconnected"};
    struct buf text = BUF_EMPTY;
    bool odd = random_below(seed, 4) == 0;
    bool master = odd ? random_below(seed, 2) == 0 : subject % 2 == 0;
    buf_format(&text, "n%zu %s:%zu@17000%s %s%s%s ", subject, odd ? ANY(hosts) : hosts[subject % 3],
               7000 + subject, odd ? ANY(names) : "", reporter == subject ? "myself," : "",
               master ? "master" : "slave", ANY(flags));
    if (master) {
        buf_text(&text, "-");
    } else {
        buf_format(&text, "n%zu", odd ? random_below(seed, 2) : subject - subject % 2);
    }
    buf_format(&text, " 0 0 %zu %s", odd ? random_below(seed, 3) : subject / 2, ANY(links));
    add_slots(&text, subject, count, truth, seed);
    if (reporter == subject) {
        add_open(&text, seed);
    }
    buf_char(&text, '\n');
    return buf_take(&text);
}

static void make_info(struct world *world, size_t node, uint64_t *seed)
{
    static const char *const roles[] = {"master", "slave"};
    static const char *const links[] = {"up", "up", "down"};
    static const char *const histories[] = {"a", "a", "b"};
    size_t other = random_below(seed, (uint32_t)world->count);
    snprintf(world->info[node], sizeof(world->info[node]),
             "role:%s\r\nmaster_host:10.0.0.%zu\r\nmaster_port:%zu\r\nmaster_link_status:%s\r\n"
             "slave_repl_offset:%u\r\nmaster_replid:%s\r\nmaster_repl_offset:%u\r\n"
             "slave0:ip=10.0.0.%zu,port=%zu,state=online,offset=%u,lag=1\r\n",
             random_below(seed, 5) == 0 ? ANY(roles) : roles[node % 2], 1 + other % 3, 7000 + other,
             ANY(links), random_below(seed, 1000), ANY(histories), random_below(seed, 1000),
             1 + other % 3, 7000 + other, random_below(seed, 1000));
}

static void make_world(struct world *world, uint64_t *seed)
{
    uint8_t truth[BLOCKS];
    *world = (struct world){.count = 1 + random_below(seed, WORLD_NODES)};
    for (size_t block = 0; block < BLOCKS; block++) {
        truth[block] = (uint8_t)(2 * random_below(seed, (uint32_t)(world->count + 1) / 2));
    }
    for (size_t i = 0; i < world->count; i++) {
        world->has_view[i] = random_below(seed, 4) > 0;
        world->has_info[i] = random_below(seed, 4) > 0;
        make_info(world, i, seed);
        for (size_t j = 0; j < world->count; j++) {
            bool listed = i == j || random_below(seed, 10) > 0;
            world->line[i][j] = listed ? make_line(i, j, world->count, truth, seed) : NULL;
        }
    }
}

static void free_world(struct world *world)
{
    for (size_t i = 0; i < world->count; i++) {
        for (size_t j = 0; j < world->count; j++) {
            free(world->line[i][j]);
        }
    }
}

static void shuffle(size_t *order, size_t count, uint64_t *seed)
{
    for (size_t i = 0; i < count; i++) {
        order[i] = i;
    }
    for (size_t i = count; i > 1; i--) {
        size_t other = random_below(seed, (uint32_t)i);
        size_t kept = order[i - 1];
        order[i - 1] = order[other];
        order[other] = kept;
    }
}

static struct view *view_of(const struct world *world, size_t node, uint64_t *seed)
{
    size_t order[WORLD_NODES];
    struct buf text = BUF_EMPTY;
    shuffle(order, world->count, seed);
    for (size_t i = 0; i < world->count; i++) {
        const char *line = world->line[node][order[i]];
        buf_text(&text, line != NULL ? line : "");
    }
    size_t length = text.length;
    struct view *view = view_parse(buf_take(&text), length);
    assert_non_null(view);
    return view;
}

// The line as another node tells it, which may be the subject itself.
static char *retell(const char *line, bool of_itself)
{
    struct buf text = BUF_EMPTY;
    struct span before = span_of(line);
    struct span after;
    for (size_t field = 0; field < 2; field++) { // id and address
        struct span word;
        span_cut(&before, ' ', &word);
        buf_span(&text, word);
        buf_char(&text, ' ');
    }
    after = span_starts(before, SPAN("myself,")) ? span_skip(before, strlen("myself,")) : before;
    buf_text(&text, of_itself ? "myself," : "");
    buf_span(&text, after);
    return buf_take(&text);
}

// Some nodes say what another one says.
static void make_blocs(struct world *world, uint64_t *seed)
{
    for (size_t i = 1; i < world->count; i++) {
        size_t model = random_below(seed, (uint32_t)i);
        if (world->line[model][i] == NULL || random_below(seed, 4) == 0) {
            continue;
        }
        for (size_t j = 0; j < world->count; j++) {
            const char *line = world->line[model][j];
            free(world->line[i][j]);
            world->line[i][j] = line != NULL ? retell(line, i == j) : NULL;
        }
    }
}

// The world's nodes, and their lines, in an order that the seed tells. `apart`: no two views are
// known to say the same.
static struct scene *scene_of_views(const struct world *world, uint64_t seed, bool apart)
{
    size_t order[WORLD_NODES];
    struct scene *scene = scene_new();
    shuffle(order, world->count, &seed);
    for (size_t i = 0; i < world->count; i++) {
        size_t node = order[i];
        char id[32];
        snprintf(id, sizeof(id), "n%zu", node);
        scene_add(scene, id, NULL, world->has_info[node] ? world->info[node] : NULL);
        if (world->has_view[node]) {
            scene->view[i] = view_of(world, node, &seed);
            scene->view[i]->opinion = apart ? i : scene->view[i]->opinion;
            scene->input[i].view = scene->view[i];
            scene->input[i].reachable = true;
        }
        scene->input[i].loading = node == 3;
        scene_facts(scene, id)->keys = (int64_t)node;
        scene_facts(scene, id)->config[CONFIG_SAVE] = span_make(&"01234567"[node / 2], 1);
    }
    scene_judge(scene);
    return scene;
}

static struct scene *scene_of(const struct world *world, uint64_t seed)
{
    return scene_of_views(world, seed, false);
}

// --- telling one, without a word about order ---

static const char *name_of(const struct health *health, int node)
{
    return node != NO_NODE ? health->id[node] : "-";
}

// The least name in the group: its number depends on the order.
static const char *group_name(const struct health *health, size_t group)
{
    const char *least = "-";
    for (size_t i = 0; i < health->count; i++) {
        bool member = health->node[i].known && health->node[i].group == group;
        if (member && (least[0] == '-' || strcmp(health->id[i], least) < 0)) {
            least = health->id[i];
        }
    }
    return least;
}

static void tell_node(struct buf *out, const struct health *health, size_t index)
{
    const struct node_verdict *node = &health->node[index];
    buf_format(out, "\n%s: ", health->id[index]);
    if (!node->known) {
        buf_text(out, "not known");
        return;
    }
    buf_format(out, "%d %d %d%d of %s slots %zu at ", (int)node->role, (int)node->health,
               node->failed, node->suspected, name_of(health, node->master), node->slots);
    buf_span(out, node->host);
    buf_text(out, " line ");
    buf_span(out, node->line->node.host);
    buf_format(out, "/%zu seen %zu fail %zu pfail %zu of %zu group %s%s%s mismatch %d down %zu",
               (size_t)node->line->node.config_epoch, node->seen_by, node->fail_reporters,
               node->pfail_reporters, node->master_reporters, group_name(health, node->group),
               node->partially_known ? " partial" : "", node->isolated ? " isolated" : "",
               node->address_mismatch, node->links_down);
    buf_format(out, " replicas %zu %zu lag %lld %lld %lld ack %lld usage %g is %d %d %d",
               node->replicas, node->replicas_healthy, (long long)node->lag_bytes,
               (long long)node->receive_lag_bytes, (long long)node->apply_lag_bytes,
               (long long)node->ack_age_s, node->backlog_usage, node->eligible, node->wrong_master,
               node->wrong_history);
}

static void tell_slots(struct buf *out, const struct health *health)
{
    for (size_t slot = 0; slot < SLOT_COUNT; slot += BLOCK) {
        bool conflict = health->conflicting != NULL && health->conflicting[slot];
        buf_format(out, " %s%s", name_of(health, health->owner[slot]), conflict ? "!" : "");
    }
    buf_format(out, "\n%zu %zu %zu %zu %zu %zu open %zu %zu %zu", health->slots_covered,
               health->slots_unassigned, health->slots_owner_failed, health->slots_owner_suspected,
               health->slots_unreachable, health->slots_conflicting, health->slots_migrating,
               health->slots_importing, health->slots_unpaired);
}

static void tell_cluster(struct buf *out, const struct health *health)
{
    buf_format(out, "\nmaps %zu epochs %zu groups %zu partial %zu isolated %zu", health->slot_maps,
               health->epoch_collisions, health->groups, health->partially_known, health->isolated);
    buf_format(out, "\nvoting %zu margin %lld empty %zu bare %zu min %zu nodes %zu",
               health->voting_masters, (long long)health->quorum_margin, health->masters_empty,
               health->masters_without_replica, health->replicas_min,
               health->node_failures_survivable);
    buf_format(out, "\nhosts %zu critical %zu survivable %zu single %zu failover %d", health->hosts,
               health->hosts_critical, health->host_failures_survivable, health->shards_single_host,
               health->failover_in_progress);
    for (size_t i = 0; i < health->hosts; i++) {
        buf_char(out, ' ');
        buf_span(out, health->host[i].name);
        buf_format(out, "=%zu%s", health->host[i].masters, health->host[i].critical ? "!" : "");
    }
    buf_format(out, "\nkeys %lld skew %g save %d", (long long)health->keys, health->slot_skew,
               health->config_differs[CONFIG_SAVE]);
    for (int i = 0; i < (int)ROLE_COUNT * (int)HEALTH_COUNT; i++) {
        buf_format(out, " %zu", health->nodes[i / HEALTH_COUNT][i % HEALTH_COUNT]);
    }
}

static char *tell(const struct health *health)
{
    struct buf out = BUF_EMPTY;
    tell_slots(&out, health);
    tell_cluster(&out, health);
    for (size_t name = 0; name < WORLD_NODES; name++) {
        char id[32];
        snprintf(id, sizeof(id), "n%zu", name);
        for (size_t i = 0; i < health->count; i++) {
            if (strcmp(health->id[i], id) == 0) {
                tell_node(&out, health, i);
            }
        }
    }
    return buf_take(&out);
}

// Fails at the first line that differs.
static void check_told(const char *told, const char *expected)
{
    struct span left = span_of(told);
    struct span right = span_of(expected);
    struct span one;
    struct span two;
    while (span_cut(&left, '\n', &one) && span_cut(&right, '\n', &two)) {
        if (!span_equals(one, two)) {
            print_error("%.*s\n%.*s\n", (int)one.length, one.at, (int)two.length, two.at);
            fail();
        }
    }
    assert_string_equal(told, expected);
}

static void judgement_does_not_depend_on_any_order(void **state)
{
    (void)state;
    for (uint64_t run = 0; run < 200; run++) {
        uint64_t seed = run;
        struct world world;
        make_world(&world, &seed);
        struct scene *first = scene_of(&world, 0);
        char *expected = tell(first->health);
        for (uint64_t order = 1; order <= 3; order++) {
            struct scene *other = scene_of(&world, order);
            char *told = tell(other->health);
            check_told(told, expected);
            scene_free(other);
            free(told);
        }
        scene_free(first);
        free(expected);
        free_world(&world);
    }
}

static size_t count_opinions(const struct scene *scene, size_t count)
{
    size_t different = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_new = scene->view[i] != NULL;
        for (size_t j = 0; j < i; j++) {
            is_new = is_new &&
                     (scene->view[j] == NULL || scene->view[j]->opinion != scene->view[i]->opinion);
        }
        different += is_new;
    }
    return different;
}

static void views_count_the_same_together_and_one_by_one(void **state)
{
    size_t together = 0;
    (void)state;
    for (uint64_t run = 2000; run < 2400; run++) {
        uint64_t seed = run;
        struct world world;
        make_world(&world, &seed);
        make_blocs(&world, &seed);
        struct scene *blocs = scene_of_views(&world, 0, false);
        struct scene *apart = scene_of_views(&world, 0, true);
        char *told = tell(blocs->health);
        char *expected = tell(apart->health);
        check_told(told, expected);
        together += count_opinions(blocs, world.count) < count_opinions(apart, world.count);
        scene_free(blocs);
        scene_free(apart);
        free(told);
        free(expected);
        free_world(&world);
    }
    assert_true(together > 200);
}

static void slots_and_nodes_always_add_up(void **state)
{
    (void)state;
    for (uint64_t run = 1000; run < 1200; run++) {
        uint64_t seed = run;
        struct world world;
        make_world(&world, &seed);
        struct scene *scene = scene_of(&world, 0);
        const struct health *health = scene->health;
        size_t owned = 0;
        size_t known = 0;
        size_t counted = 0;
        for (size_t i = 0; i < health->count; i++) {
            owned += health->node[i].slots;
            known += health->node[i].known;
            assert_true(health->node[i].replicas_healthy <= health->node[i].replicas);
            assert_true(health->node[i].seen_by <= health->views);
        }
        for (int i = 0; i < (int)ROLE_COUNT * (int)HEALTH_COUNT; i++) {
            counted += health->nodes[i / HEALTH_COUNT][i % HEALTH_COUNT];
        }
        assert_int_equal(counted, known);
        assert_int_equal(owned + health->slots_unassigned, SLOT_COUNT);
        assert_int_equal(health->slots_covered + health->slots_unassigned +
                             health->slots_owner_failed + health->slots_owner_suspected,
                         SLOT_COUNT);
        assert_true(health->slots_unreachable <= health->slots_covered);
        assert_true(health->slots_conflicting <= owned);
        assert_true(health->node_failures_survivable <= health->replicas_min + 1);
        assert_true(health->hosts_critical <= health->hosts);
        scene_free(scene);
        free_world(&world);
    }
}

// --- one that lies ---

// Any text about the other nodes, told by r1: roles, failures, epochs, slots, however often.
static char *make_lie(uint64_t *seed)
{
    static const char *const subjects[] = {"m1", "m2", "m3", "r2", "r3", "x1"};
    static const char *const flags[] = {"", ",fail", ",fail?", ",noaddr", ",fail,noaddr"};
    struct buf text = BUF_EMPTY;
    buf_text(&text, R1);
    for (size_t i = random_below(seed, 20); i > 0; i--) {
        uint32_t first = random_below(seed, SLOT_COUNT);
        bool master = random_below(seed, 4) > 0;
        buf_format(&text, "%s 10.6.6.%u:666@1 %s%s %s 0 0 %u disconnected %u-16383\n",
                   ANY(subjects), random_below(seed, 3), master ? "master" : "slave", ANY(flags),
                   master ? "-" : "m1", random_below(seed, 100), first);
    }
    return buf_take(&text);
}

static void one_liar_among_many_moves_no_slot_that_its_owner_claims(void **state)
{
    (void)state;
    for (uint64_t run = 0; run < 200; run++) {
        uint64_t seed = run;
        char *lie = make_lie(&seed);
        struct scene *scene = scene_new();
        scene_add_all(scene, "m1 m2 m3 r2", SIX);
        scene_add(scene, "r1", lie, NULL);
        const struct health *health = scene_judge(scene);
        for (size_t slot = 0; slot < SLOT_COUNT; slot++) {
            assert_int_equal(health->owner[slot], slot < 5461 ? 0 : slot < 10922 ? 1 : 2);
        }
        assert_int_equal(health->slots_covered, SLOT_COUNT);
        assert_int_equal(health->slots_conflicting, 0);
        assert_int_equal(scene_node(scene, "m1")->health, HEALTH_OK);
        assert_int_equal(scene_node(scene, "m1")->address_mismatch, NO);
        assert_false(scene_node(scene, "r3")->failed);
        scene_free(scene);
        free(lie);
    }
}

// --- partitions ---

// Five masters, some of them on the other side: each side holds the other for failed once it is a
// majority, and for suspected before.
static void majority_of_a_partition_is_believed(void **state)
{
    (void)state;
    for (unsigned side = 0; side < 1u << 5; side++) {
        struct scene *scene = scene_new();
        size_t far = 0;
        for (unsigned rest = side; rest != 0; rest &= rest - 1) {
            far++;
        }
        for (size_t i = 0; i < 5; i++) {
            struct buf text = BUF_EMPTY;
            char id[32];
            snprintf(id, sizeof(id), "n%zu", i);
            bool is_far = side >> i & 1;
            bool majority = (is_far ? far : 5 - far) >= 3;
            for (size_t j = 0; j < 5; j++) {
                bool cut = (side >> j & 1) != is_far;
                buf_format(&text,
                           "n%zu 10.0.0.%zu:7000@17000 master%s - 0 0 %zu connected %zu-%zu\n", j,
                           j, cut ? (majority ? ",fail" : ",fail?") : "", j + 1, j * 3277,
                           j < 4 ? j * 3277 + 3276 : SLOT_COUNT - 1);
            }
            char *nodes = buf_take(&text);
            scene_add(scene, id, nodes, NULL);
            free(nodes);
        }
        scene_judge(scene);
        for (size_t i = 0; i < 5; i++) {
            bool minority = (side >> i & 1 ? far : 5 - far) < 3;
            assert_int_equal(scene->health->node[i].failed, minority);
        }
        assert_int_equal(scene->health->slots_unassigned, 0);
        assert_true(scene->health->quorum_margin == (int64_t)(far >= 3 ? far : 5 - far) - 3);
        scene_free(scene);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judgement_does_not_depend_on_any_order),
        cmocka_unit_test(views_count_the_same_together_and_one_by_one),
        cmocka_unit_test(slots_and_nodes_always_add_up),
        cmocka_unit_test(one_liar_among_many_moves_no_slot_that_its_owner_claims),
        cmocka_unit_test(majority_of_a_partition_is_believed),
    };
    return cmocka_run_group_tests_name("judge_properties", tests, NULL, NULL);
}
