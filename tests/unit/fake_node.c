#include "fake_node.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "base/mem.h"
#include "redis/resp.h"
#include "support.h"

enum { COMMAND_BYTES_MAX = 1 << 20, PATIENCE_S = 5 };

static void pump_soon(struct fake_node *node)
{
    struct timeval now = {0, 0};
    if (node->out.length > 0 && node->fd >= 0) {
        event_add(node->pump, &now);
    }
}

// The next turn of the loop sends the next byte, or as much as the socket takes.
static void on_pump(evutil_socket_t fd, short what, void *context)
{
    struct fake_node *node = context;
    size_t length = node->one_byte_a_turn ? 1 : node->out.length;
    (void)fd;
    (void)what;
    if (node->close_after > 0 && length > node->close_after - node->sent) {
        length = node->close_after - node->sent;
    }
    ssize_t sent = send(node->fd, node->out.data, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
        node->sent += (size_t)sent;
        node->out.length -= (size_t)sent;
        memmove(node->out.data, node->out.data + sent, node->out.length);
    }
    bool closes = node->close_after > 0 && node->sent >= node->close_after;
    if (closes || (node->ends && node->out.length == 0)) {
        fake_node_hang_up(node);
    }
    pump_soon(node);
}

// What TLS has to say is sent as anything else is.
static void drain_tls(struct fake_node *node)
{
    char *bytes;
    long length = BIO_get_mem_data(SSL_get_wbio(node->ssl), &bytes);
    buf_bytes(&node->out, bytes, (size_t)length);
    (void)BIO_reset(SSL_get_wbio(node->ssl));
    pump_soon(node);
}

static void say(struct fake_node *node, struct span bytes)
{
    if (node->ssl != NULL) {
        CHECK(bytes.length == 0 ||
              SSL_write(node->ssl, bytes.at, (int)bytes.length) == (int)bytes.length);
        drain_tls(node);
    } else {
        buf_span(&node->out, bytes);
        pump_soon(node);
    }
}

static struct span answer_to(const struct fake_node *node, struct span command)
{
    for (size_t i = 0; i < node->answer_count; i++) {
        if (span_is(command, node->answer[i].command)) {
            return node->answer[i].reply;
        }
    }
    bool polite = span_is(command, "AUTH") || span_is(command, "CLIENT");
    return polite ? SPAN("+OK\r\n") : SPAN("-ERR unknown command\r\n");
}

static void take_command(struct fake_node *node, const struct reply *words)
{
    struct buf name = BUF_EMPTY;
    bool has_subcommand = span_is(words->element[0]->text, "CLUSTER");
    buf_span(&name, words->element[0]->text);
    if (has_subcommand) {
        buf_char(&name, ' ');
        buf_span(&name, words->element[1]->text);
    }
    buf_text(&node->log, node->log.length > 0 ? " " : "");
    buf_span(&node->log, buf_view(&name));
    say(node, answer_to(node, buf_view(&name)));
    buf_free(&name);
}

static void take_bytes(struct fake_node *node, const char *bytes, size_t length)
{
    struct reply *words;
    node->reads++;
    buf_bytes(&node->received, bytes, length);
    resp_feed(node->commands, bytes, length);
    while (node->fd >= 0 && resp_next(node->commands, &words) == RESP_REPLY) {
        take_command(node, words);
        reply_free(words);
    }
}

// A failed handshake ends the connection, once the alert is sent.
static void take_records(struct fake_node *node, const char *bytes, size_t length)
{
    char plain[4096];
    bool shaken = SSL_is_init_finished(node->ssl) == 1;
    BIO_write(SSL_get_rbio(node->ssl), bytes, (int)length);
    int got = SSL_read(node->ssl, plain, sizeof(plain));
    int error = SSL_get_error(node->ssl, got);
    if (!shaken && SSL_is_init_finished(node->ssl) && node->greeting != NULL) {
        say(node, span_of(node->greeting));
    }
    while (node->fd >= 0 && got > 0) {
        take_bytes(node, plain, (size_t)got);
        got = node->fd >= 0 ? SSL_read(node->ssl, plain, sizeof(plain)) : 0;
    }
    if (node->fd >= 0) {
        drain_tls(node);
    }
    ERR_clear_error();
    if (node->fd >= 0 && error == SSL_ERROR_SSL) {
        node->ends = true;
        on_pump(-1, 0, node);
    }
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    struct fake_node *node = context;
    char bytes[4096];
    (void)what;
    ssize_t got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (got <= 0) {
        fake_node_hang_up(node);
    } else if (node->ssl != NULL) {
        take_records(node, bytes, (size_t)got);
    } else {
        take_bytes(node, bytes, (size_t)got);
    }
}

static void on_acceptable(evutil_socket_t listener, short what, void *context)
{
    struct fake_node *node = context;
    (void)what;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    int on = 1;
    CHECK(fd >= 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    fake_node_hang_up(node);
    node->ends = false;
    node->fd = fd;
    node->sent = 0;
    node->reads = 0;
    node->commands = resp_new(COMMAND_BYTES_MAX);
    node->readable = event_new(node->base, fd, EV_READ | EV_PERSIST, on_readable, node);
    event_add(node->readable, NULL);
    buf_text(&node->log, node->log.length > 0 ? " |" : "|");
    if (node->tls != NULL) {
        node->ssl = SSL_new(node->tls);
        SSL_set_bio(node->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_accept_state(node->ssl);
    } else if (node->greeting != NULL) {
        say(node, span_of(node->greeting));
    }
}

struct fake_node *fake_node_new(struct event_base *base)
{
    struct fake_node *node = mem_new(1, sizeof(*node));
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(local);
    node->base = base;
    node->fd = -1;
    node->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK(bind(node->listener, (struct sockaddr *)&local, sizeof(local)) == 0);
    CHECK(listen(node->listener, 8) == 0);
    CHECK(getsockname(node->listener, (struct sockaddr *)&local, &size) == 0);
    node->address = (struct address){.host = "127.0.0.1", .port = ntohs(local.sin_port)};
    node->acceptable = event_new(base, node->listener, EV_READ | EV_PERSIST, on_acceptable, node);
    node->pump = evtimer_new(base, on_pump, node);
    event_add(node->acceptable, NULL);
    return node;
}

void fake_node_stop_listening(struct fake_node *node)
{
    if (node->acceptable != NULL) {
        event_free(node->acceptable);
        close(node->listener);
        node->acceptable = NULL;
    }
}

void fake_node_free(struct fake_node *node)
{
    if (node == NULL) {
        return;
    }
    fake_node_hang_up(node);
    fake_node_stop_listening(node);
    event_free(node->pump);
    buf_free(&node->log);
    buf_free(&node->received);
    free(node);
}

void fake_node_answer(struct fake_node *node, const char *command, const char *reply)
{
    size_t i = 0;
    while (i < node->answer_count && strcmp(node->answer[i].command, command) != 0) {
        i++;
    }
    CHECK(i < FAKE_ANSWERS_MAX);
    node->answer_count += i == node->answer_count;
    node->answer[i] = (struct fake_answer){command, span_of(reply)};
}

void fake_node_say(struct fake_node *node, const char *bytes)
{
    CHECK(node->fd >= 0);
    say(node, span_of(bytes));
}

size_t fake_node_say_now(struct fake_node *node, const char *bytes)
{
    fake_node_say(node, bytes);
    size_t before = node->out.length;
    on_pump(-1, 0, node);
    return before - node->out.length;
}

void fake_node_hang_up(struct fake_node *node)
{
    if (node->fd >= 0) {
        event_del(node->pump);
        event_free(node->readable);
        resp_free(node->commands);
        buf_free(&node->out);
        SSL_free(node->ssl);
        node->ssl = NULL;
        close(node->fd);
        node->fd = -1;
    }
}

void fake_node_expect(struct fake_node *node, const char *log)
{
    assert_span(buf_view(&node->log), log);
    buf_free(&node->log);
}

static void on_impatient(evutil_socket_t fd, short what, void *context)
{
    bool *impatient = context;
    (void)fd;
    (void)what;
    *impatient = true;
}

void run_until(struct event_base *base, const bool *done)
{
    bool impatient = false;
    struct timeval patience = {PATIENCE_S, 0};
    struct event *timer = evtimer_new(base, on_impatient, &impatient);
    event_add(timer, &patience);
    while (!*done && !impatient) {
        event_base_loop(base, EVLOOP_ONCE);
    }
    event_free(timer);
    assert_false(impatient);
}

void run_idle(struct event_base *base)
{
    for (int i = 0; i < 20; i++) {
        event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    }
}
