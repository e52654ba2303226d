#include "metrics/collector.h"

#include "metrics/metric.h"
#include "support.h"

#define BIT(command) ((command_set)1 << COMMAND_##command)

static const struct {
    enum collector collector;
    const char *name; // NULL: no flag
    bool on;
    command_set commands;
    command_set further;
} expected[] = {
    {COLLECTOR_BASE, NULL, true,
     BIT(INFO) | BIT(CLUSTER_INFO) | BIT(CLUSTER_NODES) | BIT(CLUSTER_GETSLOTMIGRATIONS),
     BIT(SENTINEL_MASTERS) | BIT(SENTINEL_CKQUORUM) | BIT(SENTINEL_SENTINELS) |
         BIT(SENTINEL_SLAVES) | BIT(CLUSTER_COUNTKEYSINSLOT)},
    {COLLECTOR_COMMANDSTATS, "commandstats", true, 0},
    {COLLECTOR_ERRORSTATS, "errorstats", true, 0},
    {COLLECTOR_LATENCYSTATS, "latencystats", true, 0},
    {COLLECTOR_LATENCY, "latency", true, BIT(LATENCY_LATEST)},
    {COLLECTOR_SLOWLOG, "slowlog", true, BIT(SLOWLOG_LEN) | BIT(SLOWLOG_GET)},
    {COLLECTOR_COMMANDLOG, "commandlog", true,
     BIT(COMMANDLOG_SLOW) | BIT(COMMANDLOG_REQUEST) | BIT(COMMANDLOG_REPLY)},
    {COLLECTOR_CONFIG, "config", true, BIT(CONFIG_GET)},
    {COLLECTOR_LATENCY_HISTOGRAM, "latency-histogram", false, BIT(LATENCY_HISTOGRAM)},
    {COLLECTOR_CLIENTS, "clients", false, BIT(CLIENT_LIST)},
    {COLLECTOR_CONFIG_ALL, "config-all", false, BIT(CONFIG_GET_ALL), BIT(SENTINEL_CONFIG)},
    {COLLECTOR_MODULES, "modules", false, BIT(INFO_MODULES)},
    {COLLECTOR_SEARCH, "search", false, BIT(INFO_MODULES), BIT(FT_LIST) | BIT(FT_INFO)},
    {COLLECTOR_KEYS, "keys", false, 0,
     BIT(SELECT) | BIT(SCAN) | BIT(TYPE) | BIT(MEMORY_USAGE) | BIT(STRLEN) | BIT(GETRANGE) |
         BIT(PFCOUNT) | BIT(LLEN) | BIT(SCARD) | BIT(ZCARD) | BIT(HLEN) | BIT(XLEN)},
    {COLLECTOR_STREAMS, "streams", false, 0,
     BIT(SELECT) | BIT(SCAN) | BIT(TYPE) | BIT(XINFO_STREAM) | BIT(XINFO_GROUPS) |
         BIT(XINFO_CONSUMERS)},
    {COLLECTOR_CLIENT_LIST, "client-list", false, BIT(CLIENT_LIST)},
    {COLLECTOR_LINKS, "links", false, BIT(CLUSTER_LINKS)},
    {COLLECTOR_SLOT_STATS, "slot-stats", false, 0, BIT(CLUSTER_SLOT_STATS)},
};

static void each_collector_is_as_documented(void **state)
{
    (void)state;
    assert_int_equal(COUNT(expected), COLLECTOR_COUNT);
    for (size_t i = 0; i < COUNT(expected); i++) {
        const struct collector_row *row = &collectors[expected[i].collector];
        assert_int_equal(expected[i].collector, i);
        if (expected[i].name == NULL) {
            assert_null(row->name);
        } else {
            assert_non_null(row->name);
            assert_string_equal(row->name, expected[i].name);
        }
        assert_int_equal(row->on, expected[i].on);
        assert_true(row->commands == expected[i].commands);
        assert_true(row->further == expected[i].further);
        assert_true(strlen(row->help) > 0);
        assert_true(strlen(row->samples) > 0);
    }
}

// What costs a node or the storage more is asked for.
static void default_is_what_costs_little(void **state)
{
    collector_set set = collectors_by_default();
    (void)state;
    for (size_t i = 0; i < COUNT(expected); i++) {
        assert_int_equal((set & collector_bit(expected[i].collector)) != 0, expected[i].on);
    }
    assert_int_equal(set >> COLLECTOR_COUNT, 0);
}

static void commands_are_those_of_the_collectors(void **state)
{
    const command_set base =
        BIT(INFO) | BIT(CLUSTER_INFO) | BIT(CLUSTER_NODES) | BIT(CLUSTER_GETSLOTMIGRATIONS);
    (void)state;
    assert_true(collectors_commands(0) == 0);
    for (size_t i = 0; i < COUNT(expected); i++) {
        assert_true(collectors_commands(collector_bit(expected[i].collector)) ==
                    expected[i].commands);
    }
    assert_true(collectors_commands(collector_bit(COLLECTOR_BASE) |
                                    collector_bit(COLLECTOR_CLIENTS)) == (base | BIT(CLIENT_LIST)));
    assert_true(collectors_commands(collectors_by_default()) ==
                (base | BIT(CONFIG_GET) | BIT(SLOWLOG_LEN) | BIT(SLOWLOG_GET) |
                 BIT(LATENCY_LATEST) | BIT(COMMANDLOG_SLOW) | BIT(COMMANDLOG_REQUEST) |
                 BIT(COMMANDLOG_REPLY)));
    assert_true(collectors_all_commands(collector_bit(COLLECTOR_COUNT) - 1) ==
                ((command_set)1 << COMMAND_COUNT) - 1);
}

static void no_command_is_both_sent_at_once_and_later(void **state)
{
    collector_set all = collector_bit(COLLECTOR_COUNT) - 1;
    command_set later = 0;
    (void)state;
    for (int i = 0; i < COLLECTOR_COUNT; i++) {
        later |= collectors[i].further;
    }
    assert_true((collectors_commands(all) & later) == 0);
}

static void each_collector_has_a_metric(void **state)
{
    collector_set seen = 0;
    (void)state;
    for (size_t i = 0; i < reply_metric_count; i++) {
        assert_in_range(reply_metrics[i].collector, 0, COLLECTOR_COUNT - 1);
        seen |= collector_bit(reply_metrics[i].collector);
    }
    assert_int_equal(seen, collector_bit(COLLECTOR_COUNT) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_collector_is_as_documented),
        cmocka_unit_test(default_is_what_costs_little),
        cmocka_unit_test(commands_are_those_of_the_collectors),
        cmocka_unit_test(no_command_is_both_sent_at_once_and_later),
        cmocka_unit_test(each_collector_has_a_metric),
    };
    return cmocka_run_group_tests_name("collector", tests, NULL, NULL);
}
