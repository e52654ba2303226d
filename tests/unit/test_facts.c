#include "cluster/facts.h"

#include "support.h"

static void each_setting_is_found_by_its_name(void **state)
{
    (void)state;
    for (int i = 0; i < CONFIG_PARAMETERS; i++) {
        const char *name = config_parameter_name((enum config_parameter)i);
        assert_non_null(name);
        assert_int_equal(config_parameter_find(span_of(name)), i);
    }
}

static void names_are_those_of_config_get(void **state)
{
    static const struct {
        const char *name;
        enum config_parameter parameter;
    } names[] = {
        {"maxmemory", CONFIG_MAXMEMORY},
        {"maxmemory-policy", CONFIG_MAXMEMORY_POLICY},
        {"cluster-node-timeout", CONFIG_NODE_TIMEOUT},
        {"cluster-require-full-coverage", CONFIG_FULL_COVERAGE},
        {"cluster-replica-validity-factor", CONFIG_VALIDITY_FACTOR},
        {"cluster-slave-validity-factor", CONFIG_VALIDITY_FACTOR}, // before 5.0
        {"cluster-migration-barrier", CONFIG_MIGRATION_BARRIER},
        {"appendonly", CONFIG_APPENDONLY},
        {"save", CONFIG_SAVE},
        {"client-output-buffer-limit", CONFIG_BUFFER_LIMIT},
        {"repl-backlog-size", CONFIG_BACKLOG_SIZE},
        {"dir", CONFIG_DIR},
        {"dbfilename", CONFIG_DBFILENAME},
        {"appendfilename", CONFIG_APPENDFILENAME},
        {"appenddirname", CONFIG_APPENDDIRNAME},
        {"repl-ping-replica-period", CONFIG_PING_PERIOD},
        {"repl-ping-slave-period", CONFIG_PING_PERIOD}, // before 5.0
    };
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_int_equal(config_parameter_find(span_of(names[i].name)), names[i].parameter);
    }
}

static void other_names_are_none_of_them(void **state)
{
    static const char *const others[] = {"",          "maxmemor",    "maxmemory-",
                                         "MAXMEMORY", "requirepass", "cluster-slave-no-failover"};
    (void)state;
    for (size_t i = 0; i < COUNT(others); i++) {
        assert_int_equal(config_parameter_find(span_of(others[i])), CONFIG_PARAMETERS);
    }
}

// Where data is stored differs between any two nodes of one host: no difference to report.
static void places_of_files_are_not_compared(void **state)
{
    (void)state;
    assert_true(config_parameter_find(span_of("save")) < CONFIG_COMPARED);
    assert_true(config_parameter_find(span_of("dir")) >= CONFIG_COMPARED);
    assert_true(config_parameter_find(span_of("dbfilename")) >= CONFIG_COMPARED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_setting_is_found_by_its_name),
        cmocka_unit_test(names_are_those_of_config_get),
        cmocka_unit_test(other_names_are_none_of_them),
        cmocka_unit_test(places_of_files_are_not_compared),
    };
    return cmocka_run_group_tests_name("facts", tests, NULL, NULL);
}
