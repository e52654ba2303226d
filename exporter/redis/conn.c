// States:
//
//   CLOSED --ask--> CONNECTING --connected--> BUSY --last reply--> IDLE --ask--> BUSY
//      ^                |                      |                    |
//      +----------------+------ any failure ---+--------------------+
#include "redis/conn.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "redis/greeting.h"
#include "redis/limit.h"
#include "redis/opening.h"
#include "redis/server_error.h"

enum state { CLOSED, CONNECTING, IDLE, BUSY };

enum {
    DETAIL_SIZE = 160,
    READ_BYTES = 1 << 16, // one read takes what one node usually says
};

// A refusal may end by a change of rights; asked more often, it would fill the server's error
// statistics.
#define REFUSAL_AGE_MAX_US (300 * (int64_t)SECOND_US)

struct conn {
    const struct conn_options *options;
    struct address address;
    char hostname[ADDRESS_HOST_SIZE];
    struct conn_handler handler;
    enum state state;
    struct opening *opening;     // while CONNECTING
    struct tls_session *session; // of the last connection
    struct transport transport;  // IDLE and BUSY
    struct event *readable;
    struct event *writable; // added while `out` could not be sent whole
    struct limit limit;     // on the replies of this ask
    struct buf out;         // commands not sent yet
    struct resp *resp;
    struct greeting greeting;
    command_set wanted;  // by this ask, refused ones included
    command_set refused; // on this connection
    int64_t refused_us;  // when the last of them was
    enum command *queue; // sent, in this order,
    size_t queued;       // how many,
    size_t answered;     // and how many of them were answered
    size_t queue_capacity;
    bool fresh;           // nothing was read on this connection yet
    bool reused;          // this ask began on a kept connection, and nothing was read yet
    enum outcome verdict; // of this ask, by the replies so far
    int64_t connect_began_us;
    int64_t connect_us; // of this ask
    char detail[DETAIL_SIZE];
};

static void set_detail(struct conn *conn, const char *text)
{
    size_t length = strnlen(text, DETAIL_SIZE - 1);
    memcpy(conn->detail, text, length);
    conn->detail[length] = '\0';
}

static struct login login_of(const struct conn *conn)
{
    const struct login none = {NULL, NULL};
    const struct login *common = conn->options->login;
    return credentials_find(conn->options->credentials, &conn->address,
                            common != NULL ? *common : none);
}

static void set_server_detail(struct conn *conn, struct span text)
{
    server_error_print(text, login_of(conn).password, conn->detail, sizeof(conn->detail));
}

static void drop_output(struct conn *conn)
{
    buf_wipe(&conn->out); // it may hold the password
}

static void free_event(struct event **event)
{
    if (*event != NULL) {
        event_free(*event);
        *event = NULL;
    }
}

static void close_conn(struct conn *conn)
{
    opening_free(conn->opening);
    conn->opening = NULL;
    free_event(&conn->readable);
    free_event(&conn->writable);
    transport_close(&conn->transport);
    resp_free(conn->resp);
    conn->resp = NULL;
    drop_output(conn);
    limit_stop(&conn->limit);
    conn->refused = 0;
    conn->queued = 0;
    conn->answered = 0;
    conn->state = CLOSED;
}

static void start_connecting(struct conn *conn);

// The second attempt of an ask, which begins as on every new connection.
static void begin_anew(struct conn *conn)
{
    conn->wanted = command_bit(COMMAND_INFO);
    start_connecting(conn);
}

// The ask has failed; a kept connection that was dead already gets one fresh attempt.
static void fail(struct conn *conn, enum outcome outcome)
{
    bool again = conn->reused && outcome == OUTCOME_CLOSED;
    close_conn(conn);
    if (again) {
        begin_anew(conn);
    } else {
        conn->handler.on_done(conn->handler.owner, outcome, conn->detail);
    }
}

static void fail_with(struct conn *conn, enum outcome outcome, const char *detail)
{
    set_detail(conn, detail);
    fail(conn, outcome);
}

static void flush(struct conn *conn)
{
    ssize_t sent = transport_write(&conn->transport, conn->out.data, conn->out.length);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        return; // the reading side reports what is wrong
    }
    size_t rest = conn->out.length - (sent > 0 ? (size_t)sent : 0);
    if (rest == 0) {
        drop_output(conn);
        return;
    }
    memmove(conn->out.data, conn->out.data + conn->out.length - rest, rest);
    conn->out.length = rest;
    if (sent > 0 || transport_wants_write(&conn->transport)) {
        event_add(conn->writable, NULL);
    }
}

static void enqueue(struct conn *conn, enum command command, const struct span *arguments,
                    size_t count)
{
    command_add(&conn->out, command, arguments, count);
    conn->queue =
        mem_grow(conn->queue, conn->queued, &conn->queue_capacity, sizeof(conn->queue[0]));
    conn->queue[conn->queued++] = command;
}

static void send_queue(struct conn *conn)
{
    conn->state = BUSY;
    conn->verdict = OUTCOME_OK;
    limit_start(&conn->limit);
    flush(conn);
}

static void send_commands(struct conn *conn)
{
    conn->queued = 0;
    conn->answered = 0;
    for (int command = 0; command < COMMAND_COUNT; command++) {
        if (conn->wanted & ~conn->refused & command_bit((enum command)command)) {
            enqueue(conn, (enum command)command, NULL, 0);
        }
    }
    send_queue(conn);
}

static void judge_info(struct conn *conn, const struct reply *reply)
{
    if (reply->type == REPLY_STRING) {
        conn->detail[0] = '\0'; // whatever AUTH said: the server talks to us
        return;
    }
    conn->verdict = OUTCOME_MALFORMED;
    if (reply->type != REPLY_ERROR) {
        set_detail(conn, "INFO answered with something that is no text");
        return;
    }
    conn->verdict = server_error_outcome(reply->text);
    // What AUTH said tells more than the NOAUTH that follows from it.
    if (conn->detail[0] == '\0' || conn->verdict != OUTCOME_AUTH) {
        set_server_detail(conn, reply->text);
    }
}

// The replies to AUTH and CLIENT SETNAME. AUTH may fail and the server answer all the same (it has
// no password), so INFO is the judge. A server with too many clients says so here, and hangs up.
static bool take_greeting_reply(struct conn *conn, const struct reply *reply)
{
    bool takes = greeting_takes(&conn->greeting);
    if (takes && reply->type == REPLY_ERROR && conn->detail[0] == '\0') {
        set_server_detail(conn, reply->text);
    }
    return takes;
}

static void take_reply(struct conn *conn, struct reply *reply)
{
    if (take_greeting_reply(conn, reply)) {
        return;
    }
    enum command command = conn->queue[conn->answered++];
    if (command == COMMAND_INFO) {
        judge_info(conn, reply);
    } else if (reply->type == REPLY_ERROR && command_is_refused(reply->text)) {
        conn->refused |= command_bit(command);
        conn->refused_us = clock_monotonic_us();
    }
    conn->handler.on_reply(conn->handler.owner, command, reply);
}

// After the last reply. Without INFO the connection is of no use: the next scrape logs in anew.
static void complete(struct conn *conn)
{
    if (resp_has_rest(conn->resp)) {
        fail_with(conn, OUTCOME_MALFORMED, "more replies than commands");
        return;
    }
    limit_stop(&conn->limit);
    conn->state = IDLE;
    conn->queued = 0;
    conn->answered = 0;
    if (conn->verdict != OUTCOME_OK) {
        close_conn(conn);
    }
    conn->handler.on_done(conn->handler.owner, conn->verdict, conn->detail);
}

// True while more bytes are wanted; otherwise the ask is over.
static bool take_replies(struct conn *conn)
{
    while (conn->answered < conn->queued) {
        struct reply *reply;
        switch (resp_next(conn->resp, &reply)) {
        case RESP_REPLY:
            take_reply(conn, reply);
            reply_free(reply);
            break;
        case RESP_MORE:
            return true;
        case RESP_MALFORMED:
            fail_with(conn, OUTCOME_MALFORMED, "the server does not speak the Redis protocol");
            return false;
        case RESP_TOO_LARGE:
            fail_with(conn, OUTCOME_TOO_LARGE, "the replies exceed the size limit");
            return false;
        }
    }
    complete(conn);
    return false;
}

// What a server says before it hangs up (too many clients) is in `detail` already.
static void report_end(struct conn *conn, ssize_t got, int error)
{
    const struct tls_link *tls = conn->transport.tls;
    if (tls != NULL && tls_link_outcome(tls) != OUTCOME_OK) {
        fail_with(conn, tls_link_outcome(tls), tls_link_detail(tls));
        return;
    }
    if (conn->detail[0] == '\0' && conn->fresh && tls == NULL) {
        set_detail(conn,
                   "closed by the server without a word: it may speak with TLS only, which is "
                   "rediss://");
    } else if (conn->detail[0] == '\0') {
        set_detail(conn, got == 0 ? "closed by the server" : strerror(error));
    }
    fail(conn, OUTCOME_CLOSED);
}

// What a server that speaks with TLS only says to a plain command: an alert. RFC 8446 section 5.1.
static bool is_alert(struct span bytes)
{
    return span_starts(bytes, SPAN("\x15\x03"));
}

// True while more is wanted, on the same connection.
static bool take_bytes(struct conn *conn, struct span bytes)
{
    if (conn->fresh && conn->transport.tls == NULL && is_alert(bytes)) {
        fail_with(conn, OUTCOME_TLS_WANTED, "the server speaks with TLS only: use rediss://");
        return false;
    }
    conn->fresh = false;
    conn->reused = false;
    resp_feed(conn->resp, bytes.at, bytes.length);
    return take_replies(conn);
}

// One read, but for bytes of TLS that the socket will not tell of again. Others have their turn
// before a server that always has more.
static void take_input(struct conn *conn)
{
    enum { READS_MAX = 8 };
    static char bytes[READ_BYTES];
    bool more = true;
    for (int i = 0; more && i < READS_MAX; i++) {
        ssize_t got = transport_read(&conn->transport, bytes, sizeof(bytes));
        int error = errno;
        if (got < 0 && (error == EAGAIN || error == EINTR)) {
            return;
        }
        if (conn->state != BUSY) {
            close_conn(conn); // it has ended, or says what nobody asked for
            return;
        }
        if (got <= 0) {
            report_end(conn, got, error);
            return;
        }
        more =
            take_bytes(conn, span_make(bytes, (size_t)got)) && transport_has_more(&conn->transport);
    }
    if (more) {
        event_active(conn->readable, EV_READ, 1);
    }
}

// Inside TLS either direction can wait for the other.
static void on_ready(evutil_socket_t fd, short what, void *context)
{
    struct conn *conn = context;
    (void)fd;
    if (conn->out.length > 0) {
        flush(conn);
    }
    if ((what & EV_READ) || conn->transport.tls != NULL) {
        take_input(conn);
    }
}

static void on_opened(void *owner, const struct transport *transport, enum outcome outcome,
                      const char *detail)
{
    struct conn *conn = owner;
    struct event_base *base = conn->options->base;
    if (transport == NULL) {
        fail_with(conn, outcome, detail);
        return;
    }
    opening_free(conn->opening);
    conn->opening = NULL;
    conn->connect_us = clock_monotonic_us() - conn->connect_began_us;
    conn->connect_us += conn->connect_us == 0 ? 1 : 0;
    conn->transport = *transport;
    conn->fresh = true;
    conn->readable = event_new(base, transport->fd, EV_READ | EV_PERSIST, on_ready, conn);
    conn->writable = event_new(base, transport->fd, EV_WRITE, on_ready, conn);
    CHECK(conn->readable != NULL && conn->writable != NULL);
    event_add(conn->readable, NULL);
    conn->resp = resp_new(conn->options->reply_bytes_max);
    greeting_add(&conn->greeting, &conn->out, login_of(conn));
    send_commands(conn);
}

static void start_connecting(struct conn *conn)
{
    conn->state = CONNECTING;
    conn->reused = false;
    conn->detail[0] = '\0';
    conn->connect_began_us = clock_monotonic_us();
    conn->opening =
        opening_new(conn->options, &conn->address, conn->hostname, &conn->session, on_opened, conn);
}

static bool has_arrived(const void *owner)
{
    const struct conn *conn = owner;
    return transport_has_arrived(&conn->transport);
}

static void on_limit(void *owner)
{
    conn_give_up(owner);
}

struct conn *conn_new(const struct conn_options *options, const struct address *address,
                      struct conn_handler handler)
{
    struct conn *conn = mem_new(1, sizeof(*conn));
    *conn = (struct conn){.options = options,
                          .address = *address,
                          .handler = handler,
                          .transport = TRANSPORT_NONE,
                          .out = BUF_EMPTY};
    limit_init(&conn->limit, options->base, has_arrived, on_limit, conn);
    return conn;
}

void conn_free(struct conn *conn)
{
    if (conn != NULL) {
        close_conn(conn);
        limit_fini(&conn->limit);
        tls_session_free(conn->session);
        free(conn->queue);
        free(conn);
    }
}

void conn_set_hostname(struct conn *conn, const char *hostname)
{
    span_copy(span_of(hostname), conn->hostname, sizeof(conn->hostname));
}

const struct address *conn_address(const struct conn *conn)
{
    return &conn->address;
}

bool conn_is_open(const struct conn *conn)
{
    return conn->state == IDLE || conn->state == BUSY;
}

int64_t conn_connect_us(const struct conn *conn)
{
    return conn->connect_us;
}

static void begin_ask(struct conn *conn)
{
    conn->detail[0] = '\0';
    conn->connect_us = 0;
    limit_set(&conn->limit, conn->options->reply_timeout_us);
    conn->reused = conn->state == IDLE;
    if (conn->state == IDLE) {
        resp_restart(conn->resp);
    }
}

void conn_ask(struct conn *conn, command_set commands)
{
    CHECK(conn->state == CLOSED || conn->state == IDLE);
    CHECK(commands != 0);
    conn->wanted = commands;
    if (clock_monotonic_us() - conn->refused_us >= REFUSAL_AGE_MAX_US) {
        conn->refused = 0;
    }
    begin_ask(conn);
    // When it has ended, or said what nobody asked for, and the loop has not told yet, what comes
    // next would be taken for replies.
    if (conn->state == IDLE && !transport_is_quiet(&conn->transport)) {
        close_conn(conn);
        begin_anew(conn);
    } else if (conn->state == IDLE) {
        send_commands(conn);
    } else {
        start_connecting(conn);
    }
}

void conn_ask_more(struct conn *conn, command_set commands)
{
    CHECK(conn->state == IDLE);
    CHECK(commands != 0);
    conn->wanted = commands;
    conn->detail[0] = '\0';
    conn->connect_us = 0;
    conn->reused = false;
    send_commands(conn);
}

bool conn_queue(struct conn *conn, enum command command, const struct span *arguments, size_t count)
{
    CHECK(conn->state == IDLE);
    bool accepted = !(conn->refused & command_bit(command));
    if (accepted) {
        enqueue(conn, command, arguments, count);
    }
    return accepted;
}

void conn_send(struct conn *conn)
{
    CHECK(conn->state == IDLE && conn->queued > 0);
    begin_ask(conn);
    conn->reused = false; // what led to these commands is not asked anew
    send_queue(conn);
}

void conn_give_up(struct conn *conn)
{
    if (conn->state == CONNECTING) {
        opening_give_up(conn->opening);
    } else if (conn->state == BUSY) {
        fail_with(conn, OUTCOME_TIMEOUT, "no complete answer in time");
    }
}
