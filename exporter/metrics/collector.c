#include "metrics/collector.h"

#define BIT(command) ((command_set)1 << (command))

const struct collector_row collectors[COLLECTOR_COUNT] = {
    [COLLECTOR_BASE] = {NULL, true, "INFO, CLUSTER INFO, CLUSTER NODES, CLUSTER GETSLOTMIGRATIONS",
                        BIT(COMMAND_INFO) | BIT(COMMAND_CLUSTER_INFO) | BIT(COMMAND_CLUSTER_NODES) |
                            BIT(COMMAND_CLUSTER_GETSLOTMIGRATIONS),
                        "about 175",
                        BIT(COMMAND_SENTINEL_MASTERS) | BIT(COMMAND_SENTINEL_CKQUORUM) |
                            BIT(COMMAND_SENTINEL_SENTINELS) | BIT(COMMAND_SENTINEL_SLAVES) |
                            BIT(COMMAND_CLUSTER_COUNTKEYSINSLOT)},
    [COLLECTOR_COMMANDSTATS] = {"commandstats", true,
                                "calls, time and failures of each command (INFO)", 0,
                                "4 a command"},
    [COLLECTOR_ERRORSTATS] = {"errorstats", true, "errors by their prefix (INFO, Redis 6.2)", 0,
                              "1 an error prefix"},
    [COLLECTOR_LATENCYSTATS] = {"latencystats", true,
                                "latency quantiles of each command (INFO, Redis 7.0)", 0,
                                "3 a command (1 a quantile)"},
    [COLLECTOR_LATENCY] = {"latency", true, "spikes of the latency monitor (LATENCY LATEST)",
                           BIT(COMMAND_LATENCY_LATEST), "3 an event"},
    [COLLECTOR_SLOWLOG] = {"slowlog", true, "length and newest entry of the slow log",
                           BIT(COMMAND_SLOWLOG_LEN) | BIT(COMMAND_SLOWLOG_GET), "1 to 3"},
    [COLLECTOR_COMMANDLOG] = {"commandlog", true, "length of the command logs (Valkey 8.1)",
                              BIT(COMMAND_COMMANDLOG_SLOW) | BIT(COMMAND_COMMANDLOG_REQUEST) |
                                  BIT(COMMAND_COMMANDLOG_REPLY),
                              "9 on Valkey 8.1, else none"},
    [COLLECTOR_CONFIG] = {"config", true, "limits and cluster settings (CONFIG GET)",
                          BIT(COMMAND_CONFIG_GET), "18"},
    [COLLECTOR_LATENCY_HISTOGRAM] = {"latency-histogram", false,
                                     "latency histogram of each command (Redis 7.0)",
                                     BIT(COMMAND_LATENCY_HISTOGRAM), "27 a command"},
    [COLLECTOR_CLIENTS] = {"clients", false, "connections by kind, summed up (CLIENT LIST)",
                           BIT(COMMAND_CLIENT_LIST), "6 a kind of client, 4 kinds"},
    [COLLECTOR_CONFIG_ALL] = {"config-all", false, "every numeric setting (CONFIG GET *)",
                              BIT(COMMAND_CONFIG_GET_ALL), "about 80",
                              BIT(COMMAND_SENTINEL_CONFIG)},
    [COLLECTOR_MODULES] = {"modules", false, "loaded modules and their figures (INFO modules)",
                           BIT(COMMAND_INFO_MODULES), "1 a module, and what it tells"},
    [COLLECTOR_SEARCH] = {"search", false, "search indexes (FT.INFO)", BIT(COMMAND_INFO_MODULES),
                          "up to 24 an index", BIT(COMMAND_FT_LIST) | BIT(COMMAND_FT_INFO)},
    [COLLECTOR_KEYS] = {"keys", false,
                        "on when --check-keys and the like, or --count-keys, name any", 0,
                        "2 or 3 a key, 1 a pattern that is counted",
                        BIT(COMMAND_SELECT) | BIT(COMMAND_SCAN) | BIT(COMMAND_TYPE) |
                            BIT(COMMAND_MEMORY_USAGE) | BIT(COMMAND_STRLEN) |
                            BIT(COMMAND_GETRANGE) | BIT(COMMAND_PFCOUNT) | BIT(COMMAND_LLEN) |
                            BIT(COMMAND_SCARD) | BIT(COMMAND_ZCARD) | BIT(COMMAND_HLEN) |
                            BIT(COMMAND_XLEN)},
    [COLLECTOR_STREAMS] = {"streams", false, "on when --check-streams and the like name any", 0,
                           "9 a stream, 5 a group, 2 a consumer",
                           BIT(COMMAND_SELECT) | BIT(COMMAND_SCAN) | BIT(COMMAND_TYPE) |
                               BIT(COMMAND_XINFO_STREAM) | BIT(COMMAND_XINFO_GROUPS) |
                               BIT(COMMAND_XINFO_CONSUMERS)},
    [COLLECTOR_CLIENT_LIST] = {"client-list", false,
                               "each client connection, by id and name (CLIENT LIST)",
                               BIT(COMMAND_CLIENT_LIST), "13 a client, 1000 clients at most"},
    [COLLECTOR_LINKS] = {"links", false,
                         "links of the cluster bus and their send buffers (Redis 7.0)",
                         BIT(COMMAND_CLUSTER_LINKS), "5"},
    [COLLECTOR_SLOT_STATS] = {"slot-stats", false,
                              "the slots of each master that lead (CLUSTER SLOT-STATS)", 0,
                              "on masters 1 a slot, 10 slots (--cluster.hot-slots); with "
                              "cluster-slot-stats-enabled 4 a slot, up to 40 slots "
                              "(Redis 8.4: 5 a slot, up to 50)",
                              BIT(COMMAND_CLUSTER_SLOT_STATS)},
};

collector_set collectors_by_default(void)
{
    collector_set set = 0;
    for (int i = 0; i < COLLECTOR_COUNT; i++) {
        set |= collectors[i].on ? collector_bit((enum collector)i) : 0;
    }
    return set;
}

command_set collectors_commands(collector_set set)
{
    command_set commands = 0;
    for (int i = 0; i < COLLECTOR_COUNT; i++) {
        commands |= set & collector_bit((enum collector)i) ? collectors[i].commands : 0;
    }
    return commands;
}

command_set collectors_all_commands(collector_set set)
{
    command_set commands = collectors_commands(set);
    for (int i = 0; i < COLLECTOR_COUNT; i++) {
        commands |= set & collector_bit((enum collector)i) ? collectors[i].further : 0;
    }
    return commands;
}
