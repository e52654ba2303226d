// The configuration file: which flag each key is, what it beats, and what is wrong where.
#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "support.h"

enum { ARGUMENTS_MAX = 8, PATH_SIZE = 64 };

struct reading {
    char directory[PATH_SIZE];
    char path[PATH_SIZE + 16];
    struct arguments arguments;
    struct config *config;
    struct problems problems;
};

static void write_file(const struct reading *reading, const char *name, const char *text)
{
    char path[PATH_SIZE + 32];
    snprintf(path, sizeof(path), "%s/%s", reading->directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    chmod(path, 0600);
}

// A file with that text, and up to two flags (NULL: none).
static void read_text(struct reading *reading, const char *text, const char *flag,
                      const char *other)
{
    char file[PATH_SIZE + 32];
    char *argv[] = {(char[]){"exporter"}, file, NULL, NULL};
    int argc = 2;
    *reading = (struct reading){.directory = "/tmp/test-config-XXXXXX"};
    assert_non_null(mkdtemp(reading->directory));
    snprintf(reading->path, sizeof(reading->path), "%s/c.yml", reading->directory);
    snprintf(file, sizeof(file), "--config.file=%s", reading->path);
    write_file(reading, "c.yml", text);
    write_file(reading, "pw", "of-file\n");
    char *given[] = {flag != NULL ? mem_copy(flag, strlen(flag)) : NULL,
                     other != NULL ? mem_copy(other, strlen(other)) : NULL};
    for (size_t i = 0; i < COUNT(given) && given[i] != NULL; i++) {
        argv[argc++] = given[i];
    }
    reading->arguments = arguments_take(argc, argv);
    reading->config = config_load(&reading->arguments, NULL, &reading->problems);
    free(given[0]);
    free(given[1]);
}

static void end(struct reading *reading)
{
    char path[PATH_SIZE + 32];
    config_free(reading->config);
    problems_clear(&reading->problems);
    arguments_clear(&reading->arguments);
    unlink(reading->path);
    snprintf(path, sizeof(path), "%s/pw", reading->directory);
    unlink(path);
    rmdir(reading->directory);
}

static const struct options *cluster(const struct reading *reading, size_t index)
{
    assert_non_null(reading->config);
    assert_true(index < reading->config->cluster_count);
    return reading->config->cluster[index];
}

static void each_cluster_has_options_of_its_own(void **state)
{
    struct reading reading;
    (void)state;
    read_text(&reading,
              "scrape: {timeout: 7s}\n"
              "clusters:\n"
              "- name: a\n"
              "  seeds: [redis://h:1, valkey://i]\n"
              "  user: me\n"
              "  password_file: pw\n"
              "  timeout: 3s\n"
              "  node_label: id\n"
              "  one_host: yes\n"
              "  expect: {nodes: 6, masters: 3, replicas: 1}\n"
              "  address_map: ['x:1=y:2', 'z=w']\n"
              "  check_keys: [one, 'two:*']\n"
              "  collectors: {latency: false, clients: true}\n"
              "- seeds: '[::1]:2'\n",
              NULL, NULL);
    const struct options *a = cluster(&reading, 0);
    assert_string_equal(a->cluster_name, "a");
    assert_int_equal(a->seed_count, 2);
    assert_int_equal(a->seed[1].address.port, 6379);
    assert_string_equal(a->login.user, "me");
    assert_string_equal(a->login.password, "of-file");
    assert_true(a->reply_timeout_us == 3 * (int64_t)SECOND_US);
    assert_int_equal(a->node_label, LABEL_ID);
    assert_true(a->one_host);
    assert_int_equal(a->expect.nodes * 100 + a->expect.masters * 10 + a->expect.replicas, 631);
    assert_int_equal(a->address_map.count, 2);
    assert_int_equal(a->collect.checks.count, 2);
    assert_true(a->collectors & collector_bit(COLLECTOR_CLIENTS));
    assert_true(a->collectors & collector_bit(COLLECTOR_KEYS));
    assert_false(a->collectors & collector_bit(COLLECTOR_LATENCY));
    const struct options *b = cluster(&reading, 1);
    assert_string_equal(b->cluster_name, "[::1]:2");
    assert_null(b->login.user);
    assert_null(b->login.password);
    assert_true(b->reply_timeout_us == 2 * (int64_t)SECOND_US);
    assert_true(b->collectors & collector_bit(COLLECTOR_LATENCY));
    assert_int_equal(b->collect.checks.count, 0);
    assert_true(reading.config->common.scrape_timeout_us == 7 * (int64_t)SECOND_US);
    end(&reading);
}

static void flags_beat_clusters_which_beat_defaults(void **state)
{
    static const char text[] = "defaults: {timeout: 3s, connect_timeout: 4s}\n"
                               "log: {level: error}\n"
                               "clusters:\n"
                               "- {name: a, seeds: h:1, timeout: 5s}\n"
                               "- {name: b, seeds: h:1}\n";
    struct reading reading;
    (void)state;
    read_text(&reading, text, NULL, NULL);
    assert_true(cluster(&reading, 0)->reply_timeout_us == 5 * (int64_t)SECOND_US);
    assert_true(cluster(&reading, 1)->reply_timeout_us == 3 * (int64_t)SECOND_US);
    assert_true(cluster(&reading, 0)->connect_timeout_us == 4 * (int64_t)SECOND_US);
    end(&reading);
    setenv("REDIS_EXPORTER_CONNECT_TIMEOUT", "7s", 1);
    read_text(&reading, text, "--redis.timeout=6s", "--no-collector.latency");
    unsetenv("REDIS_EXPORTER_CONNECT_TIMEOUT");
    for (size_t i = 0; i < 2; i++) {
        assert_true(cluster(&reading, i)->reply_timeout_us == 6 * (int64_t)SECOND_US);
        assert_true(cluster(&reading, i)->connect_timeout_us == 7 * (int64_t)SECOND_US);
        assert_false(cluster(&reading, i)->collectors & collector_bit(COLLECTOR_LATENCY));
    }
    end(&reading);
}

static void login_of_the_file_is_that_of_no_flag(void **state)
{
    struct reading reading;
    (void)state;
    read_text(&reading,
              "clusters:\n- {name: a, seeds: h:1, user: own}\n- {name: b, seeds: h:1}\n"
              "- {name: c, seeds: h:1, password_file: pw}\n",
              "--redis.password=common", "--redis.user=me");
    assert_string_equal(cluster(&reading, 0)->login.user, "own");
    assert_null(cluster(&reading, 0)->login.password);
    assert_string_equal(cluster(&reading, 1)->login.user, "me");
    assert_string_equal(cluster(&reading, 1)->login.password, "common");
    assert_null(cluster(&reading, 2)->login.user);
    assert_string_equal(cluster(&reading, 2)->login.password, "of-file");
    end(&reading);
}

static void file_without_clusters_is_about_the_one_of_the_flags(void **state)
{
    struct reading reading;
    (void)state;
    read_text(&reading, "defaults: {password_file: pw}\nweb: {listen_address: ['a:1', ':2']}\n",
              "--redis.addr=h:5", NULL);
    assert_int_equal(reading.config->cluster_count, 1);
    assert_string_equal(cluster(&reading, 0)->cluster_name, "h:5");
    assert_string_equal(cluster(&reading, 0)->login.password, "of-file");
    assert_int_equal(cluster(&reading, 0)->listen_count, 2);
    end(&reading);
}

static void values_may_stand_in_files_that_variables_name(void **state)
{
    struct reading reading;
    char path[PATH_SIZE + 32];
    (void)state;
    read_text(&reading, "", NULL, NULL);
    snprintf(path, sizeof(path), "%s/pw", reading.directory);
    setenv("REDIS_USER_FILE", path, 1);
    setenv("REDIS_ADDR_FILE", "/nowhere", 1);
    config_free(reading.config);
    reading.config = config_load(&reading.arguments, NULL, &reading.problems);
    assert_null(reading.config);
    assert_non_null(strstr(reading.problems.line[0], "REDIS_ADDR_FILE: /nowhere: "));
    unsetenv("REDIS_ADDR_FILE");
    problems_clear(&reading.problems);
    reading.config = config_load(&reading.arguments, NULL, &reading.problems);
    unsetenv("REDIS_USER_FILE");
    assert_string_equal(cluster(&reading, 0)->login.user, "of-file");
    end(&reading);
}

struct bad_case {
    const char *text;
    const char *problem; // behind the path
};

static void what_is_wrong_is_told_with_its_line(void **state)
{
    static const struct bad_case cases[] = {
        {"clusters:\n- name: a\n  sedes: [h:1]\n", ":3: sedes: "},
        {"clusters:\n- name: a\n", ":2: "},
        {"clusters:\n- {name: a, seeds: []}\n", ":2: seeds: must name at least one address"},
        {"clusters:\n- {name: a, seeds: [h:1, 'h:x']}\n", ":2: seeds: "},
        {"clusters:\n- {name: a, seeds: {h: 1}}\n", ":2: seeds: "},
        {"clusters: []\n", ":1: clusters: must name at least one cluster"},
        {"clusters: {a: b}\n", ":1: clusters: "},
        {"clusters: [a]\n", ":1: "},
        {"clusters:\n- {seeds: h:1, timeout: soon}\n", ":2: timeout: must be a time"},
        {"clusters:\n- {seeds: h:1, timeout: [1s]}\n", ":2: timeout: "},
        {"clusters:\n- {seeds: h:1, one_host: 7}\n", ":2: one_host: "},
        {"clusters:\n- {seeds: h:1, expect: {nodes: many}}\n", ":2: nodes: must be a number"},
        {"clusters:\n- {seeds: h:1, expect: 6}\n", ":2: expect: "},
        {"clusters:\n- {seeds: h:1, collectors: [clients]}\n", ":2: collectors: "},
        {"clusters:\n- {seeds: h:1, collectors: {client: yes}}\n", ":2: client: "},
        {"clusters:\n- {seeds: h:1, password: x}\n", ":2: password: "},
        {"clusters:\n- {seeds: h:1, name: ''}\n", ":2: name: must not be empty"},
        {"clusters:\n- {seeds: h:1, address_map: [x]}\n", ":2: address_map: must be FROM=TO"},
        {"clusters:\n- {seeds: h:1, tls: {min_version: 1.0}}\n", ":2: min_version: "},
        {"clusters:\n- {seeds: h:1, telemetry_path: /m}\n", ":2: telemetry_path: "},
        {"clusters:\n- {name: a, seeds: h:1}\n- {name: a, seeds: h:2}\n", ":3: name: "},
        {"clusters:\n- {seeds: h:1, seeds: h:2}\n", ":2: "},
        {"web: {telemetry_path: m}\n", ":1: telemetry_path: must be a path"},
        {"web:\n  listen_address: [':1', x]\n", ":2: listen_address: "},
        {"wbe: {}\n", ":1: wbe: "},
        {"log: loud\n", ":1: log: "},
        {"defaults: {name: a}\n", ":1: name: "},
        {"defaults: {timeout: x}\nclusters: [{seeds: h:1, timeout: 1s}]\n", ":1: timeout: "},
        {"[a]\n", ":1: "},
        {"a: [\n", ":"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reading reading;
        read_text(&reading, cases[i].text, NULL, NULL);
        assert_null(reading.config);
        const char *line = reading.problems.line[0];
        size_t length = strlen(reading.path);
        if (strncmp(line, reading.path, length) != 0 ||
            strncmp(line + length, cases[i].problem, strlen(cases[i].problem)) != 0) {
            fail_msg("%s: %s", cases[i].text, line);
        }
        assert_null(strchr(line, '\n'));
        end(&reading);
    }
}

static void addresses_by_flag_and_by_file_are_refused(void **state)
{
    static const char *const flags_beside[] = {"--redis.addr=h:1", "--redis.cluster-name=x"};
    struct reading reading;
    (void)state;
    for (size_t i = 0; i < COUNT(flags_beside); i++) {
        read_text(&reading, "clusters: [{seeds: h:1}]\n", flags_beside[i], NULL);
        assert_null(reading.config);
        assert_non_null(strstr(reading.problems.line[0], "names the clusters already"));
        end(&reading);
    }
    read_text(&reading, "clusters: [{seeds: h:1}]\n", "--check=other:1", NULL);
    assert_string_equal(cluster(&reading, 0)->cluster_name, "other:1");
    end(&reading);
}

static void every_problem_is_told_once(void **state)
{
    struct reading reading;
    (void)state;
    read_text(&reading,
              "log: {level: loud}\nclusters:\n- {seeds: h:1, password_file: none}\n"
              "- {seeds: i:1, timout: 1s}\n",
              "--config.check", NULL);
    assert_null(reading.config);
    assert_int_equal(reading.problems.count, 2); // the first one hides what is behind it
    end(&reading);
    read_text(&reading,
              "clusters:\n- {seeds: h:1, password_file: none}\n- {seeds: i:1, timout: 1s}\n",
              "--config.check", NULL);
    assert_int_equal(reading.problems.count, 2);
    end(&reading);
}

static int quiet(void **state)
{
    (void)state;
    log_init(LOG_ERROR, LOG_LOGFMT);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_cluster_has_options_of_its_own),
        cmocka_unit_test(flags_beat_clusters_which_beat_defaults),
        cmocka_unit_test(login_of_the_file_is_that_of_no_flag),
        cmocka_unit_test(file_without_clusters_is_about_the_one_of_the_flags),
        cmocka_unit_test(values_may_stand_in_files_that_variables_name),
        cmocka_unit_test(what_is_wrong_is_told_with_its_line),
        cmocka_unit_test(addresses_by_flag_and_by_file_are_refused),
        cmocka_unit_test(every_problem_is_told_once),
    };
    return cmocka_run_group_tests_name("config", tests, quiet, NULL);
}
