// A scripted server on 127.0.0.1, in the same process and the same event loop. It takes one
// connection at a time: a new one ends the one before.
#pragma once

#include <event2/event.h>
#include <openssl/ssl.h>

#include "redis/address.h"

enum { FAKE_ANSWERS_MAX = 8 };

struct fake_answer {
    const char *command; // "AUTH", "CLIENT", "INFO", "CLUSTER INFO", "CLUSTER NODES"
    struct span reply;   // bytes as they are sent; of length 0: silence
};

struct fake_node {
    struct event_base *base;
    struct address address;
    // The script; AUTH and CLIENT are answered with +OK, and other commands with an error, unless
    // the table says otherwise.
    struct fake_answer answer[FAKE_ANSWERS_MAX];
    size_t answer_count;
    const char *greeting; // said before any command; NULL: nothing
    bool one_byte_a_turn; // of the event loop
    size_t close_after;   // hangs up after so many bytes; 0: it does not
    SSL_CTX *tls;         // speaks with TLS; NULL: without
    // What was seen. The log names the commands, with '|' where a connection begins.
    struct buf log;
    size_t reads;        // pieces in which commands came
    struct buf received; // inside TLS, where it is spoken
    SSL *ssl;            // of the connection
    // Its own:
    int listener;
    int fd; // of the connection; -1: none
    struct event *acceptable;
    struct event *readable;
    struct event *pump;
    struct resp *commands;
    struct buf out;
    size_t sent; // on this connection
    bool ends;   // hangs up when all is sent
};

struct fake_node *fake_node_new(struct event_base *base);
void fake_node_free(struct fake_node *node); // NULL is fine

// From now on the command is answered so; both are borrowed.
void fake_node_answer(struct fake_node *node, const char *command, const char *reply);

void fake_node_say(struct fake_node *node, const char *bytes);
// The same, at once: at most what the sockets take. Gives how many bytes that were.
size_t fake_node_say_now(struct fake_node *node, const char *bytes);
void fake_node_hang_up(struct fake_node *node);
void fake_node_stop_listening(struct fake_node *node);

// Checks the log and begins it anew.
void fake_node_expect(struct fake_node *node, const char *log);

// Runs the loop until `done`; fails the test when that takes seconds.
void run_until(struct event_base *base, const bool *done);

// Runs the loop until nothing has happened in a few turns.
void run_idle(struct event_base *base);
