#include "config/acl.h"

#include <stdio.h>

enum {
    FIRST_WITH_ACL = 60000,       // 6.0.0
    FIRST_WITH_READ_KEYS = 70000, // 7.0.0: rights to read keys only
};

static void add_rules(struct buf *line, command_set commands)
{
    for (int command = 0; command < COMMAND_COUNT; command++) {
        size_t start = line->length;
        if (!(commands & command_bit((enum command)command))) {
            continue;
        }
        buf_char(line, ' ');
        command_add_rule(line, (enum command)command);
        struct span rule = span_make(line->data + start, line->length - start);
        if (span_contains(span_make(line->data, start), rule)) {
            line->length = start; // a second form of the same command
        }
    }
}

// Only commands that the version has: an unknown subcommand in a rule is an error since 7.0.
bool acl_print(const char *version, collector_set set)
{
    struct span text = span_of(version);
    struct span valkey = SPAN("valkey-");
    bool is_valkey = span_starts(text, valkey);
    uint32_t number = server_version(is_valkey ? span_skip(text, valkey.length) : text);
    struct server_kind server = {
        .redis_version = number,
        .valkey_version = is_valkey ? number : VERSION_NONE,
        .cluster_mode = true,
    };
    struct buf line = BUF_EMPTY;
    if (number < FIRST_WITH_ACL) {
        fputs("redis_cluster_exporter: --print-acl: must be a version such as 7.0 or valkey-8.1; "
              "before Redis 6.0 there are no users\n",
              stderr);
        return false;
    }
    buf_text(&line, "ACL SETUSER exporter on >PASSWORD -@all +client|setname");
    if (set & (collector_bit(COLLECTOR_KEYS) | collector_bit(COLLECTOR_STREAMS))) {
        buf_text(&line, number >= FIRST_WITH_READ_KEYS ? " %R~*" : " ~*");
    }
    add_rules(&line, command_available(collectors_all_commands(set), &server));
    printf("%.*s\n", (int)line.length, line.data);
    buf_free(&line);
    return true;
}
