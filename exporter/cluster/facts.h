// What one node tells about itself, as far as nodes are compared with each other.
#pragma once

#include "base/span.h"

// The settings whose difference between nodes matters, and those that tell where data is stored.
// Differences in the first ones are reported, up to CONFIG_COMPARED.
enum config_parameter {
    CONFIG_MAXMEMORY,
    CONFIG_MAXMEMORY_POLICY,
    CONFIG_NODE_TIMEOUT,
    CONFIG_FULL_COVERAGE,
    CONFIG_VALIDITY_FACTOR,
    CONFIG_MIGRATION_BARRIER,
    CONFIG_APPENDONLY,
    CONFIG_SAVE,
    CONFIG_BUFFER_LIMIT,
    CONFIG_BACKLOG_SIZE,
    CONFIG_COMPARED,
    CONFIG_DIR = CONFIG_COMPARED,
    CONFIG_DBFILENAME,
    CONFIG_APPENDFILENAME,
    CONFIG_APPENDDIRNAME,
    CONFIG_PING_PERIOD,
    CONFIG_PARAMETERS,
};

// The name that it has in CONFIG GET.
const char *config_parameter_name(enum config_parameter parameter);

// CONFIG_PARAMETERS for a name that is none of these; older spellings are known too.
enum config_parameter config_parameter_find(struct span name);

// Numbers are -1, and texts empty, where the node does not say.
struct facts {
    struct span config[CONFIG_PARAMETERS];
    struct span version; // of the server, in its own numbering
    struct span zone;    // availability zone
    int64_t keys;
    int64_t memory_used_bytes;
    int64_t memory_max_bytes; // 0: no limit
    int64_t full_syncs;       // given to replicas since it started
    int64_t clock_skew_us;    // its clock minus ours; INT64_MIN: not told
    bool saves_fail;          // the last RDB save
    bool aof_fails;           // the last write or rewrite of the AOF
};
