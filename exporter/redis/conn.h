// One connection to one server: connected when first asked, kept between scrapes, asked with one
// pipelined write. Everything that a server can do wrong ends as an outcome, never as an error.
#pragma once

#include "redis/command.h"
#include "redis/conn_options.h"
#include "redis/outcome.h"

// `on_reply` borrows the reply, whose text it may take with reply_take_text; error replies come
// here too. `on_done` comes once for each conn_ask, after the last reply; `detail` is a printable
// phrase for logs, without secrets, "" when there is nothing to add. Neither is called from inside
// conn_ask. The connection may be freed in on_done, not in on_reply.
struct conn_handler {
    void (*on_reply)(void *owner, enum command command, struct reply *reply);
    void (*on_done)(void *owner, enum outcome outcome, const char *detail);
    void *owner;
};

struct conn;

// Borrows `options`; copies the rest. Does not connect yet.
struct conn *conn_new(const struct conn_options *options, const struct address *address,
                      struct conn_handler handler);
void conn_free(struct conn *conn); // no callback comes any more; NULL is fine

// The host name that the server announces ("": none), for the next time that it connects.
void conn_set_hostname(struct conn *conn, const char *hostname);

const struct address *conn_address(const struct conn *conn);
bool conn_is_open(const struct conn *conn);

// How long the connect of the last ask took, TLS included: more than 0 on a new connection, 0 on a
// kept one.
int64_t conn_connect_us(const struct conn *conn);

// Sends the commands in one write and reads their replies; connects first when there is no
// connection. When a kept connection turns out to be dead, INFO alone is asked on a new one: the
// server may be another by now. Commands that the server refused on this connection are left out,
// but for one try every five minutes. Where INFO is among them, its reply decides the outcome. Not
// while it is busy; from on_done is fine.
void conn_ask(struct conn *conn, command_set commands);

// From on_done with OUTCOME_OK: a further part of the ask that ended, within the limits that are
// left of it. A connection that dies is not made anew.
void conn_ask_more(struct conn *conn, command_set commands);

// For commands with arguments, which follow from replies: as many conn_queue as wanted, from
// on_done with OUTCOME_OK or after it, then one conn_send, which is an ask of its own. Copies the
// arguments. False, and nothing queued, when the server refused that command on this connection.
bool conn_queue(struct conn *conn, enum command command, const struct span *arguments,
                size_t count);
void conn_send(struct conn *conn);

// Ends the ask under way: on_done comes from inside this call, with OUTCOME_TIMEOUT or, while it
// still connects, OUTCOME_CONNECT_TIMEOUT, OUTCOME_TLS_TIMEOUT or OUTCOME_RESOLVE. Nothing happens
// when it is not busy.
void conn_give_up(struct conn *conn);
