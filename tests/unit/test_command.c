#include "redis/command.h"

#include <stdlib.h>

#include "support.h"

struct wire {
    enum command command;
    const char *name;
    const char *bytes;
};

static const struct wire wires[] = {
    {COMMAND_INFO, "INFO", "*2\r\n$4\r\nINFO\r\n$3\r\nall\r\n"},
    {COMMAND_CLUSTER_INFO, "CLUSTER INFO", "*2\r\n$7\r\nCLUSTER\r\n$4\r\nINFO\r\n"},
    {COMMAND_CLUSTER_NODES, "CLUSTER NODES", "*2\r\n$7\r\nCLUSTER\r\n$5\r\nNODES\r\n"},
};

static void commands_go_out_as_arrays(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(wires); i++) {
        struct buf out = BUF_EMPTY;
        command_add(&out, wires[i].command, NULL, 0);
        assert_span(buf_view(&out), wires[i].bytes);
        buf_free(&out);
    }
}

static void commands_have_the_names_that_operators_type(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(wires); i++) {
        assert_string_equal(command_name(wires[i].command), wires[i].name);
    }
}

static void commands_are_all_named_and_all_have_their_bit(void **state)
{
    command_set seen = 0;
    (void)state;
    for (int i = 0; i < COMMAND_COUNT; i++) {
        enum command command = (enum command)i;
        struct buf out = BUF_EMPTY;
        command_add(&out, command, NULL, 0);
        struct reply *words = reply_of(out.data, out.length);
        assert_true(span_starts(span_of(command_name(command)), words->element[0]->text));
        assert_false(seen & command_bit(command));
        seen |= command_bit(command);
        reply_free(words);
        buf_free(&out);
    }
}

// Unknown command and unknown CLUSTER subcommand, as nine versions say it.
static void each_versions_unknown_command_is_refused(void **state)
{
    static const char *const names[] = {"unknown", "unknown_sub"};
    (void)state;
    for (size_t i = 0; i < COUNT(captures); i += 2) {
        for (size_t j = 0; j < COUNT(names); j++) {
            size_t length;
            char *error = capture(captures[i], names[j], &length);
            assert_true(command_is_refused(guarded(span_make(error, length))));
            free(error);
        }
    }
    guards_release();
}

static void missing_right_and_missing_cluster_mode_are_refusals(void **state)
{
    static const char *const errors[] = {
        "NOPERM this user has no permissions to run the 'cluster|nodes' command",
        "NOPERM this user has no permissions to run the 'cluster' command or its subcommand",
        "ERR This instance has cluster support disabled",
        "ERR unknown command 'CLUSTER', with args beginning with: 'INFO' ",
        "ERR unknown subcommand 'NODES'. Try CLUSTER HELP.",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(errors); i++) {
        assert_true(command_is_refused(guarded_text(errors[i])));
    }
    guards_release();
}

static void passing_troubles_are_no_refusals(void **state)
{
    static const char *const errors[] = {
        "",
        "ERR",
        "NOPER",
        "LOADING Redis is loading the dataset in memory",
        "CLUSTERDOWN The cluster is down",
        "CLUSTERDOWN Hash slot not served",
        "BUSY Redis is busy running a script.",
        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        "NOAUTH Authentication required.",
        "MISCONF Redis is configured to save RDB snapshots",
        "ERR max number of clients reached",
        "ERR syntax error",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(errors); i++) {
        assert_false(command_is_refused(guarded_text(errors[i])));
    }
    guards_release();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_go_out_as_arrays),
        cmocka_unit_test(commands_have_the_names_that_operators_type),
        cmocka_unit_test(commands_are_all_named_and_all_have_their_bit),
        cmocka_unit_test(each_versions_unknown_command_is_refused),
        cmocka_unit_test(missing_right_and_missing_cluster_mode_are_refusals),
        cmocka_unit_test(passing_troubles_are_no_refusals),
    };
    return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
