#include "cluster/facts.h"

static const char *const names[CONFIG_PARAMETERS] = {
    [CONFIG_MAXMEMORY] = "maxmemory",
    [CONFIG_MAXMEMORY_POLICY] = "maxmemory-policy",
    [CONFIG_NODE_TIMEOUT] = "cluster-node-timeout",
    [CONFIG_FULL_COVERAGE] = "cluster-require-full-coverage",
    [CONFIG_VALIDITY_FACTOR] = "cluster-replica-validity-factor",
    [CONFIG_MIGRATION_BARRIER] = "cluster-migration-barrier",
    [CONFIG_APPENDONLY] = "appendonly",
    [CONFIG_SAVE] = "save",
    [CONFIG_BUFFER_LIMIT] = "client-output-buffer-limit",
    [CONFIG_BACKLOG_SIZE] = "repl-backlog-size",
    [CONFIG_DIR] = "dir",
    [CONFIG_DBFILENAME] = "dbfilename",
    [CONFIG_APPENDFILENAME] = "appendfilename",
    [CONFIG_APPENDDIRNAME] = "appenddirname",
    [CONFIG_PING_PERIOD] = "repl-ping-replica-period",
};

const char *config_parameter_name(enum config_parameter parameter)
{
    return names[parameter];
}

enum config_parameter config_parameter_find(struct span name)
{
    // Before Redis 5.0.
    if (span_is(name, "cluster-slave-validity-factor")) {
        return CONFIG_VALIDITY_FACTOR;
    }
    if (span_is(name, "repl-ping-slave-period")) {
        return CONFIG_PING_PERIOD;
    }
    int parameter = 0;
    while (parameter < CONFIG_PARAMETERS && !span_is(name, names[parameter])) {
        parameter++;
    }
    return (enum config_parameter)parameter;
}
