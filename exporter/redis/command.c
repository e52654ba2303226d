#include "redis/command.h"

#include "base/mem.h"

enum { WORDS_MAX = 4 };

struct command_row {
    const char *name;
    const char *words[WORDS_MAX]; // up to the first NULL
};

// INFO all, not everything: servers up to 5.0 answer "everything" with an empty reply.
static const struct command_row rows[COMMAND_COUNT] = {
    [COMMAND_INFO] = {"INFO", {"INFO", "all"}},
    [COMMAND_CLUSTER_INFO] = {"CLUSTER INFO", {"CLUSTER", "INFO"}},
    [COMMAND_CLUSTER_NODES] = {"CLUSTER NODES", {"CLUSTER", "NODES"}},
};

const char *command_name(enum command command)
{
    return rows[command].name;
}

void command_add(struct buf *buf, enum command command)
{
    size_t count = 0;
    while (count < WORDS_MAX && rows[command].words[count] != NULL) {
        count++;
    }
    resp_add_command(buf, count, rows[command].words);
}

// The texts are those of redis 3.2 to 8.0 and Valkey 8.0 to 9.1; "ERR This instance has cluster
// support disabled" is what a server without cluster mode says to CLUSTER.
bool command_is_refused(struct span error)
{
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
