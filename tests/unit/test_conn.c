// One connection against a scripted server in the same event loop.
#include "redis/conn.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "fake_node.h"
#include "support.h"

#define INFO_REPLY          "$12\r\nrole:master\n\r\n"
#define CLUSTER_INFO_REPLY  "$16\r\ncluster_state:ok\r\n"
#define CLUSTER_NODES_REPLY "$4\r\na b\n\r\n"

#define HANDSHAKE    "| CLIENT"
#define ALL_COMMANDS "INFO CLUSTER INFO CLUSTER NODES"

enum { LIMIT_US = 5 * SECOND_US, SHORT_LIMIT_US = 100000 };

static const command_set all = (command_set)1 << COMMAND_INFO |
                               (command_set)1 << COMMAND_CLUSTER_INFO |
                               (command_set)1 << COMMAND_CLUSTER_NODES;

struct talk {
    struct event_base *base;
    struct evdns_base *dns;
    struct fake_node *node;
    struct conn_options options;
    struct login login;
    struct credentials credentials; // of single servers
    struct conn *conn;
    struct buf replies; // "INFO "text"", one a line
    bool done;
    size_t done_count;
    enum outcome outcome;
    char detail[256];
    bool free_when_done;
    bool inside_ask;
    int64_t skip_at_reply_us; // how much later it is with each reply
};

// The clock runs ahead of the real one by this much.
static int64_t clock_skip_us;

int64_t __real_clock_monotonic_us(void);
int64_t __wrap_clock_monotonic_us(void);

int64_t __wrap_clock_monotonic_us(void)
{
    return __real_clock_monotonic_us() + clock_skip_us;
}

static void on_reply(void *owner, enum command command, struct reply *reply)
{
    struct talk *talk = owner;
    char *line = reply_line(reply);
    assert_false(talk->inside_ask);
    clock_skip_us += talk->skip_at_reply_us;
    buf_format(&talk->replies, "%s %s\n", command_name(command), line);
    free(line);
}

static void on_done(void *owner, enum outcome outcome, const char *detail)
{
    struct talk *talk = owner;
    assert_false(talk->inside_ask);
    talk->done = true;
    talk->done_count++;
    talk->outcome = outcome;
    snprintf(talk->detail, sizeof(talk->detail), "%s", detail);
    if (talk->free_when_done) {
        conn_free(talk->conn);
        talk->conn = NULL;
    }
}

static void connect_to(struct talk *talk, const struct address *address)
{
    conn_free(talk->conn);
    talk->conn = conn_new(&talk->options, address, (struct conn_handler){on_reply, on_done, talk});
}

static int begin(void **state)
{
    struct talk *talk = mem_new(1, sizeof(*talk));
    talk->base = event_base_new();
    talk->dns = evdns_base_new(talk->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    talk->node = fake_node_new(talk->base);
    talk->options = (struct conn_options){.base = talk->base,
                                          .login = &talk->login,
                                          .dns = talk->dns,
                                          .connect_timeout_us = LIMIT_US,
                                          .reply_timeout_us = LIMIT_US,
                                          .reply_bytes_max = 1 << 20};
    fake_node_answer(talk->node, "INFO", INFO_REPLY);
    fake_node_answer(talk->node, "CLUSTER INFO", CLUSTER_INFO_REPLY);
    fake_node_answer(talk->node, "CLUSTER NODES", CLUSTER_NODES_REPLY);
    talk->options.credentials = &talk->credentials;
    connect_to(talk, &talk->node->address);
    *state = talk;
    return 0;
}

static int end(void **state)
{
    struct talk *talk = *state;
    conn_free(talk->conn);
    fake_node_free(talk->node);
    evdns_base_free(talk->dns, 0);
    event_base_free(talk->base);
    buf_free(&talk->replies);
    credentials_clear(&talk->credentials);
    free(talk);
    return 0;
}

static void start_asking(struct talk *talk)
{
    talk->done = false;
    buf_free(&talk->replies);
    talk->inside_ask = true;
    conn_ask(talk->conn, all);
    talk->inside_ask = false;
}

static enum outcome await(struct talk *talk)
{
    size_t before = talk->done_count;
    run_until(talk->base, &talk->done);
    run_idle(talk->base);
    assert_int_equal(talk->done_count, before + 1);
    return talk->outcome;
}

static enum outcome ask(struct talk *talk)
{
    start_asking(talk);
    return await(talk);
}

// INFO alone, and then the others as a further part.
static enum outcome ask_in_two_parts(struct talk *talk)
{
    talk->done = false;
    conn_ask(talk->conn, command_bit(COMMAND_INFO));
    assert_int_equal(await(talk), OUTCOME_OK);
    talk->done = false;
    buf_free(&talk->replies);
    conn_ask_more(talk->conn, all & ~command_bit(COMMAND_INFO));
    return await(talk);
}

static const char three_replies[] = "INFO \"role:master\n\"\n"
                                    "CLUSTER INFO \"cluster_state:ok\"\n"
                                    "CLUSTER NODES \"a b\n\"\n";

// --- When all goes well ---

static void all_commands_go_out_in_one_write(void **state)
{
    struct talk *talk = *state;
    assert_false(conn_is_open(talk->conn));
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_span(buf_view(&talk->replies), three_replies);
    assert_string_equal(talk->detail, "");
    assert_int_equal(talk->node->reads, 1);
    fake_node_expect(talk->node, HANDSHAKE " " ALL_COMMANDS);
    assert_true(conn_is_open(talk->conn));
    assert_true(address_equal(conn_address(talk->conn), &talk->node->address));
}

static void wire_format_is_what_servers_expect(void **state)
{
    struct talk *talk = *state;
    talk->login.user = "me";
    talk->login.password = "p w";
    ask(talk);
    assert_span(buf_view(&talk->node->received),
                "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$3\r\np w\r\n"
                "*3\r\n$6\r\nCLIENT\r\n$7\r\nSETNAME\r\n$22\r\nredis_cluster_exporter\r\n"
                "*2\r\n$4\r\nINFO\r\n$3\r\nall\r\n"
                "*2\r\n$7\r\nCLUSTER\r\n$4\r\nINFO\r\n"
                "*2\r\n$7\r\nCLUSTER\r\n$5\r\nNODES\r\n");
}

static void password_alone_is_for_the_default_user(void **state)
{
    struct talk *talk = *state;
    talk->login.password = "pw";
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_true(span_starts(buf_view(&talk->node->received),
                            SPAN("*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n*3\r\n$6\r\nCLIENT\r\n")));
    fake_node_expect(talk->node, "| AUTH CLIENT " ALL_COMMANDS);
}

static void mapped_address_is_where_it_connects_and_not_what_it_tells(void **state)
{
    struct talk *talk = *state;
    struct address_map map = {.count = 0};
    const struct address announced = {.host = "192.0.2.1", .port = 6379};
    struct buf rule = BUF_EMPTY;
    buf_text(&rule, "192.0.2.1=");
    address_add(&rule, talk->node->address.host, talk->node->address.port);
    assert_null(address_map_add(&map, buf_view(&rule)));
    buf_free(&rule);
    talk->options.address_map = &map;
    connect_to(talk, &announced);
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_true(address_equal(conn_address(talk->conn), &announced));
    address_map_clear(&map);
}

static void connection_is_kept_between_asks(void **state)
{
    struct talk *talk = *state;
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_span(buf_view(&talk->replies), three_replies);
    fake_node_expect(talk->node, HANDSHAKE " " ALL_COMMANDS " " ALL_COMMANDS);
}

static void replies_may_dribble(void **state)
{
    struct talk *talk = *state;
    talk->node->one_byte_a_turn = true;
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_span(buf_view(&talk->replies), three_replies);
}

static void reply_may_be_large(void **state)
{
    enum { LENGTH = 3 << 20 };
    struct talk *talk = *state;
    struct buf reply = BUF_EMPTY;
    buf_format(&reply, "$%d\r\n", LENGTH);
    memset(buf_reserve(&reply, LENGTH), 'x', LENGTH);
    reply.length += LENGTH;
    buf_text(&reply, "\r\n");
    buf_char(&reply, '\0');
    talk->options.reply_bytes_max = 4 << 20;
    fake_node_answer(talk->node, "INFO", reply.data);
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_true(talk->replies.length > LENGTH);
    buf_free(&reply);
}

static void handler_may_free_the_connection_when_done(void **state)
{
    struct talk *talk = *state;
    talk->free_when_done = true;
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_null(talk->conn);
}

static void handler_may_free_the_connection_when_it_failed(void **state)
{
    struct talk *talk = *state;
    talk->free_when_done = true;
    fake_node_answer(talk->node, "INFO", "garbage\r\n");
    assert_int_equal(ask(talk), OUTCOME_MALFORMED);
    connect_to(talk, &talk->node->address);
    talk->node->close_after = 3;
    assert_int_equal(ask(talk), OUTCOME_CLOSED);
    connect_to(talk, &talk->node->address);
    fake_node_stop_listening(talk->node);
    assert_int_equal(ask(talk), OUTCOME_REFUSED);
    assert_null(talk->conn);
}

// --- Kept connections that die ---

static void connection_closed_while_idle_is_made_anew(void **state)
{
    struct talk *talk = *state;
    assert_int_equal(ask(talk), OUTCOME_OK);
    fake_node_hang_up(talk->node);
    run_idle(talk->base);
    assert_false(conn_is_open(talk->conn));
    assert_int_equal(ask(talk), OUTCOME_OK);
    fake_node_expect(talk->node, HANDSHAKE " " ALL_COMMANDS " " HANDSHAKE " " ALL_COMMANDS);
}

// Another server may be there by now, of which nothing is known.
static void dead_connection_is_made_anew_within_the_ask_for_info_alone(void **state)
{
    struct talk *talk = *state;
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_true(conn_connect_us(talk->conn) > 0);
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_true(conn_connect_us(talk->conn) == 0);
    fake_node_hang_up(talk->node);
    assert_true(conn_is_open(talk->conn)); // it does not know yet
    buf_free(&talk->node->log);
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_true(conn_connect_us(talk->conn) > 0);
    assert_span(buf_view(&talk->replies), "INFO \"role:master\n\"\n");
    assert_string_equal(talk->detail, "");
    fake_node_expect(talk->node, HANDSHAKE " INFO");
}

static void further_part_of_an_ask_uses_its_connection(void **state)
{
    struct talk *talk = *state;
    assert_int_equal(ask_in_two_parts(talk), OUTCOME_OK);
    assert_true(conn_connect_us(talk->conn) == 0);
    assert_span(buf_view(&talk->replies),
                "CLUSTER INFO \"cluster_state:ok\"\nCLUSTER NODES \"a b\n\"\n");
    fake_node_expect(talk->node, HANDSHAKE " " ALL_COMMANDS);
}

static void further_part_gets_no_second_attempt(void **state)
{
    struct talk *talk = *state;
    talk->node->close_after = strlen("+OK\r\n" INFO_REPLY) + 1;
    assert_int_equal(ask_in_two_parts(talk), OUTCOME_CLOSED);
    fake_node_expect(talk->node, HANDSHAKE " " ALL_COMMANDS);
}

static void dead_connection_to_a_dead_server_is_refused(void **state)
{
    struct talk *talk = *state;
    assert_int_equal(ask(talk), OUTCOME_OK);
    fake_node_hang_up(talk->node);
    fake_node_stop_listening(talk->node);
    assert_int_equal(ask(talk), OUTCOME_REFUSED);
}

static void second_attempt_is_the_last(void **state)
{
    struct talk *talk = *state;
    assert_int_equal(ask(talk), OUTCOME_OK);
    fake_node_hang_up(talk->node);
    talk->node->close_after = 3;
    assert_int_equal(ask(talk), OUTCOME_CLOSED);
    assert_false(conn_is_open(talk->conn));
}

// What was read already would be told twice.
static void kept_connection_that_dies_in_a_reply_gets_no_second_attempt(void **state)
{
    struct talk *talk = *state;
    assert_int_equal(ask(talk), OUTCOME_OK);
    talk->node->close_after = talk->node->sent + strlen(INFO_REPLY) + 1;
    assert_int_equal(ask(talk), OUTCOME_CLOSED);
    assert_span(buf_view(&talk->replies), "INFO \"role:master\n\"\n");
    fake_node_expect(talk->node, HANDSHAKE " " ALL_COMMANDS " " ALL_COMMANDS);
}

static void new_connection_gets_no_second_attempt(void **state)
{
    struct talk *talk = *state;
    talk->node->close_after = 1;
    assert_int_equal(ask(talk), OUTCOME_CLOSED);
    fake_node_expect(talk->node, HANDSHAKE " " ALL_COMMANDS);
}

static void unasked_bytes_close_an_idle_connection(void **state)
{
    struct talk *talk = *state;
    assert_int_equal(ask(talk), OUTCOME_OK);
    fake_node_say(talk->node, "+surprise\r\n");
    run_idle(talk->base);
    assert_false(conn_is_open(talk->conn));
    assert_int_equal(talk->done_count, 1);
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_span(buf_view(&talk->replies), three_replies);
}

// They come between the last look at the connection and the ask.
static void unasked_bytes_are_not_taken_for_a_reply(void **state)
{
    struct talk *talk = *state;
    assert_int_equal(ask(talk), OUTCOME_OK);
    buf_free(&talk->node->log);
    assert_int_equal(send(talk->node->fd, "$5\r\nhello\r\n", 11, 0), 11);
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_span(buf_view(&talk->replies), "INFO \"role:master\n\"\n");
    fake_node_expect(talk->node, HANDSHAKE " INFO");
}

// --- Commands that the server will not answer ---

static void refused_command_is_asked_again_on_a_new_connection(void **state)
{
    struct talk *talk = *state;
    fake_node_answer(talk->node, "CLUSTER NODES",
                     "-NOPERM this user has no permissions to run the 'cluster|nodes' command\r\n");
    assert_int_equal(ask(talk), OUTCOME_OK);
    fake_node_expect(talk->node, HANDSHAKE " " ALL_COMMANDS);
    assert_int_equal(ask(talk), OUTCOME_OK);
    fake_node_expect(talk->node, "INFO CLUSTER INFO");
    fake_node_hang_up(talk->node);
    run_idle(talk->base);
    fake_node_answer(talk->node, "CLUSTER NODES", CLUSTER_NODES_REPLY);
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_span(buf_view(&talk->replies), three_replies);
    fake_node_expect(talk->node, HANDSHAKE " " ALL_COMMANDS);
}

static void refused_command_is_asked_again_after_five_minutes(void **state)
{
    struct talk *talk = *state;
    fake_node_answer(talk->node, "CLUSTER INFO", "-NOPERM User has no permissions\r\n");
    assert_int_equal(ask(talk), OUTCOME_OK);
    clock_skip_us += 240 * (int64_t)SECOND_US;
    fake_node_answer(talk->node, "CLUSTER NODES", "-NOPERM User has no permissions\r\n");
    assert_int_equal(ask(talk), OUTCOME_OK);
    buf_free(&talk->node->log);
    clock_skip_us += 240 * (int64_t)SECOND_US;
    assert_int_equal(ask(talk), OUTCOME_OK);
    fake_node_expect(talk->node, "INFO");
    clock_skip_us += 60 * (int64_t)SECOND_US;
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_int_equal(ask(talk), OUTCOME_OK);
    fake_node_expect(talk->node, ALL_COMMANDS " INFO");
    fake_node_answer(talk->node, "CLUSTER INFO", CLUSTER_INFO_REPLY);
    fake_node_answer(talk->node, "CLUSTER NODES", CLUSTER_NODES_REPLY);
    clock_skip_us += 300 * (int64_t)SECOND_US;
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_span(buf_view(&talk->replies), three_replies);
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_span(buf_view(&talk->replies), three_replies);
}

static void error_reply_is_passed_on(void **state)
{
    struct talk *talk = *state;
    fake_node_answer(talk->node, "CLUSTER INFO",
                     "-ERR This instance has cluster support disabled\r\n");
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_span(buf_view(&talk->replies),
                "INFO \"role:master\n\"\n"
                "CLUSTER INFO -ERR This instance has cluster support disabled\n"
                "CLUSTER NODES \"a b\n\"\n");
}

static void loading_server_is_asked_everything_again(void **state)
{
    struct talk *talk = *state;
    const char *loading = "-LOADING Redis is loading the dataset in memory\r\n";
    fake_node_answer(talk->node, "CLUSTER INFO", loading);
    fake_node_answer(talk->node, "CLUSTER NODES", loading);
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_string_equal(talk->detail, "");
    assert_int_equal(ask(talk), OUTCOME_OK);
    fake_node_expect(talk->node, HANDSHAKE " " ALL_COMMANDS " " ALL_COMMANDS);
}

static void old_server_without_setname_is_read_all_the_same(void **state)
{
    struct talk *talk = *state;
    fake_node_answer(talk->node, "CLIENT", "-ERR unknown command 'CLIENT'\r\n");
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_span(buf_view(&talk->replies), three_replies);
    assert_string_equal(talk->detail, "");
}

static void password_without_need_is_no_error(void **state)
{
    struct talk *talk = *state;
    talk->login.password = "pw";
    fake_node_answer(talk->node, "AUTH", "-ERR Client sent AUTH, but no password is set\r\n");
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_string_equal(talk->detail, "");
}

// --- What INFO's reply says about the ask ---

static void info_decides_the_outcome(void **state)
{
    static const struct {
        const char *reply;
        enum outcome outcome;
        const char *detail;
    } cases[] = {
        {"-NOAUTH Authentication required.\r\n", OUTCOME_AUTH, "NOAUTH Authentication required."},
        {"-NOPERM this user has no permissions to run the 'info' command\r\n", OUTCOME_DENIED,
         "NOPERM this user has no permissions to run the 'info' command"},
        {"-DENIED Redis is running in protected mode\r\n", OUTCOME_DENIED,
         "DENIED Redis is running in protected mode"},
        {"-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN.\r\n",
         OUTCOME_BUSY,
         "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN."},
        {"-ERR unknown command 'INFO'\r\n", OUTCOME_MALFORMED, "ERR unknown command 'INFO'"},
        {"-ERR a\tb\x01\xff\r\n", OUTCOME_MALFORMED, "ERR a?b??"},
        {"+OK\r\n", OUTCOME_MALFORMED, "INFO answered with something that is no text"},
        {"$-1\r\n", OUTCOME_MALFORMED, "INFO answered with something that is no text"},
        {"*0\r\n", OUTCOME_MALFORMED, "INFO answered with something that is no text"},
        {":1\r\n", OUTCOME_MALFORMED, "INFO answered with something that is no text"},
    };
    struct talk *talk = *state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        fake_node_answer(talk->node, "INFO", cases[i].reply);
        assert_int_equal(ask(talk), cases[i].outcome);
        assert_string_equal(talk->detail, cases[i].detail);
        assert_false(conn_is_open(talk->conn));
    }
    fake_node_answer(talk->node, "INFO", INFO_REPLY);
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_string_equal(talk->detail, "");
}

static void wrong_password_is_told_in_the_servers_words(void **state)
{
    static const struct {
        const char *auth;
        const char *detail;
    } cases[] = {
        {"-WRONGPASS invalid username-password pair or user is disabled.\r\n",
         "WRONGPASS invalid username-password pair or user is disabled."},
        {"-ERR invalid password\r\n", "ERR invalid password"},
    };
    struct talk *talk = *state;
    talk->login.password = "secret";
    fake_node_answer(talk->node, "CLIENT", "-NOAUTH Authentication required.\r\n");
    fake_node_answer(talk->node, "INFO", "-NOAUTH Authentication required.\r\n");
    for (size_t i = 0; i < COUNT(cases); i++) {
        fake_node_answer(talk->node, "AUTH", cases[i].auth);
        assert_int_equal(ask(talk), OUTCOME_AUTH);
        assert_string_equal(talk->detail, cases[i].detail);
    }
}

static void new_connection_logs_in_again_after_a_wrong_password(void **state)
{
    struct talk *talk = *state;
    talk->login.password = "secret";
    fake_node_answer(talk->node, "AUTH", "-WRONGPASS invalid username-password pair\r\n");
    fake_node_answer(talk->node, "INFO", "-NOAUTH Authentication required.\r\n");
    assert_int_equal(ask(talk), OUTCOME_AUTH);
    fake_node_answer(talk->node, "AUTH", "+OK\r\n");
    fake_node_answer(talk->node, "INFO", INFO_REPLY);
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_string_equal(talk->detail, "");
    fake_node_expect(talk->node, "| AUTH CLIENT " ALL_COMMANDS " | AUTH CLIENT " ALL_COMMANDS);
}

static void error_text_with_the_password_is_not_passed_on(void **state)
{
    struct talk *talk = *state;
    talk->login.password = "top secret";
    fake_node_answer(talk->node, "INFO",
                     "-ERR unknown command 'AUTH', with args beginning with: 'top secret'\r\n");
    assert_int_equal(ask(talk), OUTCOME_MALFORMED);
    assert_null(strstr(talk->detail, "secret"));
    assert_true(talk->detail[0] != '\0');
    fake_node_answer(talk->node, "AUTH", "-ERR unknown command 'AUTH' 'top secret'\r\n");
    fake_node_answer(talk->node, "INFO", "-NOAUTH Authentication required.\r\n");
    assert_int_equal(ask(talk), OUTCOME_AUTH);
    assert_null(strstr(talk->detail, "secret"));
}

// Servers cut the arguments that they repeat at 128 characters (redis src/server.c,
// "with args beginning with").
static void error_text_with_a_cut_password_is_not_passed_on(void **state)
{
    struct talk *talk = *state;
    char password[201];
    char reply[256];
    memset(password, 's', 200);
    password[200] = '\0';
    snprintf(reply, sizeof(reply),
             "-ERR unknown command 'AUTH', with args beginning with: '%.128s\r\n", password);
    talk->login.password = password;
    fake_node_answer(talk->node, "AUTH", reply);
    fake_node_answer(talk->node, "INFO", "-NOAUTH Authentication required.\r\n");
    assert_int_equal(ask(talk), OUTCOME_AUTH);
    assert_null(strstr(talk->detail, "ssssssssssssssss"));
}

static void server_that_is_full_says_so_before_it_hangs_up(void **state)
{
    struct talk *talk = *state;
    talk->node->greeting = "-ERR max number of clients reached\r\n";
    talk->node->close_after = strlen(talk->node->greeting);
    enum outcome outcome = ask(talk);
    assert_int_equal(outcome, OUTCOME_CLOSED);
    assert_string_equal(talk->detail, "ERR max number of clients reached");
}

// --- What a server can do wrong ---

static void garbage_is_malformed(void **state)
{
    static const char *const replies[] = {
        "HTTP/1.1 400 Bad Request\r\n\r\n", "$abc\r\n", "*-5\r\n", ":x\r\n", "\x16\x03\x01\x02",
    };
    struct talk *talk = *state;
    for (size_t i = 0; i < COUNT(replies); i++) {
        fake_node_answer(talk->node, "CLIENT", replies[i]);
        assert_int_equal(ask(talk), OUTCOME_MALFORMED);
        assert_string_equal(talk->detail, "the server does not speak the Redis protocol");
        assert_false(conn_is_open(talk->conn));
    }
}

static void replies_so_far_are_given_before_garbage(void **state)
{
    struct talk *talk = *state;
    fake_node_answer(talk->node, "CLUSTER INFO", "?\r\n");
    assert_int_equal(ask(talk), OUTCOME_MALFORMED);
    assert_span(buf_view(&talk->replies), "INFO \"role:master\n\"\n");
}

static void server_that_hangs_up_anywhere_has_closed(void **state)
{
    struct talk *talk = *state;
    size_t length = strlen("+OK\r\n" INFO_REPLY CLUSTER_INFO_REPLY CLUSTER_NODES_REPLY);
    for (size_t bytes = 1; bytes < length; bytes++) {
        talk->node->close_after = bytes;
        assert_int_equal(ask(talk), OUTCOME_CLOSED);
        assert_true(span_starts(span_of(talk->detail), SPAN("closed by the server")));
        assert_false(conn_is_open(talk->conn));
    }
}

static void silent_server_runs_into_the_limit(void **state)
{
    struct talk *talk = *state;
    talk->options.reply_timeout_us = SHORT_LIMIT_US;
    fake_node_answer(talk->node, "CLUSTER NODES", "");
    int64_t began = clock_monotonic_us();
    assert_int_equal(ask(talk), OUTCOME_TIMEOUT);
    assert_true(clock_monotonic_us() - began >= SHORT_LIMIT_US / 2); // the loop's clock is coarse
    assert_string_equal(talk->detail, "no complete answer in time");
    assert_span(buf_view(&talk->replies),
                "INFO \"role:master\n\"\nCLUSTER INFO \"cluster_state:ok\"\n");
    assert_false(conn_is_open(talk->conn));
}

static void limit_is_for_each_ask(void **state)
{
    struct talk *talk = *state;
    talk->options.reply_timeout_us = SHORT_LIMIT_US;
    assert_int_equal(ask(talk), OUTCOME_OK);
    fake_node_answer(talk->node, "INFO", "");
    assert_int_equal(ask(talk), OUTCOME_TIMEOUT);
}

static void limit_is_for_all_parts_of_an_ask(void **state)
{
    struct talk *talk = *state;
    assert_int_equal(ask_in_two_parts(talk), OUTCOME_OK);
    talk->skip_at_reply_us = LIMIT_US / 2;
    assert_int_equal(ask_in_two_parts(talk), OUTCOME_OK);
    fake_node_answer(talk->node, "CLUSTER INFO", "");
    fake_node_answer(talk->node, "CLUSTER NODES", "");
    talk->skip_at_reply_us = LIMIT_US;
    int64_t began_us = clock_monotonic_us();
    assert_int_equal(ask_in_two_parts(talk), OUTCOME_TIMEOUT);
    assert_true(clock_monotonic_us() - began_us < LIMIT_US + LIMIT_US / 2); // not twice
}

static void kept_connection_has_no_limit_while_idle(void **state)
{
    struct talk *talk = *state;
    struct timeval wait = {0, 2 * SHORT_LIMIT_US};
    talk->options.reply_timeout_us = SHORT_LIMIT_US;
    talk->options.connect_timeout_us = SHORT_LIMIT_US;
    assert_int_equal(ask(talk), OUTCOME_OK);
    event_base_loopexit(talk->base, &wait);
    event_base_dispatch(talk->base);
    assert_true(conn_is_open(talk->conn));
    assert_int_equal(talk->done_count, 1);
}

static void nobody_listening_is_refused(void **state)
{
    struct talk *talk = *state;
    fake_node_stop_listening(talk->node);
    assert_int_equal(ask(talk), OUTCOME_REFUSED);
    assert_true(talk->detail[0] != '\0');
}

static void address_without_route_is_unreachable(void **state)
{
    struct talk *talk = *state;
    connect_to(talk, &(struct address){.host = "255.255.255.255", .port = 1});
    assert_int_equal(ask(talk), OUTCOME_UNREACHABLE);
}

// A listener whose queue is full answers no more connects.
static void full_listener_runs_into_the_connect_limit(void **state)
{
    enum { FILLERS = 4 };
    struct talk *talk = *state;
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(local);
    int filler[FILLERS];
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&local, sizeof(local)), 0);
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&local, &size), 0);
    for (size_t i = 0; i < FILLERS; i++) {
        filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect(filler[i], (struct sockaddr *)&local, sizeof(local));
    }
    talk->options.connect_timeout_us = SHORT_LIMIT_US;
    connect_to(talk, &(struct address){.host = "127.0.0.1", .port = ntohs(local.sin_port)});
    enum outcome outcome = ask(talk);
    for (size_t i = 0; i < FILLERS; i++) {
        close(filler[i]);
    }
    close(listener);
    assert_int_equal(outcome, OUTCOME_CONNECT_TIMEOUT);
    assert_string_equal(talk->detail, "no connection in time");
}

// A socket that nobody reads stands in for a name server that is down.
static void silent_name_server_is_no_answer_to_connect_either(void **state)
{
    struct talk *talk = *state;
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(local);
    char address[32];
    int mute = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(mute, (struct sockaddr *)&local, sizeof(local)), 0);
    assert_int_equal(getsockname(mute, (struct sockaddr *)&local, &size), 0);
    snprintf(address, sizeof(address), "127.0.0.1:%u", ntohs(local.sin_port));
    assert_int_equal(evdns_base_nameserver_ip_add(talk->dns, address), 0);
    talk->options.connect_timeout_us = SHORT_LIMIT_US;
    connect_to(talk, &(struct address){.host = "redis.example", .port = 6379});
    enum outcome outcome = ask(talk);
    close(mute);
    assert_int_equal(outcome, OUTCOME_RESOLVE);
    assert_string_equal(talk->detail, "no answer from the name servers in time");
}

static void replies_beyond_the_cap_are_too_large(void **state)
{
    struct talk *talk = *state;
    talk->options.reply_bytes_max = 40;
    assert_int_equal(ask(talk), OUTCOME_TOO_LARGE);
    assert_string_equal(talk->detail, "the replies exceed the size limit");
    assert_false(conn_is_open(talk->conn));
}

static void cap_is_for_each_ask(void **state)
{
    struct talk *talk = *state;
    talk->options.reply_bytes_max = 80;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(ask(talk), OUTCOME_OK);
    }
}

static void cap_is_for_all_parts_of_an_ask(void **state)
{
    struct talk *talk = *state;
    size_t handshake = strlen("+OK\r\n");
    size_t replies = strlen(INFO_REPLY CLUSTER_INFO_REPLY CLUSTER_NODES_REPLY);
    talk->options.reply_bytes_max = handshake + replies;
    assert_int_equal(ask_in_two_parts(talk), OUTCOME_OK);
    talk->options.reply_bytes_max = handshake + replies - 1;
    connect_to(talk, &talk->node->address);
    assert_int_equal(ask_in_two_parts(talk), OUTCOME_TOO_LARGE);
}

static void array_header_that_would_allocate_is_too_large(void **state)
{
    struct talk *talk = *state;
    fake_node_answer(talk->node, "INFO", "*2147483647\r\n");
    assert_int_equal(ask(talk), OUTCOME_TOO_LARGE);
}

static void more_replies_than_commands_are_malformed(void **state)
{
    struct talk *talk = *state;
    fake_node_answer(talk->node, "CLUSTER NODES", CLUSTER_NODES_REPLY "+extra\r\n");
    assert_int_equal(ask(talk), OUTCOME_MALFORMED);
    assert_string_equal(talk->detail, "more replies than commands");
    assert_false(conn_is_open(talk->conn));
}

static void greeting_that_nobody_asked_for_shifts_no_reply(void **state)
{
    struct talk *talk = *state;
    talk->node->greeting = "+hello\r\n";
    assert_int_equal(ask(talk), OUTCOME_MALFORMED);
    assert_false(conn_is_open(talk->conn));
}

// --- Commands with arguments, which follow from replies ---

static bool queue(struct talk *talk, enum command command, struct span argument)
{
    return conn_queue(talk->conn, command, &argument, 1);
}

static enum outcome send_queued(struct talk *talk)
{
    size_t before = talk->done_count;
    talk->done = false;
    buf_free(&talk->replies);
    talk->inside_ask = true;
    conn_send(talk->conn);
    talk->inside_ask = false;
    run_until(talk->base, &talk->done);
    run_idle(talk->base);
    assert_int_equal(talk->done_count, before + 1);
    return talk->outcome;
}

static void begin_following(struct talk *talk)
{
    assert_int_equal(ask(talk), OUTCOME_OK);
    buf_free(&talk->node->log);
    buf_free(&talk->node->received);
    talk->node->reads = 0;
}

static void queued_commands_go_out_in_one_write_and_are_answered_in_order(void **state)
{
    struct talk *talk = *state;
    const struct span scan[] = {SPAN("0"), SPAN("MATCH"), SPAN("a*")};
    begin_following(talk);
    fake_node_answer(talk->node, "TYPE", "+list\r\n");
    fake_node_answer(talk->node, "SCAN", "*2\r\n$1\r\n0\r\n*0\r\n");
    fake_node_answer(talk->node, "LLEN", ":3\r\n");
    assert_true(queue(talk, COMMAND_TYPE, SPAN("k 1")));
    assert_true(conn_queue(talk->conn, COMMAND_SCAN, scan, 3));
    assert_true(queue(talk, COMMAND_LLEN, SPAN("\0")));
    assert_true(queue(talk, COMMAND_TYPE, SPAN("")));
    assert_int_equal(send_queued(talk), OUTCOME_OK);
    assert_span(buf_view(&talk->replies), "TYPE +list\nSCAN [\"0\" []]\nLLEN :3\nTYPE +list\n");
    assert_int_equal(talk->node->reads, 1);
    assert_true(span_equals(buf_view(&talk->node->received),
                            SPAN("*2\r\n$4\r\nTYPE\r\n$3\r\nk 1\r\n"
                                 "*4\r\n$4\r\nSCAN\r\n$1\r\n0\r\n$5\r\nMATCH\r\n$2\r\na*\r\n"
                                 "*2\r\n$4\r\nLLEN\r\n$1\r\n\0\r\n"
                                 "*2\r\n$4\r\nTYPE\r\n$0\r\n\r\n")));
}

static void one_round_may_follow_another(void **state)
{
    struct talk *talk = *state;
    begin_following(talk);
    fake_node_answer(talk->node, "TYPE", "+list\r\n");
    for (int i = 0; i < 3; i++) {
        assert_true(queue(talk, COMMAND_TYPE, SPAN("k")));
        assert_int_equal(send_queued(talk), OUTCOME_OK);
        assert_span(buf_view(&talk->replies), "TYPE +list\n");
    }
    fake_node_expect(talk->node, "TYPE TYPE TYPE");
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_span(buf_view(&talk->replies), three_replies);
}

static void refused_command_is_not_queued_until_there_is_a_new_connection(void **state)
{
    struct talk *talk = *state;
    begin_following(talk);
    fake_node_answer(talk->node, "TYPE",
                     "-NOPERM this user has no permissions to run the 'type' command\r\n");
    fake_node_answer(talk->node, "LLEN", ":3\r\n");
    assert_true(queue(talk, COMMAND_TYPE, SPAN("a")));
    assert_true(queue(talk, COMMAND_TYPE, SPAN("b")));
    assert_int_equal(send_queued(talk), OUTCOME_OK);
    assert_false(queue(talk, COMMAND_TYPE, SPAN("a")));
    assert_true(queue(talk, COMMAND_LLEN, SPAN("a")));
    assert_int_equal(send_queued(talk), OUTCOME_OK);
    fake_node_expect(talk->node, "TYPE TYPE LLEN");
    fake_node_hang_up(talk->node);
    run_idle(talk->base);
    begin_following(talk);
    assert_true(queue(talk, COMMAND_TYPE, SPAN("a")));
    assert_int_equal(send_queued(talk), OUTCOME_OK);
    fake_node_expect(talk->node, "TYPE");
}

// Other keys the user may see, and other errors may pass.
static void error_about_a_key_refuses_nothing(void **state)
{
    static const char *const errors[] = {
        "-NOPERM this user has no permissions to access one of the keys used as arguments\r\n",
        "-NOPERM No permissions to access a key\r\n",
        "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
        "-ERR no such key\r\n",
        "-MOVED 1 127.0.0.1:1\r\n",
        "-BUSY Redis is busy running a script.\r\n",
    };
    struct talk *talk = *state;
    begin_following(talk);
    for (size_t i = 0; i < COUNT(errors); i++) {
        fake_node_answer(talk->node, "TYPE", errors[i]);
        assert_true(queue(talk, COMMAND_TYPE, SPAN("a")));
        assert_int_equal(send_queued(talk), OUTCOME_OK);
        assert_int_equal(talk->replies.data[5], '-');
    }
}

// What led to these commands was read on the old connection.
static void dead_connection_is_not_made_anew_for_queued_commands(void **state)
{
    struct talk *talk = *state;
    begin_following(talk);
    fake_node_hang_up(talk->node);
    assert_true(conn_is_open(talk->conn)); // it does not know yet
    assert_true(queue(talk, COMMAND_TYPE, SPAN("a")));
    assert_int_equal(send_queued(talk), OUTCOME_CLOSED);
    assert_false(conn_is_open(talk->conn));
    assert_int_equal(talk->node->log.length, 0);
    assert_int_equal(ask(talk), OUTCOME_OK);
    fake_node_expect(talk->node, HANDSHAKE " " ALL_COMMANDS);
}

static void queued_commands_have_a_limit_of_their_own(void **state)
{
    struct talk *talk = *state;
    talk->options.reply_timeout_us = SHORT_LIMIT_US;
    begin_following(talk);
    fake_node_answer(talk->node, "TYPE", "");
    assert_true(queue(talk, COMMAND_TYPE, SPAN("a")));
    assert_int_equal(send_queued(talk), OUTCOME_TIMEOUT);
    assert_false(conn_is_open(talk->conn));
}

static void size_limit_is_for_each_round(void **state)
{
    struct talk *talk = *state;
    talk->options.reply_bytes_max = 80;
    begin_following(talk);
    fake_node_answer(talk->node, "TYPE", "+0123456789012345678901234567890123456789\r\n");
    for (int i = 0; i < 5; i++) {
        assert_true(queue(talk, COMMAND_TYPE, SPAN("a")));
        assert_int_equal(send_queued(talk), OUTCOME_OK);
    }
    assert_true(queue(talk, COMMAND_TYPE, SPAN("a")));
    assert_true(queue(talk, COMMAND_TYPE, SPAN("b")));
    assert_int_equal(send_queued(talk), OUTCOME_TOO_LARGE);
}

// --- Credentials of single servers ---

static void know(struct talk *talk, const char *url, const char *password)
{
    struct seed seed;
    assert_null(seed_parse(span_of(url), &seed));
    seed.password = mem_copy(password, strlen(password));
    credentials_add(&talk->credentials, &seed);
}

static void know_the_node(struct talk *talk, const char *user, const char *password)
{
    char url[128];
    snprintf(url, sizeof(url), "redis://%s127.0.0.1:%u", user, talk->node->address.port);
    know(talk, url, password);
}

static void server_of_the_map_is_logged_in_to_with_its_own(void **state)
{
    struct talk *talk = *state;
    talk->login = (struct login){"me", "common"};
    know_the_node(talk, "alice@", "own");
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_true(span_starts(buf_view(&talk->node->received),
                            SPAN("*3\r\n$4\r\nAUTH\r\n$5\r\nalice\r\n$3\r\nown\r\n")));
}

static void server_without_a_password_in_the_map_gets_no_auth(void **state)
{
    struct talk *talk = *state;
    talk->login.password = "common";
    know_the_node(talk, "", "");
    assert_int_equal(ask(talk), OUTCOME_OK);
    fake_node_expect(talk->node, HANDSHAKE " " ALL_COMMANDS);
}

static void server_that_is_not_in_the_map_gets_the_common_password(void **state)
{
    struct talk *talk = *state;
    talk->login.password = "common";
    know(talk, "redis://alice@127.0.0.1:1", "own");
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_true(
        span_starts(buf_view(&talk->node->received), SPAN("*2\r\n$4\r\nAUTH\r\n$6\r\ncommon\r\n")));
}

static void error_text_with_the_servers_own_password_is_not_passed_on(void **state)
{
    struct talk *talk = *state;
    talk->login.password = "common";
    know_the_node(talk, "", "topsecret");
    fake_node_answer(talk->node, "INFO", "-ERR unknown command 'AUTH' 'topsecret'\r\n");
    assert_int_equal(ask(talk), OUTCOME_MALFORMED);
    assert_null(strstr(talk->detail, "secret"));
    assert_true(talk->detail[0] != '\0');
}

// --- Giving up and freeing ---

static void giving_up_ends_the_ask_at_once(void **state)
{
    struct talk *talk = *state;
    fake_node_answer(talk->node, "INFO", "");
    start_asking(talk);
    conn_give_up(talk->conn);
    assert_true(talk->done);
    assert_int_equal(talk->outcome, OUTCOME_CONNECT_TIMEOUT);
    start_asking(talk);
    while (!conn_is_open(talk->conn)) {
        event_base_loop(talk->base, EVLOOP_ONCE);
    }
    conn_give_up(talk->conn);
    assert_true(talk->done);
    assert_int_equal(talk->outcome, OUTCOME_TIMEOUT);
    assert_false(conn_is_open(talk->conn));
    run_idle(talk->base);
    assert_int_equal(talk->done_count, 2);
}

static void giving_up_on_an_idle_connection_does_nothing(void **state)
{
    struct talk *talk = *state;
    conn_give_up(talk->conn);
    assert_int_equal(talk->done_count, 0);
    assert_int_equal(ask(talk), OUTCOME_OK);
    conn_give_up(talk->conn);
    assert_int_equal(talk->done_count, 1);
    assert_true(conn_is_open(talk->conn));
}

static void freed_connection_calls_nobody(void **state)
{
    struct talk *talk = *state;
    start_asking(talk);
    conn_free(talk->conn); // while it connects
    talk->conn = NULL;
    run_idle(talk->base);
    connect_to(talk, &talk->node->address);
    fake_node_answer(talk->node, "INFO", "");
    start_asking(talk);
    while (!conn_is_open(talk->conn)) {
        event_base_loop(talk->base, EVLOOP_ONCE);
    }
    conn_free(talk->conn); // while it waits for replies
    talk->conn = NULL;
    run_idle(talk->base);
    assert_int_equal(talk->done_count, 0);
    conn_free(NULL);
}

// --- Replies that arrived in time, and were not read in time ---

enum { LARGE = 150000 };

struct delay {
    struct fake_node *node;
    const char *replies;
};

// The replies come, and then this process has other things to do until the limit has passed.
static void say_and_be_busy(evutil_socket_t fd, short what, void *context)
{
    const int room = 2 * LARGE;
    struct delay *delay = context;
    (void)fd;
    (void)what;
    setsockopt(delay->node->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    assert_true(fake_node_say_now(delay->node, delay->replies) > LARGE);
    usleep(2 * SHORT_LIMIT_US);
}

static void replies_that_wait_to_be_read_are_no_timeout(void **state)
{
    struct talk *talk = *state;
    struct buf replies = BUF_EMPTY;
    assert_int_equal(ask(talk), OUTCOME_OK); // the connection is there
    fake_node_answer(talk->node, "INFO", "");
    fake_node_answer(talk->node, "CLUSTER INFO", "");
    fake_node_answer(talk->node, "CLUSTER NODES", "");
    buf_format(&replies, "$%d\r\n%0*d\r\n", LARGE, LARGE, 0);
    buf_text(&replies, CLUSTER_INFO_REPLY CLUSTER_NODES_REPLY);
    char *text = buf_take(&replies);
    struct delay delay = {talk->node, text};
    struct event *event = evtimer_new(talk->base, say_and_be_busy, &delay);
    struct timeval soon = {0, SHORT_LIMIT_US / 2};
    talk->options.reply_timeout_us = SHORT_LIMIT_US;
    event_add(event, &soon);
    start_asking(talk);
    assert_int_equal(await(talk), OUTCOME_OK);
    event_free(event);
    free(text);
}

int main(void)
{
#define CONN_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CONN_TEST(all_commands_go_out_in_one_write),
        CONN_TEST(wire_format_is_what_servers_expect),
        CONN_TEST(password_alone_is_for_the_default_user),
        CONN_TEST(mapped_address_is_where_it_connects_and_not_what_it_tells),
        CONN_TEST(connection_is_kept_between_asks),
        CONN_TEST(replies_may_dribble),
        CONN_TEST(reply_may_be_large),
        CONN_TEST(handler_may_free_the_connection_when_done),
        CONN_TEST(handler_may_free_the_connection_when_it_failed),
        CONN_TEST(connection_closed_while_idle_is_made_anew),
        CONN_TEST(dead_connection_is_made_anew_within_the_ask_for_info_alone),
        CONN_TEST(further_part_of_an_ask_uses_its_connection),
        CONN_TEST(further_part_gets_no_second_attempt),
        CONN_TEST(dead_connection_to_a_dead_server_is_refused),
        CONN_TEST(second_attempt_is_the_last),
        CONN_TEST(kept_connection_that_dies_in_a_reply_gets_no_second_attempt),
        CONN_TEST(new_connection_gets_no_second_attempt),
        CONN_TEST(unasked_bytes_close_an_idle_connection),
        CONN_TEST(unasked_bytes_are_not_taken_for_a_reply),
        CONN_TEST(refused_command_is_asked_again_on_a_new_connection),
        CONN_TEST(refused_command_is_asked_again_after_five_minutes),
        CONN_TEST(error_reply_is_passed_on),
        CONN_TEST(loading_server_is_asked_everything_again),
        CONN_TEST(old_server_without_setname_is_read_all_the_same),
        CONN_TEST(password_without_need_is_no_error),
        CONN_TEST(info_decides_the_outcome),
        CONN_TEST(wrong_password_is_told_in_the_servers_words),
        CONN_TEST(new_connection_logs_in_again_after_a_wrong_password),
        CONN_TEST(error_text_with_the_password_is_not_passed_on),
        CONN_TEST(error_text_with_a_cut_password_is_not_passed_on),
        CONN_TEST(server_that_is_full_says_so_before_it_hangs_up),
        CONN_TEST(garbage_is_malformed),
        CONN_TEST(replies_so_far_are_given_before_garbage),
        CONN_TEST(server_that_hangs_up_anywhere_has_closed),
        CONN_TEST(silent_server_runs_into_the_limit),
        CONN_TEST(limit_is_for_each_ask),
        CONN_TEST(limit_is_for_all_parts_of_an_ask),
        CONN_TEST(kept_connection_has_no_limit_while_idle),
        CONN_TEST(nobody_listening_is_refused),
        CONN_TEST(address_without_route_is_unreachable),
        CONN_TEST(full_listener_runs_into_the_connect_limit),
        CONN_TEST(silent_name_server_is_no_answer_to_connect_either),
        CONN_TEST(replies_beyond_the_cap_are_too_large),
        CONN_TEST(cap_is_for_each_ask),
        CONN_TEST(cap_is_for_all_parts_of_an_ask),
        CONN_TEST(array_header_that_would_allocate_is_too_large),
        CONN_TEST(more_replies_than_commands_are_malformed),
        CONN_TEST(greeting_that_nobody_asked_for_shifts_no_reply),
        CONN_TEST(queued_commands_go_out_in_one_write_and_are_answered_in_order),
        CONN_TEST(one_round_may_follow_another),
        CONN_TEST(refused_command_is_not_queued_until_there_is_a_new_connection),
        CONN_TEST(error_about_a_key_refuses_nothing),
        CONN_TEST(dead_connection_is_not_made_anew_for_queued_commands),
        CONN_TEST(queued_commands_have_a_limit_of_their_own),
        CONN_TEST(size_limit_is_for_each_round),
        CONN_TEST(server_of_the_map_is_logged_in_to_with_its_own),
        CONN_TEST(server_without_a_password_in_the_map_gets_no_auth),
        CONN_TEST(server_that_is_not_in_the_map_gets_the_common_password),
        CONN_TEST(error_text_with_the_servers_own_password_is_not_passed_on),
        CONN_TEST(giving_up_ends_the_ask_at_once),
        CONN_TEST(giving_up_on_an_idle_connection_does_nothing),
        CONN_TEST(freed_connection_calls_nobody),
        CONN_TEST(replies_that_wait_to_be_read_are_no_timeout),
    };
    return cmocka_run_group_tests_name("conn", tests, NULL, NULL);
}
