#include "redis/command.h"

#include <ctype.h>

#include "base/mem.h"

#define NEVER UINT32_MAX

enum { WORDS_MAX = 28 };

struct command_row {
    const char *name;
    const char *words[WORDS_MAX]; // up to the first NULL
    uint32_t redis_since;         // 0: every version
    uint32_t valkey_since;
    bool cluster_only;  // an error without cluster mode
    bool sentinel_too;  // Sentinel has it
    bool sentinel_only; // and nobody else
};

#define SENTINEL_ONLY .sentinel_too = true, .sentinel_only = true

// INFO all, not everything: servers up to 5.0 answer "everything" with an empty reply. CONFIG GET
// takes several names since 7.0; before, all parameters are fetched and most of them dropped.
static const struct command_row rows[COMMAND_COUNT] = {
    [COMMAND_INFO] = {"INFO", {"INFO", "all"}, .sentinel_too = true},
    [COMMAND_CLUSTER_INFO] = {"CLUSTER INFO", {"CLUSTER", "INFO"}, .cluster_only = true},
    [COMMAND_CLUSTER_NODES] = {"CLUSTER NODES", {"CLUSTER", "NODES"}, .cluster_only = true},
    [COMMAND_CONFIG_GET] = {"CONFIG GET",
                            {"CONFIG",
                             "GET",
                             "databases",
                             "io-threads",
                             "maxclients",
                             "maxmemory",
                             "repl-backlog-size",
                             "client-output-buffer-limit",
                             "cluster-node-timeout",
                             "cluster-require-full-coverage",
                             "cluster-replica-validity-factor",
                             "cluster-migration-barrier",
                             "commandlog-execution-slower-than",
                             "commandlog-slow-execution-max-len",
                             "commandlog-request-larger-than",
                             "commandlog-large-request-max-len",
                             "commandlog-reply-larger-than",
                             "commandlog-large-reply-max-len",
                             "maxmemory-policy",
                             "appendonly",
                             "save",
                             "dir",
                             "dbfilename",
                             "appendfilename",
                             "appenddirname",
                             "repl-ping-replica-period"},
                            .redis_since = 70000},
    [COMMAND_CONFIG_GET_ALL] = {"CONFIG GET", {"CONFIG", "GET", "*"}},
    [COMMAND_SLOWLOG_LEN] = {"SLOWLOG LEN", {"SLOWLOG", "LEN"}},
    [COMMAND_SLOWLOG_GET] = {"SLOWLOG GET", {"SLOWLOG", "GET", "1"}},
    [COMMAND_LATENCY_LATEST] = {"LATENCY LATEST", {"LATENCY", "LATEST"}},
    [COMMAND_LATENCY_HISTOGRAM] = {"LATENCY HISTOGRAM",
                                   {"LATENCY", "HISTOGRAM"},
                                   .redis_since = 70000},
    [COMMAND_COMMANDLOG_SLOW] = {"COMMANDLOG LEN",
                                 {"COMMANDLOG", "LEN", "slow"},
                                 .redis_since = NEVER,
                                 .valkey_since = 80100},
    [COMMAND_COMMANDLOG_REQUEST] = {"COMMANDLOG LEN",
                                    {"COMMANDLOG", "LEN", "large-request"},
                                    .redis_since = NEVER,
                                    .valkey_since = 80100},
    [COMMAND_COMMANDLOG_REPLY] = {"COMMANDLOG LEN",
                                  {"COMMANDLOG", "LEN", "large-reply"},
                                  .redis_since = NEVER,
                                  .valkey_since = 80100},
    [COMMAND_CLIENT_LIST] = {"CLIENT LIST", {"CLIENT", "LIST"}},
    [COMMAND_INFO_MODULES] = {"INFO", {"INFO", "modules"}, .redis_since = 60000},
    [COMMAND_CLUSTER_LINKS] = {"CLUSTER LINKS",
                               {"CLUSTER", "LINKS"},
                               .redis_since = 70000,
                               .cluster_only = true},
    [COMMAND_CLUSTER_GETSLOTMIGRATIONS] = {"CLUSTER GETSLOTMIGRATIONS",
                                           {"CLUSTER", "GETSLOTMIGRATIONS"},
                                           .redis_since = NEVER,
                                           .valkey_since = 90000,
                                           .cluster_only = true},
    [COMMAND_SELECT] = {"SELECT", {"SELECT"}},
    [COMMAND_SCAN] = {"SCAN", {"SCAN"}},
    [COMMAND_TYPE] = {"TYPE", {"TYPE"}},
    [COMMAND_MEMORY_USAGE] = {"MEMORY USAGE", {"MEMORY", "USAGE"}, .redis_since = 40000},
    [COMMAND_STRLEN] = {"STRLEN", {"STRLEN"}},
    [COMMAND_GETRANGE] = {"GETRANGE", {"GETRANGE"}},
    [COMMAND_PFCOUNT] = {"PFCOUNT", {"PFCOUNT"}},
    [COMMAND_LLEN] = {"LLEN", {"LLEN"}},
    [COMMAND_SCARD] = {"SCARD", {"SCARD"}},
    [COMMAND_ZCARD] = {"ZCARD", {"ZCARD"}},
    [COMMAND_HLEN] = {"HLEN", {"HLEN"}},
    [COMMAND_XLEN] = {"XLEN", {"XLEN"}, .redis_since = 50000},
    [COMMAND_XINFO_STREAM] = {"XINFO STREAM", {"XINFO", "STREAM"}, .redis_since = 50000},
    [COMMAND_XINFO_GROUPS] = {"XINFO GROUPS", {"XINFO", "GROUPS"}, .redis_since = 50000},
    [COMMAND_XINFO_CONSUMERS] = {"XINFO CONSUMERS", {"XINFO", "CONSUMERS"}, .redis_since = 50000},
    [COMMAND_FT_LIST] = {"FT._LIST", {"FT._LIST"}, .redis_since = 60000},
    [COMMAND_FT_INFO] = {"FT.INFO", {"FT.INFO"}, .redis_since = 60000},
    [COMMAND_SENTINEL_MASTERS] = {"SENTINEL MASTERS", {"SENTINEL", "MASTERS"}, SENTINEL_ONLY},
    [COMMAND_SENTINEL_CKQUORUM] = {"SENTINEL CKQUORUM", {"SENTINEL", "CKQUORUM"}, SENTINEL_ONLY},
    [COMMAND_SENTINEL_SENTINELS] = {"SENTINEL SENTINELS", {"SENTINEL", "SENTINELS"}, SENTINEL_ONLY},
    [COMMAND_SENTINEL_SLAVES] = {"SENTINEL SLAVES", {"SENTINEL", "SLAVES"}, SENTINEL_ONLY},
    [COMMAND_SENTINEL_CONFIG] = {"SENTINEL CONFIG",
                                 {"SENTINEL", "CONFIG", "GET", "*"},
                                 .redis_since = 60200,
                                 SENTINEL_ONLY},
    [COMMAND_CLUSTER_COUNTKEYSINSLOT] = {"CLUSTER COUNTKEYSINSLOT",
                                         {"CLUSTER", "COUNTKEYSINSLOT"},
                                         .cluster_only = true},
    [COMMAND_CLUSTER_SLOT_STATS] = {"CLUSTER SLOT-STATS",
                                    {"CLUSTER", "SLOT-STATS"},
                                    .redis_since = 80200,
                                    .valkey_since = 80000,
                                    .cluster_only = true},
};

const char *command_name(enum command command)
{
    return rows[command].name;
}

static void add_lower(struct buf *buf, const char *word)
{
    for (; *word != '\0'; word++) {
        buf_char(buf, (char)(tolower)((unsigned char)*word));
    }
}

// The words of a name of one word are arguments; otherwise the second one is a subcommand.
void command_add_rule(struct buf *buf, enum command command)
{
    const struct command_row *row = &rows[command];
    buf_char(buf, '+');
    add_lower(buf, row->words[0]);
    if (strcmp(row->name, row->words[0]) != 0) {
        buf_char(buf, '|');
        add_lower(buf, row->words[1]);
    }
}

static void add_words(struct buf *buf, enum command command, const struct span *arguments,
                      size_t count)
{
    struct span words[RESP_WORDS_MAX];
    size_t total = 0;
    while (total < WORDS_MAX && rows[command].words[total] != NULL) {
        words[total] = span_of(rows[command].words[total]);
        total++;
    }
    for (size_t i = 0; i < count; i++) {
        CHECK(total < RESP_WORDS_MAX);
        words[total++] = arguments[i];
    }
    resp_add_command(buf, total, words);
}

// Commands without arguments are always the same text.
static struct span whole_text(enum command command)
{
    static struct span texts[COMMAND_COUNT];
    if (texts[command].length == 0) {
        struct buf text = BUF_EMPTY;
        add_words(&text, command, NULL, 0);
        texts[command] = buf_view(&text); // for as long as the process lives
    }
    return texts[command];
}

void command_add(struct buf *buf, enum command command, const struct span *arguments, size_t count)
{
    if (count == 0) {
        buf_span(buf, whole_text(command));
    } else {
        add_words(buf, command, arguments, count);
    }
}

static bool is_available(const struct command_row *row, const struct server_kind *server)
{
    if ((row->cluster_only && !server->cluster_mode) || (server->sentinel && !row->sentinel_too) ||
        (row->sentinel_only && !server->sentinel)) {
        return false;
    }
    if (server->valkey_version != VERSION_NONE) {
        return server->valkey_version >= row->valkey_since;
    }
    return server->redis_version >= row->redis_since;
}

// The names of CONFIG GET stand for all of them where several names are not understood.
command_set command_available(command_set wanted, const struct server_kind *server)
{
    command_set all = command_bit(COMMAND_CONFIG_GET_ALL);
    command_set some = command_bit(COMMAND_CONFIG_GET);
    command_set available = 0;
    if ((wanted & some) && !is_available(&rows[COMMAND_CONFIG_GET], server)) {
        wanted |= all;
    }
    if (wanted & all) {
        wanted &= ~some;
    }
    for (int command = 0; command < COMMAND_COUNT; command++) {
        if ((wanted & command_bit((enum command)command)) && is_available(&rows[command], server)) {
            available |= command_bit((enum command)command);
        }
    }
    return available;
}

bool command_is_about_key(struct span error)
{
    return span_starts(error, SPAN("NOPERM")) && span_contains(error, SPAN(" key"));
}

// The texts are those of redis 3.2 to 8.0 and Valkey 8.0 to 9.1; "ERR This instance has cluster
// support disabled" is what a server without cluster mode says to CLUSTER.
bool command_is_refused(struct span error)
{
    if (command_is_about_key(error)) {
        return false;
    }

    static const char *const beginnings[] = {
        "NOPERM",
        "ERR unknown command",
        "ERR unknown subcommand",
        "ERR Unknown subcommand",
        "ERR Wrong CLUSTER subcommand",
        "ERR This instance has cluster support disabled",
    };
    return span_starts_any(error, beginnings, sizeof(beginnings) / sizeof(beginnings[0]));
}
