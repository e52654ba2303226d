// One connection with TLS, against a scripted server in the same event loop.
#include "redis/conn.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "certificates.h"
#include "fake_node.h"
#include "support.h"

#define INFO_REPLY "$12\r\nrole:master\n\r\n"
#define PASSWORD   "topsecret"

enum { LIMIT_US = 5 * SECOND_US, SHORT_LIMIT_US = 100000, HOUR_S = 3600 };

static const struct login login = {NULL, PASSWORD};

struct talk {
    struct event_base *base;
    struct evdns_base *dns;
    struct fake_node *node;
    struct authority *authority;
    struct tls_options tls_options;
    struct tls *tls;
    struct address_map map;
    struct conn_options options;
    struct conn *conn;
    size_t replies;
    size_t reply_bytes;
    bool done;
    enum outcome outcome;
    char detail[256];
};

static void on_reply(void *owner, enum command command, struct reply *reply)
{
    struct talk *talk = owner;
    (void)command;
    talk->replies++;
    talk->reply_bytes += reply->text.length;
}

static void on_done(void *owner, enum outcome outcome, const char *detail)
{
    struct talk *talk = owner;
    talk->done = true;
    talk->outcome = outcome;
    snprintf(talk->detail, sizeof(talk->detail), "%s", detail);
}

static void connect_to(struct talk *talk, const struct address *address)
{
    conn_free(talk->conn);
    talk->conn = conn_new(&talk->options, address, (struct conn_handler){on_reply, on_done, talk});
}

static SSL_CTX *server_context(const struct pair *pair)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate_chain_file(context, pair->cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(context, pair->key, SSL_FILETYPE_PEM), 1);
    SSL_CTX_set_session_id_context(context, (const unsigned char *)"test", 4);
    SSL_CTX_set_mode(context, SSL_MODE_AUTO_RETRY);
    return context;
}

static void serve_with(struct talk *talk, const struct pair *pair)
{
    SSL_CTX_free(talk->node->tls);
    talk->node->tls = server_context(pair);
}

static void serve_as(struct talk *talk, const char *names)
{
    struct pair pair = authority_issue_good(talk->authority, names);
    serve_with(talk, &pair);
}

// After a change of the options.
static void renew(struct talk *talk)
{
    conn_free(talk->conn);
    talk->conn = NULL;
    tls_free(talk->tls);
    assert_null(tls_new(&talk->tls_options, &talk->tls));
    talk->options.tls = talk->tls;
    connect_to(talk, &talk->node->address);
}

// As a reload does it, which keeps connections. NULL, or what is wrong.
static char *read_again(struct talk *talk)
{
    struct tls *tls = NULL;
    char *problem = tls_new(&talk->tls_options, &tls);
    if (problem == NULL) {
        tls_free(talk->tls);
        talk->tls = tls;
        talk->options.tls = tls;
    }
    return problem;
}

static void set(char **option, const char *value)
{
    free(*option);
    *option = value != NULL ? strdup(value) : NULL;
}

static int begin(void **state)
{
    struct talk *talk = mem_new(1, sizeof(*talk));
    talk->base = event_base_new();
    talk->dns = evdns_base_new(talk->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    assert_int_equal(evdns_base_load_hosts(talk->dns, NULL), 0); // localhost alone
    talk->authority = authority_new();
    talk->node = fake_node_new(talk->base);
    talk->options = (struct conn_options){.base = talk->base,
                                          .dns = talk->dns,
                                          .login = &login,
                                          .address_map = &talk->map,
                                          .connect_timeout_us = LIMIT_US,
                                          .reply_timeout_us = LIMIT_US,
                                          .reply_bytes_max = 8 << 20};
    fake_node_answer(talk->node, "INFO", INFO_REPLY);
    serve_as(talk, "IP:127.0.0.1");
    set(&talk->tls_options.ca_file, authority_file(talk->authority));
    renew(talk);
    *state = talk;
    return 0;
}

static int end(void **state)
{
    struct talk *talk = *state;
    conn_free(talk->conn);
    SSL_CTX_free(talk->node->tls);
    fake_node_free(talk->node);
    tls_free(talk->tls);
    set(&talk->tls_options.ca_file, NULL);
    set(&talk->tls_options.cert_file, NULL);
    set(&talk->tls_options.key_file, NULL);
    set(&talk->tls_options.server_name, NULL);
    address_map_clear(&talk->map);
    authority_free(talk->authority);
    evdns_base_free(talk->dns, 0);
    event_base_free(talk->base);
    free(talk);
    return 0;
}

static enum outcome ask(struct talk *talk)
{
    talk->done = false;
    talk->replies = 0;
    conn_ask(talk->conn, command_bit(COMMAND_INFO));
    run_until(talk->base, &talk->done);
    run_idle(talk->base);
    return talk->outcome;
}

// It fails so, for that reason, and the server has heard nothing.
static void check_failure(struct talk *talk, enum outcome outcome, const char *part)
{
    ask(talk);
    if (talk->outcome != outcome) {
        print_error("%s\n", talk->detail);
    }
    assert_string_equal(outcome_name(talk->outcome), outcome_name(outcome));
    if (strstr(talk->detail, part) == NULL) {
        print_error("%s\n", talk->detail);
    }
    assert_non_null(strstr(talk->detail, part));
    assert_int_equal(talk->node->received.length, 0);
    assert_int_equal(talk->replies, 0);
    assert_false(conn_is_open(talk->conn));
}

// --- When all goes well ---

static void server_with_a_good_certificate_is_asked(void **state)
{
    struct talk *talk = *state;
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_string_equal(talk->detail, "");
    assert_true(conn_connect_us(talk->conn) > 0);
    fake_node_expect(talk->node, "| AUTH CLIENT INFO");
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_true(conn_connect_us(talk->conn) == 0);
    fake_node_expect(talk->node, "INFO");
}

static void records_may_dribble(void **state)
{
    struct talk *talk = *state;
    talk->node->one_byte_a_turn = true;
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_int_equal(talk->replies, 1);
}

static void reply_may_be_of_many_records(void **state)
{
    enum { LENGTH = 3 << 20 };
    struct talk *talk = *state;
    struct buf reply = BUF_EMPTY;
    buf_format(&reply, "$%d\r\n", LENGTH);
    memset(buf_reserve(&reply, LENGTH), 'x', LENGTH);
    reply.length += LENGTH;
    buf_text(&reply, "\r\n");
    buf_char(&reply, '\0');
    fake_node_answer(talk->node, "INFO", reply.data);
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_int_equal(talk->reply_bytes, LENGTH);
    buf_free(&reply);
}

// More than the socket takes at once.
static void commands_may_be_large(void **state)
{
    enum { LENGTH = 1 << 16, COUNT_ = 12, SMALL = 4096 };
    const int window = SMALL;
    struct talk *talk = *state;
    char *text = mem_new(LENGTH, 1);
    const struct span key = span_make(memset(text, 'k', LENGTH), LENGTH);
    setsockopt(talk->node->listener, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window));
    fake_node_answer(talk->node, "TYPE", "+none\r\n");
    assert_int_equal(ask(talk), OUTCOME_OK);
    for (int i = 0; i < COUNT_; i++) {
        assert_true(conn_queue(talk->conn, COMMAND_TYPE, &key, 1));
    }
    talk->done = false;
    talk->replies = 0;
    conn_send(talk->conn);
    run_until(talk->base, &talk->done);
    assert_int_equal(talk->outcome, OUTCOME_OK);
    assert_int_equal(talk->replies, COUNT_);
    free(text);
}

// --- Names ---

static void certificate_has_to_be_for_a_name_of_the_server(void **state)
{
    static const struct {
        const char *certificate;
        const char *address; // that it announces
        const char *hostname;
        bool mapped; // to localhost, or to 127.0.0.1
        const char *fixed;
        bool good;
    } cases[] = {
        {"IP:127.0.0.1", "192.0.2.1", "", false, NULL, true}, // where it is reached
        {"IP:192.0.2.1", "192.0.2.1", "", false, NULL, true},
        {"IP:192.0.2.2", "192.0.2.1", "", false, NULL, false},
        {"DNS:192.0.2.1", "192.0.2.1", "", false, NULL, false},
        {"DNS:node.test", "192.0.2.1", "node.test", false, NULL, true},
        {"DNS:node.test", "192.0.2.1", "", false, NULL, false},
        {"DNS:node.test", "192.0.2.1", "nodes.test", false, NULL, false},
        {"DNS:node.test", "NODE.test.", "", false, NULL, true},
        {"DNS:*.a.test", "192.0.2.1", "node.a.test", false, NULL, true},
        {"DNS:*.a.test", "192.0.2.1", "b.node.a.test", false, NULL, false},
        {"DNS:localhost", "192.0.2.1", "", true, NULL, true},
        {"DNS:localhost", "192.0.2.1", "node.test", true, NULL, true},
        {"DNS:other,DNS:node.test", "192.0.2.1", "node.test", true, NULL, true},
        {"DNS:fixed.test", "192.0.2.1", "node.test", true, "fixed.test", true},
        {"DNS:node.test,DNS:localhost,IP:192.0.2.1", "192.0.2.1", "node.test", true, "fixed.test",
         false},
        {"IP:10.1.2.3", "192.0.2.1", "", false, "10.1.2.3", true},
        {"IP:2001:db8::1", "2001:db8:0::1", "", false, NULL, true},
        {NULL, "127.0.0.1", "127.0.0.1", false, NULL, false}, // its common name is 127.0.0.1
    };
    struct talk *talk = *state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address address = {.port = 6379};
        struct buf rule = BUF_EMPTY;
        buf_text(&rule, "*=");
        address_add(&rule, cases[i].mapped ? "localhost" : "127.0.0.1", talk->node->address.port);
        address_map_clear(&talk->map);
        assert_null(address_map_add(&talk->map, buf_view(&rule)));
        buf_free(&rule);
        serve_as(talk, cases[i].certificate);
        set(&talk->tls_options.server_name, cases[i].fixed);
        renew(talk);
        span_copy(span_of(cases[i].address), address.host, sizeof(address.host));
        connect_to(talk, &address);
        conn_set_hostname(talk->conn, cases[i].hostname);
        enum outcome outcome = ask(talk);
        if ((outcome == OUTCOME_OK) != cases[i].good) {
            print_error("case %zu: %s\n", i, talk->detail);
        }
        assert_string_equal(outcome_name(outcome),
                            outcome_name(cases[i].good ? OUTCOME_OK : OUTCOME_TLS_NAME));
    }
}

static void wrong_name_is_told_with_the_right_ones(void **state)
{
    struct talk *talk = *state;
    serve_as(talk, "DNS:a.test,IP:10.0.0.1,IP:::1,DNS:*.b.test");
    check_failure(talk, OUTCOME_TLS_NAME,
                  "not made for 127.0.0.1: the certificate is for a.test, 10.0.0.1, ::1, *.b.test");
    serve_as(talk, NULL);
    check_failure(talk, OUTCOME_TLS_NAME, "no subjectAltName");
}

static void name_of_the_connection_beats_that_of_the_options(void **state)
{
    struct talk *talk = *state;
    serve_as(talk, "DNS:asked.test");
    set(&talk->tls_options.server_name, "fixed.test");
    renew(talk);
    check_failure(talk, OUTCOME_TLS_NAME, "fixed.test");
    talk->options.tls_server_name = "asked.test";
    assert_int_equal(ask(talk), OUTCOME_OK);
}

static void server_is_told_which_name_is_meant(void **state)
{
    struct talk *talk = *state;
    serve_as(talk, "DNS:node.test");
    conn_set_hostname(talk->conn, "node.test");
    assert_int_equal(ask(talk), OUTCOME_OK);
    const char *name = SSL_get_servername(talk->node->ssl, TLSEXT_NAMETYPE_host_name);
    assert_non_null(name);
    assert_string_equal(name, "node.test");
}

static void address_is_no_server_name(void **state)
{
    struct talk *talk = *state;
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_null(SSL_get_servername(talk->node->ssl, TLSEXT_NAMETYPE_host_name));
}

// --- Servers that are not to be trusted ---

static void unknown_authority_is_not_trusted(void **state)
{
    struct talk *talk = *state;
    struct authority *other = authority_new();
    struct pair pair = authority_issue_good(other, "IP:127.0.0.1");
    serve_with(talk, &pair);
    check_failure(talk, OUTCOME_TLS_UNTRUSTED, "not trusted");
    set(&talk->tls_options.ca_file, authority_file(other));
    renew(talk);
    assert_int_equal(ask(talk), OUTCOME_OK);
    set(&talk->tls_options.ca_file, NULL); // the system's
    renew(talk);
    fake_node_hang_up(talk->node);
    buf_free(&talk->node->received);
    check_failure(talk, OUTCOME_TLS_UNTRUSTED, "not trusted");
    authority_free(other);
}

static void certificate_has_its_time(void **state)
{
    struct talk *talk = *state;
    struct pair old = authority_issue(talk->authority, "IP:127.0.0.1", -2 * HOUR_S, -HOUR_S);
    struct pair early = authority_issue(talk->authority, "IP:127.0.0.1", HOUR_S, 2 * HOUR_S);
    serve_with(talk, &old);
    check_failure(talk, OUTCOME_TLS_EXPIRED, "the certificate has expired: it was valid until 20");
    serve_with(talk, &early);
    check_failure(talk, OUTCOME_TLS_EXPIRED, "the certificate is valid only from 20");
}

static void any_certificate_will_do_without_verification(void **state)
{
    struct talk *talk = *state;
    struct authority *other = authority_new();
    struct pair pair = authority_issue(other, "DNS:x", -2 * HOUR_S, -HOUR_S);
    serve_with(talk, &pair);
    talk->tls_options.skip_verify = true;
    renew(talk);
    assert_int_equal(ask(talk), OUTCOME_OK);
    authority_free(other);
}

// --- Certificates of ours ---

static void want_client_certificate(struct talk *talk, int version)
{
    SSL_CTX *context = talk->node->tls;
    SSL_CTX_load_verify_file(context, authority_file(talk->authority));
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_max_proto_version(context, version);
}

static void show_client_certificate(struct talk *talk, const struct pair *pair)
{
    set(&talk->tls_options.cert_file, pair->cert);
    set(&talk->tls_options.key_file, pair->key);
    renew(talk);
}

static void server_that_wants_a_client_certificate_gets_it(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct talk *talk = *state;
    struct authority *other = authority_new();
    struct pair bad = authority_issue_good(other, "DNS:exporter");
    struct pair good = authority_issue_good(talk->authority, "DNS:exporter");
    for (size_t i = 0; i < COUNT(versions); i++) {
        serve_as(talk, "IP:127.0.0.1");
        want_client_certificate(talk, versions[i]);
        set(&talk->tls_options.cert_file, NULL);
        set(&talk->tls_options.key_file, NULL);
        renew(talk);
        check_failure(talk, OUTCOME_TLS_CLIENT, "wants a client certificate");
        show_client_certificate(talk, &bad);
        check_failure(talk, OUTCOME_TLS_CLIENT, "refuses the client certificate");
        show_client_certificate(talk, &good);
        assert_int_equal(ask(talk), OUTCOME_OK);
        fake_node_hang_up(talk->node);
        buf_free(&talk->node->received);
    }
    authority_free(other);
}

static void server_may_do_without_the_client_certificate_that_it_asks_for(void **state)
{
    struct talk *talk = *state;
    SSL_CTX_set_verify(talk->node->tls, SSL_VERIFY_PEER, NULL);
    assert_int_equal(ask(talk), OUTCOME_OK);
    fake_node_hang_up(talk->node); // which is not for want of one
    fake_node_stop_listening(talk->node);
    assert_int_equal(ask(talk), OUTCOME_REFUSED);
}

// --- Servers that speak otherwise ---

static void server_without_tls_is_told(void **state)
{
    struct talk *talk = *state;
    SSL_CTX *tls = talk->node->tls;
    talk->node->tls = NULL;
    talk->node->greeting = "-ERR unknown command\r\n";
    assert_string_equal(outcome_name(ask(talk)), outcome_name(OUTCOME_TLS_PLAIN));
    assert_non_null(strstr(talk->detail, "does not speak TLS"));
    assert_false(span_contains(buf_view(&talk->node->received), SPAN(PASSWORD)));
    talk->node->tls = tls;
}

static void silent_server_is_no_connection_in_time(void **state)
{
    struct talk *talk = *state;
    SSL_CTX *tls = talk->node->tls;
    talk->node->tls = NULL; // it waits for the end of the line
    talk->options.connect_timeout_us = SHORT_LIMIT_US;
    assert_int_equal(ask(talk), OUTCOME_TLS_TIMEOUT);
    assert_non_null(strstr(talk->detail, "may speak without it"));
    talk->node->greeting = "\x16\x03\x03"; // a record of TLS, which does not go on
    assert_int_equal(ask(talk), OUTCOME_TLS_TIMEOUT);
    assert_string_equal(talk->detail, "the TLS handshake did not end in time");
    talk->node->tls = tls;
}

static void versions_have_to_overlap(void **state)
{
    struct talk *talk = *state;
    SSL_CTX_set_max_proto_version(talk->node->tls, TLS1_2_VERSION);
    assert_int_equal(ask(talk), OUTCOME_OK);
    fake_node_hang_up(talk->node);
    buf_free(&talk->node->received);
    talk->tls_options.min_version = TLS_1_3;
    renew(talk);
    check_failure(talk, OUTCOME_TLS_VERSION, "version");
    SSL_CTX_set_max_proto_version(talk->node->tls, TLS1_3_VERSION);
    assert_int_equal(ask(talk), OUTCOME_OK);
}

static void server_with_tls_only_tells_a_plain_client(void **state)
{
    struct talk *talk = *state;
    talk->options.tls = NULL;
    SSL_CTX *tls = talk->node->tls;
    talk->node->tls = NULL;
    talk->node->greeting = "\x15\x03\x01";
    assert_string_equal(outcome_name(ask(talk)), outcome_name(OUTCOME_TLS_WANTED));
    assert_non_null(strstr(talk->detail, "rediss://"));
    talk->node->tls = tls;
}

static void garbage_inside_tls_is_an_end(void **state)
{
    struct talk *talk = *state;
    assert_int_equal(ask(talk), OUTCOME_OK);
    fake_node_answer(talk->node, "INFO", "");
    talk->done = false;
    conn_ask(talk->conn, command_bit(COMMAND_INFO));
    run_idle(talk->base);
    SSL_free(talk->node->ssl);
    talk->node->ssl = NULL;
    fake_node_say(talk->node, "\x17\x03\x03\x7f\x7f is no length");
    run_until(talk->base, &talk->done);
    assert_string_equal(outcome_name(talk->outcome), outcome_name(OUTCOME_TLS));
}

// Nothing is sent before the server is known, wherever it hangs up; and nothing is lost of memory.
static void server_may_hang_up_at_any_byte(void **state)
{
    struct talk *talk = *state;
    size_t bytes = 1;
    talk->node->close_after = bytes;
    while (ask(talk) != OUTCOME_OK) {
        bool shaken = talk->node->received.length > 0;
        assert_int_equal(talk->outcome, OUTCOME_CLOSED);
        assert_int_equal(talk->replies, 0);
        fake_node_hang_up(talk->node);
        buf_free(&talk->node->received);
        bytes += shaken ? 1 : 7; // most of it is the certificate
        talk->node->close_after = bytes;
    }
    assert_true(bytes > 500);
}

// --- Sessions ---

static bool is_resumed(const struct talk *talk)
{
    return SSL_session_reused(talk->node->ssl) == 1;
}

static void reconnect(struct talk *talk)
{
    fake_node_hang_up(talk->node);
    run_idle(talk->base);
    assert_int_equal(ask(talk), OUTCOME_OK);
}

static void session_is_taken_up_again(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct talk *talk = *state;
    for (size_t i = 0; i < COUNT(versions); i++) {
        SSL_CTX_set_min_proto_version(talk->node->tls, 0);
        SSL_CTX_set_max_proto_version(talk->node->tls, versions[i]);
        renew(talk);
        assert_int_equal(ask(talk), OUTCOME_OK);
        assert_false(is_resumed(talk));
        for (int times = 0; times < 3; times++) {
            reconnect(talk);
            assert_true(is_resumed(talk));
        }
    }
}

static void session_that_the_server_forgot_is_replaced(void **state)
{
    struct talk *talk = *state;
    assert_int_equal(ask(talk), OUTCOME_OK);
    serve_as(talk, "IP:127.0.0.1"); // with other keys
    reconnect(talk);
    assert_false(is_resumed(talk));
    reconnect(talk);
    assert_true(is_resumed(talk));
}

static void session_ends_with_the_files_it_was_made_with(void **state)
{
    struct talk *talk = *state;
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_null(read_again(talk));
    assert_int_equal(ask(talk), OUTCOME_OK); // the connection is kept
    fake_node_expect(talk->node, "| AUTH CLIENT INFO INFO");
    reconnect(talk);
    assert_false(is_resumed(talk));
    reconnect(talk);
    assert_true(is_resumed(talk));
}

static void copy_file(const char *from, const char *to)
{
    char bytes[8192];
    FILE *in = fopen(from, "r");
    FILE *out = fopen(to, "w");
    size_t length = fread(bytes, 1, sizeof(bytes), in);
    assert_true(length > 0 && length < sizeof(bytes));
    assert_int_equal(fwrite(bytes, 1, length, out), length);
    fclose(in);
    fclose(out);
}

static void certificates_are_replaced_by_a_reload(void **state)
{
    struct talk *talk = *state;
    struct authority *next = authority_new();
    struct pair pair = authority_issue_good(next, "IP:127.0.0.1");
    char ca[PATH_SIZE];
    authority_path(next, "current", ca);
    copy_file(authority_file(talk->authority), ca);
    set(&talk->tls_options.ca_file, ca);
    renew(talk);
    assert_int_equal(ask(talk), OUTCOME_OK);
    assert_int_equal(unlink(ca), 0);
    char *problem = read_again(talk); // which changes nothing
    assert_non_null(problem);
    free(problem);
    reconnect(talk);
    serve_with(talk, &pair);
    fake_node_hang_up(talk->node);
    run_idle(talk->base);
    buf_free(&talk->node->received);
    check_failure(talk, OUTCOME_TLS_UNTRUSTED, "not trusted");
    copy_file(authority_file(next), ca);
    assert_null(read_again(talk));
    assert_int_equal(ask(talk), OUTCOME_OK);
    authority_free(next);
}

// --- While a connection is kept ---

static void new_keys_while_idle_do_not_disturb(void **state)
{
    struct talk *talk = *state;
    assert_int_equal(ask(talk), OUTCOME_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(SSL_key_update(talk->node->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(talk->node->ssl), 1);
        fake_node_say(talk->node, "");
        run_idle(talk->base);
        assert_true(conn_is_open(talk->conn));
        assert_int_equal(ask(talk), OUTCOME_OK);
    }
    fake_node_expect(talk->node, "| AUTH CLIENT INFO INFO INFO INFO");
}

// The loop has not told of them yet when the next ask begins.
static void new_keys_that_just_came_do_not_disturb(void **state)
{
    struct talk *talk = *state;
    assert_int_equal(ask(talk), OUTCOME_OK);
    SSL_key_update(talk->node->ssl, SSL_KEY_UPDATE_REQUESTED);
    SSL_do_handshake(talk->node->ssl);
    fake_node_say_now(talk->node, "");
    assert_int_equal(ask(talk), OUTCOME_OK);
    fake_node_expect(talk->node, "| AUTH CLIENT INFO INFO");
}

static void what_nobody_asked_for_ends_a_kept_connection(void **state)
{
    struct talk *talk = *state;
    assert_int_equal(ask(talk), OUTCOME_OK);
    fake_node_say(talk->node, "+OK\r\n");
    run_idle(talk->base);
    assert_false(conn_is_open(talk->conn));
    assert_int_equal(ask(talk), OUTCOME_OK);
    fake_node_say_now(talk->node, "+OK\r\n");
    assert_true(conn_is_open(talk->conn)); // it does not know yet
    buf_free(&talk->node->log);
    assert_int_equal(ask(talk), OUTCOME_OK);
    fake_node_expect(talk->node, "| AUTH CLIENT INFO");
}

static void kept_connection_that_the_server_closed_is_made_anew(void **state)
{
    struct talk *talk = *state;
    assert_int_equal(ask(talk), OUTCOME_OK);
    SSL_shutdown(talk->node->ssl);
    fake_node_say(talk->node, "");
    run_idle(talk->base);
    assert_false(conn_is_open(talk->conn));
    assert_int_equal(ask(talk), OUTCOME_OK);
    fake_node_hang_up(talk->node);
    assert_int_equal(ask(talk), OUTCOME_OK);
}

static void connection_may_be_freed_during_the_handshake(void **state)
{
    struct talk *talk = *state;
    talk->node->one_byte_a_turn = true;
    conn_ask(talk->conn, command_bit(COMMAND_INFO));
    run_idle(talk->base);
    assert_false(conn_is_open(talk->conn));
    conn_free(talk->conn);
    talk->conn = NULL;
    run_idle(talk->base);
    assert_int_equal(talk->node->received.length, 0);
}

static void context_may_be_freed_before_its_connections(void **state)
{
    struct talk *talk = *state;
    assert_int_equal(ask(talk), OUTCOME_OK);
    tls_free(talk->tls);
    talk->tls = NULL;
    assert_int_equal(ask(talk), OUTCOME_OK);
}

int main(void)
{
#define TLS_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TLS_TEST(server_with_a_good_certificate_is_asked),
        TLS_TEST(records_may_dribble),
        TLS_TEST(reply_may_be_of_many_records),
        TLS_TEST(commands_may_be_large),
        TLS_TEST(certificate_has_to_be_for_a_name_of_the_server),
        TLS_TEST(wrong_name_is_told_with_the_right_ones),
        TLS_TEST(name_of_the_connection_beats_that_of_the_options),
        TLS_TEST(server_is_told_which_name_is_meant),
        TLS_TEST(address_is_no_server_name),
        TLS_TEST(unknown_authority_is_not_trusted),
        TLS_TEST(certificate_has_its_time),
        TLS_TEST(any_certificate_will_do_without_verification),
        TLS_TEST(server_that_wants_a_client_certificate_gets_it),
        TLS_TEST(server_may_do_without_the_client_certificate_that_it_asks_for),
        TLS_TEST(server_without_tls_is_told),
        TLS_TEST(silent_server_is_no_connection_in_time),
        TLS_TEST(versions_have_to_overlap),
        TLS_TEST(server_with_tls_only_tells_a_plain_client),
        TLS_TEST(garbage_inside_tls_is_an_end),
        TLS_TEST(server_may_hang_up_at_any_byte),
        TLS_TEST(session_is_taken_up_again),
        TLS_TEST(session_that_the_server_forgot_is_replaced),
        TLS_TEST(session_ends_with_the_files_it_was_made_with),
        TLS_TEST(certificates_are_replaced_by_a_reload),
        TLS_TEST(new_keys_while_idle_do_not_disturb),
        TLS_TEST(new_keys_that_just_came_do_not_disturb),
        TLS_TEST(what_nobody_asked_for_ends_a_kept_connection),
        TLS_TEST(kept_connection_that_the_server_closed_is_made_anew),
        TLS_TEST(connection_may_be_freed_during_the_handshake),
        TLS_TEST(context_may_be_freed_before_its_connections),
    };
    signal(SIGPIPE, SIG_IGN); // as the program does
    log_init(LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests_name("conn_tls", tests, NULL, NULL);
}
