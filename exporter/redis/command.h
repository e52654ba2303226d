// The commands that a scrape may send, in the order in which they are sent.
#pragma once

#include "redis/resp.h"
#include "redis/server_kind.h"

enum command {
    COMMAND_INFO,
    COMMAND_CLUSTER_INFO,
    COMMAND_CLUSTER_NODES,
    COMMAND_CONFIG_GET,     // the parameters of the catalog
    COMMAND_CONFIG_GET_ALL, // all of them
    COMMAND_SLOWLOG_LEN,
    COMMAND_SLOWLOG_GET, // the newest entry
    COMMAND_LATENCY_LATEST,
    COMMAND_LATENCY_HISTOGRAM,
    COMMAND_COMMANDLOG_SLOW,
    COMMAND_COMMANDLOG_REQUEST,
    COMMAND_COMMANDLOG_REPLY,
    COMMAND_CLIENT_LIST,
    COMMAND_INFO_MODULES,
    COMMAND_CLUSTER_LINKS,
    COMMAND_CLUSTER_GETSLOTMIGRATIONS,
    // These carry arguments and follow from replies (conn_queue):
    COMMAND_SELECT,
    COMMAND_SCAN,
    COMMAND_TYPE,
    COMMAND_MEMORY_USAGE,
    COMMAND_STRLEN,
    COMMAND_GETRANGE,
    COMMAND_PFCOUNT,
    COMMAND_LLEN,
    COMMAND_SCARD,
    COMMAND_ZCARD,
    COMMAND_HLEN,
    COMMAND_XLEN,
    COMMAND_XINFO_STREAM,
    COMMAND_XINFO_GROUPS,
    COMMAND_XINFO_CONSUMERS,
    COMMAND_FT_LIST,
    COMMAND_FT_INFO,
    COMMAND_SENTINEL_MASTERS,
    COMMAND_SENTINEL_CKQUORUM,
    COMMAND_SENTINEL_SENTINELS,
    COMMAND_SENTINEL_SLAVES,
    COMMAND_SENTINEL_CONFIG,
    COMMAND_CLUSTER_COUNTKEYSINSLOT,
    COMMAND_CLUSTER_SLOT_STATS,
    COMMAND_COUNT,
};

typedef uint64_t command_set; // bit 1 << command

static inline command_set command_bit(enum command command)
{
    return (command_set)1 << command;
}

// As an operator would type it; for logs.
const char *command_name(enum command command);

// Adds the right to run it, as an ACL rule names it: "+info", "+cluster|nodes".
void command_add_rule(struct buf *buf, enum command command);

// Adds the command in wire format, with further arguments; `arguments` may be NULL.
void command_add(struct buf *buf, enum command command, const struct span *arguments, size_t count);

// Those of `wanted` that such a server has, so that it is never made to count an error.
command_set command_available(command_set wanted, const struct server_kind *server);

// Whether an error says that this server, or this user, will not answer the command however often
// it is asked: unknown command or subcommand, no permission, no cluster mode.
bool command_is_refused(struct span error);

// Whether an error says that this user may not see this key; others it may.
// Source: redis src/acl.c, "NOPERM ... access one of the keys" (6.0), "... access a key" (7.0).
bool command_is_about_key(struct span error);
