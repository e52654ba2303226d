#include "scripted_server.h"

#include <ctype.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "base/mem.h"
#include "redis/dial.h"

enum { CONNECTIONS_MAX = 32, COMMAND_BYTES_MAX = 1 << 20 };

struct connection {
    struct bufferevent *stream;
    struct resp *commands;
    char port;
    bool ends; // when all is sent
};

struct dial {
    struct event *soon;
    struct event_base *base;
    char port;
    dial_done *done;
    void *owner;
};

static struct script *script;
static size_t connections; // made with this script

void scripted_servers(struct script *new_script)
{
    script = new_script;
    connections = 0;
}

// --- a server ---

static void end_connection(struct connection *connection)
{
    bufferevent_free(connection->stream);
    resp_free(connection->commands);
    free(connection);
}

static void on_event(struct bufferevent *stream, short what, void *context)
{
    (void)stream;
    (void)what;
    end_connection(context);
}

static void on_sent(struct bufferevent *stream, void *context)
{
    struct connection *connection = context;
    (void)stream;
    if (connection->ends) {
        end_connection(connection);
    }
}

static void answer(struct connection *connection, const struct reply *words)
{
    struct buf command = BUF_EMPTY;
    struct buf bytes = BUF_EMPTY;
    for (size_t i = 0; i < words->count; i++) {
        buf_text(&command, i > 0 ? " " : "");
        buf_span(&command, words->element[i]->text);
    }
    struct record *record = script_find(script, connection->port, buf_view(&command));
    if (record != NULL) {
        script_answer(record, &bytes);
        connection->ends = record->kind == RECORD_BYTES;
    } else {
        buf_text(&bytes, "-ERR unknown command\r\n");
    }
    buf_char(&bytes, '\0');
    bufferevent_write(connection->stream, bytes.data, bytes.length - 1);
    connection->ends |= bytes.length == 1;
    buf_free(&command);
    buf_free(&bytes);
}

static void on_command(struct bufferevent *stream, void *context)
{
    struct connection *connection = context;
    char bytes[4096];
    struct reply *words;
    size_t got;
    while ((got = bufferevent_read(stream, bytes, sizeof(bytes))) > 0) {
        resp_feed(connection->commands, bytes, got);
    }
    while (!connection->ends && resp_next(connection->commands, &words) == RESP_REPLY) {
        answer(connection, words);
        reply_free(words);
    }
    bool silent = evbuffer_get_length(bufferevent_get_output(stream)) == 0;
    if (connection->ends && silent) {
        end_connection(connection);
    }
}

static void start_server(struct event_base *base, int fd, char port)
{
    struct connection *connection = mem_new(1, sizeof(*connection));
    connection->commands = resp_new(COMMAND_BYTES_MAX);
    connection->port = port;
    connection->stream = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    CHECK(connection->stream != NULL);
    bufferevent_setcb(connection->stream, on_command, on_sent, on_event, connection);
    bufferevent_enable(connection->stream, EV_READ | EV_WRITE);
}

// --- what stands for redis/dial.c ---

struct dial *__wrap_dial_new(struct event_base *base, struct evdns_base *dns,
                             const struct address *address, dial_done *done, void *owner);
bool __wrap_dial_is_resolving(const struct dial *dial);
void __wrap_dial_free(struct dial *dial);

static void on_soon(evutil_socket_t unused, short what, void *context)
{
    struct dial *dial = context;
    int fd[2];
    (void)unused;
    (void)what;
    if (script == NULL || connections >= CONNECTIONS_MAX) {
        dial->done(dial->owner, -1, OUTCOME_REFUSED, "nobody listens");
        return;
    }
    connections++;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) == 0);
    start_server(dial->base, fd[1], dial->port);
    dial->done(dial->owner, fd[0], OUTCOME_OK, "");
}

struct dial *__wrap_dial_new(struct event_base *base, struct evdns_base *dns,
                             const struct address *address, dial_done *done, void *owner)
{
    const struct timeval now = {0, 0};
    struct dial *dial = mem_new(1, sizeof(*dial));
    (void)dns;
    *dial = (struct dial){
        .base = base, .port = (char)('0' + address->port % 10), .done = done, .owner = owner};
    dial->soon = evtimer_new(base, on_soon, dial);
    CHECK(dial->soon != NULL);
    event_add(dial->soon, &now);
    return dial;
}

bool __wrap_dial_is_resolving(const struct dial *dial)
{
    (void)dial;
    return false;
}

void __wrap_dial_free(struct dial *dial)
{
    if (dial != NULL) {
        event_free(dial->soon);
        free(dial);
    }
}
