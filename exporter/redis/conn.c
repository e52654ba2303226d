// States:
//
//   CLOSED --ask--> CONNECTING --connected--> BUSY --last reply--> IDLE --ask--> BUSY
//      ^                |                      |                    |
//      +----------------+------ any failure ---+--------------------+
//
// AUTH and CLIENT SETNAME go out in front of the first commands of a connection, in the same write.
// One timer serves both limits: connect while CONNECTING, reply while BUSY.
#include "redis/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

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
    struct conn_handler handler;
    enum state state;
    struct dial *dial; // while CONNECTING
    int fd;            // IDLE and BUSY, otherwise -1
    struct event *readable;
    struct event *writable; // added while `out` could not be sent whole
    struct event *timer;
    struct buf out; // commands not sent yet
    struct resp *resp;
    command_set wanted;  // by this ask, refused ones included
    command_set refused; // on this connection
    int64_t refused_us;  // when the last of them was
    enum command *queue; // sent, in this order,
    size_t queued;       // how many,
    size_t answered;     // and how many of them were answered
    size_t queue_capacity;
    bool auth_awaited;    // the reply to AUTH comes next,
    bool setname_awaited; // then the one to CLIENT SETNAME
    bool reused;          // this ask began on a kept connection, and nothing was read yet
    enum outcome verdict; // of this ask, by the replies so far
    int64_t sent_us;      // when BUSY began
    int64_t waited_us;    // for replies, in this ask before that
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

// What a server said, made printable. A server can repeat what it was sent, the password included
// and perhaps cut ("unknown command 'AUTH', with args beginning with: ..."): a text with as much as
// its beginning is not passed on.
static void set_server_detail(struct conn *conn, struct span text)
{
    enum { BEGINNING = 6 };
    const char *password = login_of(conn).password;
    if (password != NULL &&
        span_contains(text, span_make(password, strnlen(password, BEGINNING)))) {
        set_detail(conn, "the server repeats the password");
        return;
    }
    size_t length = text.length < DETAIL_SIZE - 1 ? text.length : DETAIL_SIZE - 1;
    for (size_t i = 0; i < length; i++) {
        char c = text.at[i];
        conn->detail[i] = (char)(c >= ' ' && c <= '~' ? c : '?');
    }
    conn->detail[length] = '\0';
}

static void drop_output(struct conn *conn)
{
    if (conn->out.length > 0) {
        explicit_bzero(conn->out.data, conn->out.length); // it may hold the password
    }
    buf_free(&conn->out);
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
    dial_free(conn->dial);
    conn->dial = NULL;
    free_event(&conn->readable);
    free_event(&conn->writable);
    if (conn->fd >= 0) {
        close(conn->fd);
        conn->fd = -1;
    }
    resp_free(conn->resp);
    conn->resp = NULL;
    drop_output(conn);
    event_del(conn->timer);
    conn->refused = 0;
    conn->queued = 0;
    conn->answered = 0;
    conn->state = CLOSED;
}

static void arm(struct conn *conn, int64_t limit_us)
{
    struct timeval limit = {limit_us / SECOND_US, limit_us % SECOND_US};
    event_add(conn->timer, &limit);
}

static void note_wait(struct conn *conn)
{
    conn->waited_us += clock_monotonic_us() - conn->sent_us;
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
        note_wait(conn);
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

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    conn_give_up(context);
}

static void flush(struct conn *conn)
{
    ssize_t sent = send(conn->fd, conn->out.data, conn->out.length, MSG_NOSIGNAL);
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
    event_add(conn->writable, NULL);
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    flush(context);
}

static void add_handshake(struct conn *conn)
{
    const char *user = login_of(conn).user;
    const char *password = login_of(conn).password;
    const struct span name[] = {SPAN("CLIENT"), SPAN("SETNAME"), SPAN("redis_cluster_exporter")};
    if (password != NULL && user != NULL) {
        const struct span login[] = {SPAN("AUTH"), span_of(user), span_of(password)};
        resp_add_command(&conn->out, 3, login);
    } else if (password != NULL) {
        const struct span login[] = {SPAN("AUTH"), span_of(password)};
        resp_add_command(&conn->out, 2, login);
    }
    resp_add_command(&conn->out, 3, name);
    conn->auth_awaited = password != NULL;
    conn->setname_awaited = true;
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
    int64_t left_us = conn->options->reply_timeout_us - conn->waited_us;
    conn->state = BUSY;
    conn->verdict = OUTCOME_OK;
    conn->sent_us = clock_monotonic_us();
    arm(conn, left_us > 0 ? left_us : 0);
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

static enum outcome outcome_of_error(struct span error)
{
    static const char *const auth_errors[] = {"NOAUTH", "WRONGPASS", "ERR invalid password"};
    static const char *const denials[] = {"NOPERM", "DENIED"};
    if (span_starts_any(error, auth_errors, sizeof(auth_errors) / sizeof(auth_errors[0]))) {
        return OUTCOME_AUTH;
    }
    if (span_starts(error, SPAN("BUSY "))) {
        return OUTCOME_BUSY;
    }
    bool denied = span_starts_any(error, denials, sizeof(denials) / sizeof(denials[0]));
    return denied ? OUTCOME_DENIED : OUTCOME_MALFORMED;
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
    conn->verdict = outcome_of_error(reply->text);
    // What AUTH said tells more than the NOAUTH that follows from it.
    if (conn->detail[0] == '\0' || conn->verdict != OUTCOME_AUTH) {
        set_server_detail(conn, reply->text);
    }
}

// The replies to AUTH and CLIENT SETNAME. AUTH may fail and the server answer all the same (it has
// no password), so INFO is the judge. A server with too many clients says so here, and hangs up.
static bool take_handshake_reply(struct conn *conn, const struct reply *reply)
{
    bool *awaited = conn->auth_awaited ? &conn->auth_awaited : &conn->setname_awaited;
    if (!*awaited) {
        return false;
    }
    *awaited = false;
    if (reply->type == REPLY_ERROR && conn->detail[0] == '\0') {
        set_server_detail(conn, reply->text);
    }
    return true;
}

static void take_reply(struct conn *conn, struct reply *reply)
{
    if (take_handshake_reply(conn, reply)) {
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
    event_del(conn->timer);
    note_wait(conn);
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

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    static char bytes[READ_BYTES];
    struct conn *conn = context;
    (void)what;
    ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (conn->state != BUSY) {
        close_conn(conn); // it has ended, or says what nobody asked for
        return;
    }
    if (got <= 0) {
        // What a server says before it hangs up (too many clients) is in `detail` already.
        if (conn->detail[0] == '\0') {
            set_detail(conn, got == 0 ? "closed by the server" : strerror(errno));
        }
        fail(conn, OUTCOME_CLOSED);
        return;
    }
    conn->reused = false;
    resp_feed(conn->resp, bytes, (size_t)got);
    take_replies(conn);
}

static void on_dialled(void *owner, int fd, enum outcome outcome, const char *detail)
{
    struct conn *conn = owner;
    if (fd < 0) {
        fail_with(conn, outcome, detail);
        return;
    }
    dial_free(conn->dial);
    conn->dial = NULL;
    conn->connect_us = clock_monotonic_us() - conn->connect_began_us;
    conn->connect_us += conn->connect_us == 0 ? 1 : 0;
    conn->fd = fd;
    conn->readable = event_new(conn->options->base, fd, EV_READ | EV_PERSIST, on_readable, conn);
    conn->writable = event_new(conn->options->base, fd, EV_WRITE, on_writable, conn);
    CHECK(conn->readable != NULL && conn->writable != NULL);
    event_add(conn->readable, NULL);
    conn->resp = resp_new(conn->options->reply_bytes_max);
    add_handshake(conn);
    send_commands(conn);
}

static void start_connecting(struct conn *conn)
{
    struct address place;
    address_map_apply(conn->options->address_map, &conn->address, &place);
    conn->state = CONNECTING;
    conn->reused = false;
    conn->detail[0] = '\0';
    conn->connect_began_us = clock_monotonic_us();
    arm(conn, conn->options->connect_timeout_us);
    conn->dial = dial_new(conn->options->base, conn->options->dns, &place, on_dialled, conn);
}

struct conn *conn_new(const struct conn_options *options, const struct address *address,
                      struct conn_handler handler)
{
    struct conn *conn = mem_new(1, sizeof(*conn));
    *conn = (struct conn){
        .options = options, .address = *address, .handler = handler, .fd = -1, .out = BUF_EMPTY};
    conn->timer = evtimer_new(options->base, on_timer, conn);
    CHECK(conn->timer != NULL);
    return conn;
}

void conn_free(struct conn *conn)
{
    if (conn != NULL) {
        close_conn(conn);
        event_free(conn->timer);
        free(conn->queue);
        free(conn);
    }
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
    conn->waited_us = 0;
    conn->reused = conn->state == IDLE;
    if (conn->state == IDLE) {
        resp_restart(conn->resp);
    }
}

// It has ended, or said what nobody asked for, and the loop has not told yet: what comes next would
// be taken for replies.
static bool is_stale(const struct conn *conn)
{
    char byte;
    return recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
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
    if (conn->state == IDLE && is_stale(conn)) {
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
    if (conn->state == CONNECTING && dial_is_resolving(conn->dial)) {
        fail_with(conn, OUTCOME_RESOLVE, "no answer from the name servers in time");
    } else if (conn->state == CONNECTING) {
        fail_with(conn, OUTCOME_CONNECT_TIMEOUT, "no connection in time");
    } else if (conn->state == BUSY) {
        fail_with(conn, OUTCOME_TIMEOUT, "no complete answer in time");
    }
}
