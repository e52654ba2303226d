// What nodes have in common, and what they have together. The numbers in brackets are those of the
// catalogue of failures in the design notes.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "scene.h"

static const char *const ids[] = {"m1", "m2", "m3", "r1", "r2", "r3"};

static struct span word(struct span *words)
{
    struct span found;
    assert_true(span_cut(words, ' ', &found));
    return found;
}

// --- [59] versions ---

static void versions_are_counted_once_each(void **state)
{
    static const struct {
        const char *versions; // of m1 m2 m3 r1 r2 r3; '-' for facts without one, '?' for none
        size_t expected;
    } cases[] = {
        {"7.2.6 7.2.6 7.2.6 7.2.6 7.2.6 7.2.6", 1},
        {"7.2.6 7.2.5 7.2.6 7.2.5 7.2.6 7.2.5", 2},
        {"7.2.6 8.0.1 9.1.2 7.2.6 8.0.1 9.1.2", 3},
        {"7.2.6 ? ? ? ? ?", 1},
        {"- 7.2.6 - ? ? ?", 1},
        {"? ? ? ? ? ?", 0},
        {"- - - - - -", 0},
        {"7.2 7.2.6 ? ? ? ?", 2},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span rest = span_of(cases[i].versions);
        struct scene *scene = scene_of_six(SIX);
        for (size_t j = 0; j < 6; j++) {
            struct span version = word(&rest);
            if (!span_is(version, "?")) {
                scene_facts(scene, ids[j])->version =
                    span_is(version, "-") ? span_make(NULL, 0) : version;
            }
        }
        assert_int_equal(scene_judge(scene)->versions, cases[i].expected);
        scene_free(scene);
    }
}

// --- [50] [60] settings ---

static void set(struct scene *scene, const char *id, enum config_parameter parameter,
                const char *value)
{
    scene_facts(scene, id)->config[parameter] = span_of(value);
}

static void settings_that_differ_are_told_each(void **state)
{
    (void)state;
    for (int parameter = 0; parameter < CONFIG_COMPARED; parameter++) {
        struct scene *scene = scene_of_six(SIX);
        for (size_t i = 0; i < 6; i++) {
            set(scene, ids[i], (enum config_parameter)parameter, i == 5 ? "1" : "0");
        }
        scene_judge(scene);
        for (int other = 0; other < CONFIG_COMPARED; other++) {
            assert_int_equal(scene->health->config_differs[other], other == parameter);
        }
        scene_free(scene);
    }
}

static void setting_that_is_not_told_differs_from_nothing(void **state)
{
    struct scene *scene = scene_of_six(SIX);
    (void)state;
    scene_facts(scene, "m1");
    set(scene, "m2", CONFIG_SAVE, "3600 1");
    scene_facts(scene, "m3");
    set(scene, "r3", CONFIG_SAVE, "3600 1");
    assert_false(scene_judge(scene)->config_differs[CONFIG_SAVE]);
    // The empty value is one: no dumps at all.
    set(scene, "r1", CONFIG_SAVE, "");
    assert_true(scene_judge(scene)->config_differs[CONFIG_SAVE]);
    scene_free(scene);
}

static void nodes_that_tell_their_settings_are_counted(void **state)
{
    struct scene *scene = scene_of_six(SIX);
    (void)state;
    assert_int_equal(scene_judge(scene)->config_readable, 0);
    set(scene, "m1", CONFIG_NODE_TIMEOUT, "15000");
    set(scene, "r1", CONFIG_NODE_TIMEOUT, "15000");
    scene_facts(scene, "r2");
    assert_int_equal(scene_judge(scene)->config_readable, 2);
    scene_free(scene);
}

// --- data files ---

struct files {
    const char *host; // behind "10.0.0."
    const char *dir;
    const char *dump;
    const char *appendonly;
    const char *log;
    const char *log_dir; // NULL: before 7.0
};

static void set_files(struct scene *scene, const char *id, const struct files *files)
{
    const char *const values[] = {files->dir, files->dump, files->appendonly, files->log,
                                  files->log_dir};
    static const enum config_parameter parameters[] = {CONFIG_DIR, CONFIG_DBFILENAME,
                                                       CONFIG_APPENDONLY, CONFIG_APPENDFILENAME,
                                                       CONFIG_APPENDDIRNAME};
    for (size_t i = 0; i < COUNT(values); i++) {
        if (values[i] != NULL) {
            set(scene, id, parameters[i], values[i]);
        }
    }
}

static size_t count_sharing(const struct files *a, const struct files *b)
{
    char nodes[256];
    struct scene *scene = scene_new();
    snprintf(nodes, sizeof(nodes),
             "m1 10.0.0.%s:7000@17000 master - 0 0 1 connected 0-8191\n"
             "m2 10.0.0.%s:7001@17001 master - 0 0 2 connected 8192-16383\n",
             a->host, b->host);
    scene_add_all(scene, "m1 m2", nodes);
    set_files(scene, "m1", a);
    set_files(scene, "m2", b);
    size_t sharing = scene_judge(scene)->shared_data;
    scene_free(scene);
    return sharing;
}

static void nodes_that_write_the_same_files_are_found(void **state)
{
    static const struct files base = {"1", "/data", "dump.rdb", "no", "appendonly.aof", "aof"};
    static const struct {
        const char *what;
        struct files other;
        bool append; // both
        size_t expected;
    } cases[] = {
        {"the same dump", {"1", "/data", "dump.rdb", "no", "a.aof", "aof"}, false, 2},
        {"another host", {"2", "/data", "dump.rdb", "no", "a.aof", "aof"}, false, 0},
        {"another directory", {"1", "/data2", "dump.rdb", "no", "a.aof", "aof"}, false, 0},
        {"another dump", {"1", "/data", "d2.rdb", "no", "appendonly.aof", "aof"}, false, 0},
        {"the same log, off", {"1", "/data", "d2.rdb", "no", "appendonly.aof", "aof"}, false, 0},
        {"the same log, one off", {"1", "/data", "d2.rdb", "no", "appendonly.aof", "aof"}, true, 0},
        {"the same log", {"1", "/data", "d2.rdb", "yes", "appendonly.aof", "aof"}, true, 2},
        {"another log", {"1", "/data", "d2.rdb", "yes", "a2.aof", "aof"}, true, 0},
        {"another log directory", {"1", "/data", "d2.rdb", "yes", "appendonly.aof", "b"}, true, 0},
        {"one is before 7.0", {"1", "/data", "d2.rdb", "yes", "appendonly.aof", NULL}, true, 0},
        {"directory not told", {"1", NULL, "dump.rdb", "no", "a.aof", "aof"}, false, 0},
        {"dump not told", {"1", "/data", NULL, NULL, NULL, NULL}, false, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct files first = base;
        first.appendonly = cases[i].append ? "yes" : "no";
        size_t found = count_sharing(&first, &cases[i].other);
        if (found != cases[i].expected) {
            print_error("%s: %zu\n", cases[i].what, found);
        }
        assert_int_equal(found, cases[i].expected);
    }
    struct files old = {"1", "/data", "a.rdb", "yes", "appendonly.aof", NULL};
    struct files too = {"1", "/data", "b.rdb", "yes", "appendonly.aof", NULL};
    assert_int_equal(count_sharing(&old, &too), 2); // both before 7.0
    struct files empty = {"1", "", "", "no", "", ""};
    assert_int_equal(count_sharing(&empty, &empty), 0);
}

// A node whose place nobody knows shares nothing.
static void nodes_without_a_host_share_nothing(void **state)
{
    static const char nodes[] = "m1 :7000@17000 master - 0 0 1 connected 0-8191\n"
                                "m2 :7001@17001 master - 0 0 2 connected 8192-16383\n";
    struct scene *scene = scene_new();
    (void)state;
    scene_add_all(scene, "m1 m2", nodes);
    for (size_t i = 0; i < 2; i++) {
        set(scene, ids[i], CONFIG_DIR, "/data");
        set(scene, ids[i], CONFIG_DBFILENAME, "dump.rdb");
    }
    assert_int_equal(scene_judge(scene)->shared_data, 0);
    scene_input(scene, "m1")->host = "node-1";
    scene_input(scene, "m2")->host = "node-1";
    assert_int_equal(scene_judge(scene)->shared_data, 2);
    scene_free(scene);
}

// --- sums ---

static void set_numbers(struct scene *scene, const char *id, int64_t keys, int64_t used,
                        int64_t limit)
{
    struct facts *facts = scene_facts(scene, id);
    facts->keys = keys;
    facts->memory_used_bytes = used;
    facts->memory_max_bytes = limit;
}

static void check_sums(struct scene *scene, const char *expected)
{
    char text[96];
    const struct health *health = scene_judge(scene);
    snprintf(text, sizeof(text), "%lld keys, %lld of %lld bytes", (long long)health->keys,
             (long long)health->memory_used_bytes, (long long)health->memory_max_bytes);
    assert_string_equal(text, expected);
}

static void sums_are_over_the_masters(void **state)
{
    struct scene *scene = scene_of_six(SIX);
    (void)state;
    check_sums(scene, "-1 keys, -1 of -1 bytes");
    set_numbers(scene, "m1", 10, 100, 1000);
    set_numbers(scene, "m2", 0, 0, 2000);
    set_numbers(scene, "r1", 500, 500, 500);
    check_sums(scene, "-1 keys, -1 of -1 bytes"); // m3's are not known
    set_numbers(scene, "m3", 30, 300, 3000);
    check_sums(scene, "40 keys, 400 of 6000 bytes");
    set_numbers(scene, "m3", 30, 300, 0); // it has no limit
    check_sums(scene, "40 keys, 400 of -1 bytes");
    set_numbers(scene, "m3", -1, 300, 1);
    check_sums(scene, "-1 keys, 400 of 3001 bytes");
    scene_free(scene);
}

// Its keys are gone for now, and back when it is: a sum without them would look like a loss.
static void failed_master_is_left_out_of_sums_once_its_slots_are_taken(void **state)
{
    static const struct {
        const char *third; // and what the second one owns
        const char *expected;
    } cases[] = {
        {M2 M3, "-1 keys, -1 of -1 bytes"}, // only not reached
        {M2 "m3 10.0.0.3:7000@17000 master,fail - 0 0 3 disconnected 10922-16383\n",
         "-1 keys, -1 of -1 bytes"},
        {"m2 10.0.0.2:7000@17000 master - 0 0 4 connected 5461-16383\n"
         "m3 10.0.0.3:7000@17000 master,fail - 0 0 3 disconnected\n",
         "30 keys, 300 of 2000 bytes"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf nodes = BUF_EMPTY;
        struct scene *scene = scene_new();
        buf_text(&nodes, M1);
        buf_text(&nodes, cases[i].third);
        char *text = buf_take(&nodes);
        scene_add_all(scene, "m1 m2", text);
        scene_add(scene, "m3", NULL, NULL);
        set_numbers(scene, "m1", 10, 100, 1000);
        set_numbers(scene, "m2", 20, 200, 1000);
        check_sums(scene, cases[i].expected);
        scene_free(scene);
        free(text);
    }
}

static void sums_of_absurd_numbers_do_not_overflow(void **state)
{
    struct scene *scene = scene_new();
    (void)state;
    scene_add_all(scene, "m1 m2", M1 M2);
    set_numbers(scene, "m1", INT64_MAX, INT64_MAX, INT64_MAX);
    set_numbers(scene, "m2", INT64_MAX, 1, INT64_MAX);
    const struct health *health = scene_judge(scene);
    assert_true(health->keys == INT64_MAX);
    assert_true(health->memory_used_bytes == INT64_MAX);
    assert_true(health->memory_max_bytes == INT64_MAX);
    scene_free(scene);
}

// --- [15] skews ---

static bool is_about(double actual, double expected)
{
    return fabs(actual - expected) < 1e-9;
}

static void skews_are_the_largest_over_the_mean(void **state)
{
    struct scene *scene = scene_of_six(SIX);
    (void)state;
    scene_judge(scene);
    assert_true(is_about(scene->health->slot_skew, 5462.0 * 3 / 16384));
    assert_true(is_about(scene->health->key_skew, 0)); // not known
    set_numbers(scene, "m1", 10, 100, 0);
    set_numbers(scene, "m2", 10, 100, 0);
    set_numbers(scene, "m3", 40, 100, 0);
    set_numbers(scene, "r1", 999, 999, 0);
    scene_judge(scene);
    assert_true(is_about(scene->health->key_skew, 2));
    assert_true(is_about(scene->health->memory_skew, 1));
    set_numbers(scene, "m3", -1, 400, 0);
    scene_judge(scene);
    assert_true(is_about(scene->health->key_skew, 0));
    assert_true(is_about(scene->health->memory_skew, 2));
    set_numbers(scene, "m1", 0, 0, 0);
    set_numbers(scene, "m2", 0, 0, 0);
    set_numbers(scene, "m3", 0, 0, 0);
    scene_judge(scene);
    assert_true(is_about(scene->health->key_skew, 0)); // nothing is shared out evenly
    scene_free(scene);
}

static void masters_without_slots_do_not_lower_the_mean(void **state)
{
    static const char nodes[] = "m1 10.0.0.1:7000@17000 master - 0 0 1 connected 0-16383\n"
                                "m2 10.0.0.2:7000@17000 master - 0 0 2 connected\n";
    struct scene *scene = scene_new();
    (void)state;
    scene_add_all(scene, "m1 m2", nodes);
    set_numbers(scene, "m1", 10, 100, 0);
    set_numbers(scene, "m2", 0, 50, 0);
    scene_judge(scene);
    assert_true(is_about(scene->health->slot_skew, 1));
    assert_true(is_about(scene->health->key_skew, 1));
    assert_true(is_about(scene->health->memory_skew, 1));
    scene_free(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_counted_once_each),
        cmocka_unit_test(settings_that_differ_are_told_each),
        cmocka_unit_test(setting_that_is_not_told_differs_from_nothing),
        cmocka_unit_test(nodes_that_tell_their_settings_are_counted),
        cmocka_unit_test(nodes_that_write_the_same_files_are_found),
        cmocka_unit_test(nodes_without_a_host_share_nothing),
        cmocka_unit_test(sums_are_over_the_masters),
        cmocka_unit_test(failed_master_is_left_out_of_sums_once_its_slots_are_taken),
        cmocka_unit_test(sums_of_absurd_numbers_do_not_overflow),
        cmocka_unit_test(skews_are_the_largest_over_the_mean),
        cmocka_unit_test(masters_without_slots_do_not_lower_the_mean),
    };
    return cmocka_run_group_tests_name("judge_fleet", tests, NULL, NULL);
}
