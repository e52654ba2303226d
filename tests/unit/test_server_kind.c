#include "redis/server_kind.h"

#include <stdlib.h>

#include "redis/command.h"
#include "redis/lines.h"
#include "support.h"

static int release(void **state)
{
    (void)state;
    guards_release();
    return 0;
}

static struct span field(struct span info, const char *name)
{
    struct span value = {NULL, 0};
    find_line(info, span_of(name), &value);
    return value;
}

static struct server_kind kind_of_info(struct span info)
{
    const struct server_words words = {
        .redis_version = field(info, "redis_version"),
        .valkey_version = field(info, "valkey_version"),
        .redis_mode = field(info, "redis_mode"),
        .server_mode = field(info, "server_mode"),
        .cluster_enabled = field(info, "cluster_enabled"),
        .loading = field(info, "loading"),
    };
    return server_kind_of(&words);
}

static struct server_kind kind_of(const char *info)
{
    return kind_of_info(guarded_text(info));
}

static void each_version_is_told(void **state)
{
    static const struct {
        const char *server;
        uint32_t redis;
        uint32_t valkey;
    } cases[] = {
        {"redis-3.2.13", 30213, VERSION_NONE}, {"redis-4.0.14", 40014, VERSION_NONE},
        {"redis-5.0.14", 50014, VERSION_NONE}, {"redis-6.2.16", 60216, VERSION_NONE},
        {"redis-7.0.15", 70015, VERSION_NONE}, {"redis-7.2.6", 70206, VERSION_NONE},
        {"redis-8.0.2", 80002, VERSION_NONE},  {"valkey-8.0.1", 70204, 80001},
        {"valkey-9.1.2", 70204, 90102},
    };
    (void)state;
    assert_int_equal(COUNT(cases) * 2, CAPTURE_COUNT);
    for (size_t i = 0; i < CAPTURE_COUNT; i++) {
        size_t length;
        char *info = capture(captures[i], "info_all", &length);
        struct server_kind server = kind_of_info(guarded(span_make(info, length)));
        assert_true(span_starts(span_of(captures[i]), span_of(cases[i / 2].server)));
        assert_int_equal(server.redis_version, cases[i / 2].redis);
        assert_int_equal(server.valkey_version, cases[i / 2].valkey);
        assert_true(server.cluster_mode);
        assert_false(server.sentinel);
        assert_false(server.loading);
        free(info);
    }
}

static void version_is_one_number(void **state)
{
    static const struct {
        const char *text;
        uint32_t expected;
    } cases[] = {
        {"7.0.15", 70015},
        {"10.11.12", 101112},
        {"0.0.1", 1},
        {"255.255.255", 999999}, // a build of the development branch
        {"7.0.100", 70099},
        {"7", 70000},
        {"7.", 70000},
        {"7.2", 70200},
        {"7.2.4.99", 70204},
        {"7.0.0-rc1", 70000},
        {"7.4-rc1", 70000},
        {".2.4", 204},
        {"..", 0},
        {"", 0},
        {"x", 0},
        {"v7.0.15", 15},
        {"-7.0.1", 1},
        {"7. 0.1", 70001},
        {"99999999999999999999.1.2", 102}, // beyond 64 bits
    };
    struct span nothing = {NULL, 0};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint32_t version = server_version(guarded_text(cases[i].text));
        if (version != cases[i].expected) {
            print_error("\"%s\": ", cases[i].text);
        }
        assert_int_equal(version, cases[i].expected);
    }
    assert_int_equal(server_version(nothing), 0);
}

static void sentinel_is_told_by_its_mode(void **state)
{
    (void)state;
    assert_true(kind_of("redis_version:7.0.15\r\nredis_mode:sentinel\r\n").sentinel);
    assert_true(kind_of("server_mode:sentinel\r\n").sentinel);
    assert_false(kind_of("redis_mode:standalone\r\n").sentinel);
    assert_false(kind_of("redis_mode:cluster\r\n").sentinel);
    assert_false(kind_of("redis_mode:\r\n").sentinel);
    assert_false(kind_of("other_mode:sentinel\r\n").sentinel);
}

static void cluster_mode_is_told_by_its_own_field(void **state)
{
    (void)state;
    assert_true(kind_of("# Cluster\r\ncluster_enabled:1\r\n").cluster_mode);
    assert_false(kind_of("cluster_enabled:0\r\n").cluster_mode);
    assert_false(kind_of("cluster_enabled:\r\n").cluster_mode);
    assert_false(kind_of("cluster_enabled:10\r\n").cluster_mode);
    assert_false(kind_of("redis_mode:cluster\r\n").cluster_mode);
}

static void loading_server_says_so(void **state)
{
    (void)state;
    assert_true(kind_of("loading:1\r\n").loading);
    assert_false(kind_of("loading:0\r\n").loading);
    assert_false(kind_of("async_loading:1\r\n").loading);
}

static void info_without_anything_is_a_server_of_no_kind(void **state)
{
    static const char *const infos[] = {"", "\r\n", "redis_version", "redis_version:", "garbage"};
    (void)state;
    for (size_t i = 0; i < COUNT(infos); i++) {
        struct server_kind server = kind_of(infos[i]);
        assert_int_equal(server.redis_version, VERSION_NONE);
        assert_int_equal(server.valkey_version, VERSION_NONE);
        assert_false(server.cluster_mode || server.sentinel || server.loading);
    }
}

// --- Which commands such a server gets ---

// Those without arguments; the others have a test of their own.
static const command_set everything = ((command_set)1 << COMMAND_SELECT) - 1;

static void check_available(const char *info, command_set wanted, command_set expected)
{
    struct server_kind server = kind_of(info);
    command_set available = command_available(wanted, &server);
    for (int i = 0; i < COMMAND_COUNT; i++) {
        command_set bit = command_bit((enum command)i);
        if ((available & bit) != (expected & bit)) {
            print_error("%s (%d) of %s\n", command_name((enum command)i), i, info);
        }
    }
    assert_true(available == expected);
}

#define BIT(command) command_bit(COMMAND_##command)

static const command_set common =
    (command_set)1 << COMMAND_INFO | (command_set)1 << COMMAND_SLOWLOG_LEN |
    (command_set)1 << COMMAND_SLOWLOG_GET | (command_set)1 << COMMAND_LATENCY_LATEST |
    (command_set)1 << COMMAND_CLIENT_LIST;

static void each_version_gets_the_commands_it_has(void **state)
{
    const command_set cluster = BIT(CLUSTER_INFO) | BIT(CLUSTER_NODES);
    const command_set logs = BIT(COMMANDLOG_SLOW) | BIT(COMMANDLOG_REQUEST) | BIT(COMMANDLOG_REPLY);
    const command_set all = BIT(CONFIG_GET_ALL);
    const command_set names = BIT(CONFIG_GET);
    const command_set modules = BIT(INFO_MODULES);
    const command_set newer = modules | BIT(LATENCY_HISTOGRAM);
    const command_set linked = cluster | BIT(CLUSTER_LINKS);
    const struct {
        const char *info;
        command_set expected; // beyond the common ones, when CONFIG GET * is not wanted
    } cases[] = {
        {"redis_version:3.2.13\r\ncluster_enabled:1\r\n", cluster | all},
        {"redis_version:5.0.14\r\ncluster_enabled:1\r\n", cluster | all},
        {"redis_version:6.0.0\r\ncluster_enabled:1\r\n", cluster | all | modules},
        {"redis_version:6.2.16\r\ncluster_enabled:1\r\n", cluster | all | modules},
        {"redis_version:6.2.99\r\ncluster_enabled:0\r\n", all | modules},
        {"redis_version:7.0.0\r\ncluster_enabled:1\r\n", linked | names | newer},
        {"redis_version:8.0.2\r\ncluster_enabled:1\r\n", linked | names | newer},
        {"redis_version:8.1.0\r\ncluster_enabled:1\r\n", linked | names | newer},
        {"redis_version:255.255.255\r\ncluster_enabled:1\r\n", linked | names | newer},
        {"redis_version:7.2.4\r\nvalkey_version:8.0.1\r\n", names | newer},
        {"redis_version:7.2.4\r\nvalkey_version:8.0.99\r\ncluster_enabled:1\r\n",
         linked | names | newer},
        {"redis_version:7.2.4\r\nvalkey_version:8.1.0\r\ncluster_enabled:1\r\n",
         linked | names | newer | logs},
        {"redis_version:7.2.4\r\nvalkey_version:8.1.9\r\ncluster_enabled:1\r\n",
         linked | names | newer | logs},
        {"redis_version:7.2.4\r\nvalkey_version:9.0.0\r\ncluster_enabled:1\r\n",
         linked | names | newer | logs | BIT(CLUSTER_GETSLOTMIGRATIONS)},
        {"redis_version:7.2.4\r\nvalkey_version:9.1.2\r\ncluster_enabled:0\r\n",
         names | newer | logs},
        {"cluster_enabled:1\r\n", cluster | all}, // no version: as little as possible
        {"", all},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_available(cases[i].info, everything & ~all, common | cases[i].expected);
    }
}

static void each_captured_server_gets_its_commands(void **state)
{
    (void)state;
    for (size_t i = 0; i < CAPTURE_COUNT; i++) {
        size_t length;
        char *info = capture(captures[i], "info_all", &length);
        bool by_name = captures[i][0] == 'v' || captures[i][6] >= '7';
        command_set expected = common | BIT(CLUSTER_INFO) | BIT(CLUSTER_NODES);
        expected |= by_name ? BIT(CONFIG_GET) | BIT(LATENCY_HISTOGRAM) | BIT(CLUSTER_LINKS)
                            : BIT(CONFIG_GET_ALL);
        expected |= by_name || captures[i][6] == '6' ? BIT(INFO_MODULES) : 0;
        if (strncmp(captures[i], "valkey-9", 8) == 0) {
            expected |= BIT(COMMANDLOG_SLOW) | BIT(COMMANDLOG_REQUEST) | BIT(COMMANDLOG_REPLY) |
                        BIT(CLUSTER_GETSLOTMIGRATIONS);
        }
        check_available(info, everything & ~BIT(CONFIG_GET_ALL), expected);
        free(info);
    }
}

static void all_parameters_take_the_place_of_some(void **state)
{
    const command_set both = BIT(CONFIG_GET) | BIT(CONFIG_GET_ALL);
    const command_set all = BIT(CONFIG_GET_ALL);
    (void)state;
    check_available("redis_version:7.0.0\r\n", both, all);
    check_available("redis_version:7.0.0\r\n", all, all);
    check_available("redis_version:7.0.0\r\n", BIT(CONFIG_GET), BIT(CONFIG_GET));
    check_available("redis_version:6.2.0\r\n", both, all);
    check_available("redis_version:6.2.0\r\n", BIT(CONFIG_GET), all);
}

static void sentinel_gets_info_only(void **state)
{
    (void)state;
    check_available("redis_version:7.0.15\r\nredis_mode:sentinel\r\n", everything, BIT(INFO));
    check_available("redis_version:6.2.0\r\nredis_mode:sentinel\r\n", everything, BIT(INFO));
    check_available("redis_version:7.2.4\r\nvalkey_version:9.1.2\r\nserver_mode:sentinel\r\n"
                    "cluster_enabled:1\r\n",
                    everything, BIT(INFO));
    check_available("redis_mode:sentinel\r\n", BIT(CONFIG_GET), 0);
}

static void what_is_not_wanted_is_not_sent(void **state)
{
    const char *newest = "redis_version:7.2.4\r\nvalkey_version:9.1.2\r\ncluster_enabled:1\r\n";
    (void)state;
    check_available(newest, 0, 0);
    for (int i = 0; i < COMMAND_SELECT; i++) {
        check_available(newest, command_bit((enum command)i), command_bit((enum command)i));
    }
    check_available("redis_version:3.2.13\r\n", BIT(LATENCY_HISTOGRAM) | BIT(COMMANDLOG_SLOW), 0);
}

static void rules_name_the_command_as_an_acl_does(void **state)
{
    static const char *const rules[COMMAND_COUNT] = {
        [COMMAND_INFO] = "+info",
        [COMMAND_CLUSTER_INFO] = "+cluster|info",
        [COMMAND_CLUSTER_NODES] = "+cluster|nodes",
        [COMMAND_CONFIG_GET] = "+config|get",
        [COMMAND_CONFIG_GET_ALL] = "+config|get",
        [COMMAND_SLOWLOG_LEN] = "+slowlog|len",
        [COMMAND_SLOWLOG_GET] = "+slowlog|get",
        [COMMAND_LATENCY_LATEST] = "+latency|latest",
        [COMMAND_LATENCY_HISTOGRAM] = "+latency|histogram",
        [COMMAND_COMMANDLOG_SLOW] = "+commandlog|len",
        [COMMAND_COMMANDLOG_REQUEST] = "+commandlog|len",
        [COMMAND_COMMANDLOG_REPLY] = "+commandlog|len",
        [COMMAND_CLIENT_LIST] = "+client|list",
        [COMMAND_INFO_MODULES] = "+info",
        [COMMAND_CLUSTER_LINKS] = "+cluster|links",
        [COMMAND_CLUSTER_GETSLOTMIGRATIONS] = "+cluster|getslotmigrations",
        [COMMAND_SELECT] = "+select",
        [COMMAND_SCAN] = "+scan",
        [COMMAND_TYPE] = "+type",
        [COMMAND_MEMORY_USAGE] = "+memory|usage",
        [COMMAND_STRLEN] = "+strlen",
        [COMMAND_GETRANGE] = "+getrange",
        [COMMAND_PFCOUNT] = "+pfcount",
        [COMMAND_LLEN] = "+llen",
        [COMMAND_SCARD] = "+scard",
        [COMMAND_ZCARD] = "+zcard",
        [COMMAND_HLEN] = "+hlen",
        [COMMAND_XLEN] = "+xlen",
        [COMMAND_XINFO_STREAM] = "+xinfo|stream",
        [COMMAND_XINFO_GROUPS] = "+xinfo|groups",
        [COMMAND_XINFO_CONSUMERS] = "+xinfo|consumers",
        [COMMAND_FT_LIST] = "+ft._list",
        [COMMAND_FT_INFO] = "+ft.info",
        [COMMAND_SENTINEL_MASTERS] = "+sentinel|masters",
        [COMMAND_SENTINEL_CKQUORUM] = "+sentinel|ckquorum",
        [COMMAND_SENTINEL_SENTINELS] = "+sentinel|sentinels",
        [COMMAND_SENTINEL_SLAVES] = "+sentinel|slaves",
        [COMMAND_SENTINEL_CONFIG] = "+sentinel|config",
        [COMMAND_CLUSTER_SLOT_STATS] = "+cluster|slot-stats",
        [COMMAND_CLUSTER_COUNTKEYSINSLOT] = "+cluster|countkeysinslot",
    };
    (void)state;
    for (int i = 0; i < COMMAND_COUNT; i++) {
        struct buf rule = BUF_EMPTY;
        assert_non_null(rules[i]);
        command_add_rule(&rule, (enum command)i);
        assert_span(buf_view(&rule), rules[i]);
        buf_free(&rule);
    }
}

static void further_commands_about_slots_need_cluster_mode(void **state)
{
    const command_set count = BIT(CLUSTER_COUNTKEYSINSLOT);
    const command_set both = count | BIT(CLUSTER_SLOT_STATS);
    (void)state;
    check_available("redis_version:3.2.13\r\ncluster_enabled:1\r\n", both, count);
    check_available("redis_version:8.0.2\r\ncluster_enabled:1\r\n", both, count);
    check_available("redis_version:8.2.0\r\ncluster_enabled:1\r\n", both, both);
    check_available("redis_version:8.2.0\r\n", both, 0);
    check_available("redis_version:7.2.4\r\nvalkey_version:7.2.9\r\ncluster_enabled:1\r\n", both,
                    count);
    check_available("redis_version:7.2.4\r\nvalkey_version:8.0.0\r\ncluster_enabled:1\r\n", both,
                    both);
}

static void further_commands_need_a_version_or_a_sentinel(void **state)
{
    const command_set keys = BIT(SELECT) | BIT(SCAN) | BIT(TYPE) | BIT(GETRANGE) | BIT(HLEN);
    const command_set streams = BIT(XINFO_STREAM) | BIT(XINFO_GROUPS) | BIT(XINFO_CONSUMERS);
    const command_set sentinel = BIT(SENTINEL_MASTERS) | BIT(SENTINEL_CKQUORUM) |
                                 BIT(SENTINEL_SENTINELS) | BIT(SENTINEL_SLAVES);
    const command_set wanted =
        keys | streams | sentinel | BIT(MEMORY_USAGE) | BIT(INFO_MODULES) | BIT(SENTINEL_CONFIG);
    (void)state;
    check_available("redis_version:3.2.13\r\n", wanted, keys);
    check_available("redis_version:4.0.14\r\n", wanted, keys | BIT(MEMORY_USAGE));
    check_available("redis_version:5.0.14\r\n", wanted, keys | BIT(MEMORY_USAGE) | streams);
    check_available("redis_version:6.0.0\r\n", wanted,
                    keys | BIT(MEMORY_USAGE) | streams | BIT(INFO_MODULES));
    check_available("redis_version:6.0.0\r\nredis_mode:sentinel\r\n", wanted, sentinel);
    check_available("redis_version:6.2.0\r\nredis_mode:sentinel\r\n", wanted,
                    sentinel | BIT(SENTINEL_CONFIG));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_version_is_told, release),
        cmocka_unit_test_teardown(version_is_one_number, release),
        cmocka_unit_test_teardown(sentinel_is_told_by_its_mode, release),
        cmocka_unit_test_teardown(cluster_mode_is_told_by_its_own_field, release),
        cmocka_unit_test_teardown(loading_server_says_so, release),
        cmocka_unit_test_teardown(info_without_anything_is_a_server_of_no_kind, release),
        cmocka_unit_test_teardown(each_version_gets_the_commands_it_has, release),
        cmocka_unit_test_teardown(each_captured_server_gets_its_commands, release),
        cmocka_unit_test_teardown(all_parameters_take_the_place_of_some, release),
        cmocka_unit_test_teardown(sentinel_gets_info_only, release),
        cmocka_unit_test_teardown(further_commands_about_slots_need_cluster_mode, release),
        cmocka_unit_test_teardown(further_commands_need_a_version_or_a_sentinel, release),
        cmocka_unit_test_teardown(what_is_not_wanted_is_not_sent, release),
        cmocka_unit_test(rules_name_the_command_as_an_acl_does),
    };
    return cmocka_run_group_tests_name("server_kind", tests, NULL, NULL);
}
