// Plays the nodes of one cluster: one process, one thread, an address of its own for each node.
//
//   bench_simulator --captures DIR --nodes N --port P [--slow N] [--delay MS] [--silent N]
//                   [--resetting N] [--garbage N]
//
// Prints the nodes' addresses, a line each, and then "ready". The faulty nodes are the last ones,
// in the order of the flags, so the first node always works. The command SIMULATE with LEAVE, JOIN
// or FAILOVER and a shard, or with DOWN or UP and a node, sent to any node, changes the cluster;
// see topology.h.
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "replies.h"
#include "topology.h"

enum { NODES_MAX = 2000, WORDS_MAX = 64, EVENTS_MAX = 256, READ_BYTES = 16384 };

enum fault { FAULT_NONE, FAULT_SLOW, FAULT_SILENT, FAULT_RESETTING, FAULT_GARBAGE, FAULT_COUNT };

struct options {
    const char *captures;
    size_t nodes;
    uint16_t port;
    int64_t delay_us;
    size_t faulty[FAULT_COUNT];
};

// A listening socket or a connection.
struct peer {
    int fd;
    size_t node;
    bool listening;
    struct buf in;
    struct buf out;
    size_t sent;
    int64_t due_us; // of a slow node's reply; 0 when none is waiting
    struct peer *next;
};

static struct options options = {.delay_us = 500000};
static struct replies *replies;
static struct peer *listeners;
static int epoll_fd;
static struct peer *slow_peers; // the soonest first
static volatile sig_atomic_t stopped;

static enum fault fault_of(size_t node)
{
    size_t from_end = options.nodes - 1 - node;
    for (int fault = FAULT_SLOW; fault < FAULT_COUNT; fault++) {
        if (from_end < options.faulty[fault]) {
            return (enum fault)fault;
        }
        from_end -= options.faulty[fault];
    }
    return FAULT_NONE;
}

static void watch(struct peer *peer, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = peer};
    CHECK(epoll_ctl(epoll_fd, operation, peer->fd, &event) == 0);
}

static void slow_remove(const struct peer *peer)
{
    struct peer **link = &slow_peers;
    while (*link != NULL && *link != peer) {
        link = &(*link)->next;
    }
    if (*link != NULL) {
        *link = peer->next;
    }
}

static void slow_add(struct peer *peer)
{
    struct peer **link = &slow_peers;
    while (*link != NULL) {
        link = &(*link)->next;
    }
    peer->due_us = clock_monotonic_us() + options.delay_us;
    peer->next = NULL;
    *link = peer;
}

static void hang_up(struct peer *peer)
{
    slow_remove(peer);
    (void)close(peer->fd);
    buf_free(&peer->in);
    buf_free(&peer->out);
    free(peer);
}

static void reset(struct peer *peer)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    hang_up(peer);
}

// A header such as "*3" or "$11" and its line end.
static bool take_header(struct span *rest, char kind, size_t *out_number)
{
    struct span line;
    struct span after;
    if (!span_split(*rest, '\n', &line, &after) || line.length < 3 || line.at[0] != kind) {
        return false;
    }
    *out_number = strtoull(line.at + 1, NULL, 10);
    *rest = after;
    return true;
}

// Takes one command off the front; false, with nothing taken, when it is not there as a whole.
static bool take_command(struct span *text, struct span words[WORDS_MAX], size_t *out_count)
{
    struct span rest = *text;
    size_t length;
    if (!take_header(&rest, '*', out_count) || *out_count == 0 || *out_count > WORDS_MAX) {
        return false;
    }
    for (size_t i = 0; i < *out_count; i++) {
        if (!take_header(&rest, '$', &length) || rest.length < length + 2) {
            return false;
        }
        words[i] = span_make(rest.at, length);
        rest = span_skip(rest, length + 2);
    }
    *text = rest;
    return true;
}

// Sends what the socket takes; the rest when it takes more.
static void send_out(struct peer *peer)
{
    bool was_waiting = peer->sent > 0;
    while (peer->sent < peer->out.length) {
        ssize_t sent = send(peer->fd, peer->out.data + peer->sent, peer->out.length - peer->sent,
                            MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            watch(peer, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
            return;
        }
        if (sent < 0) {
            hang_up(peer);
            return;
        }
        peer->sent += (size_t)sent;
    }
    if (was_waiting) {
        watch(peer, EPOLL_CTL_MOD, EPOLLIN);
    }
    buf_free(&peer->out);
    peer->out = BUF_EMPTY;
    peer->sent = 0;
}

static void listen_as(struct peer *peer, size_t node)
{
    char address[NODE_ADDRESS_SIZE];
    int on = 1;
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(options.port)};
    topology_address(node, address);
    CHECK(inet_pton(AF_INET, address, &name.sin_addr) == 1);
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    peer->node = node;
    peer->listening = true;
    if (peer->fd < 0 || setsockopt(peer->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(peer->fd, (struct sockaddr *)&name, sizeof(name)) != 0 ||
        listen(peer->fd, SOMAXCONN) != 0) {
        perror(address);
        exit(1);
    }
    watch(peer, EPOLL_CTL_ADD, EPOLLIN);
}

static void stop_listening(struct peer *peer)
{
    if (peer->fd >= 0) {
        (void)close(peer->fd);
    }
    peer->fd = -1;
}

// SIMULATE WHAT NUMBER. Nodes that are not there any more take no connections; those that they have
// are closed at their next command.
static bool simulate(const struct span *words, size_t count, struct buf *out)
{
    if (count != 3 || !span_is(words[0], "SIMULATE")) {
        return false;
    }
    bool known = replies_change(replies, words[1], strtoull(words[2].at, NULL, 10));
    buf_text(out, known ? "+OK\r\n" : "-ERR no such change\r\n");
    for (size_t i = 0; i < options.nodes; i++) {
        bool is_open = replies_is_open(replies, i);
        if (is_open && listeners[i].fd < 0) {
            listen_as(&listeners[i], i);
        } else if (!is_open) {
            stop_listening(&listeners[i]);
        }
    }
    return true;
}

static void answer(struct peer *peer)
{
    struct span words[WORDS_MAX];
    size_t count;
    struct span rest = buf_view(&peer->in);
    bool is_garbage = fault_of(peer->node) == FAULT_GARBAGE;
    while (take_command(&rest, words, &count)) {
        if (is_garbage) {
            buf_text(&peer->out, "<html>this is no reply\r\n");
        } else if (!simulate(words, count, &peer->out)) {
            replies_add(replies, peer->node, words, count, &peer->out);
        }
    }
    if (rest.length > 0) {
        memmove(peer->in.data, rest.at, rest.length);
    }
    peer->in.length = rest.length;
    send_out(peer);
}

static void on_input(struct peer *peer)
{
    ssize_t got = recv(peer->fd, buf_reserve(&peer->in, READ_BYTES), READ_BYTES, 0);
    if (got < 0 && errno == EAGAIN) {
        return;
    }
    if (got <= 0 || !replies_is_open(replies, peer->node)) {
        hang_up(peer);
        return;
    }
    peer->in.length += (size_t)got;
    enum fault fault = fault_of(peer->node);
    if (fault == FAULT_RESETTING) {
        reset(peer);
    } else if (fault == FAULT_SILENT) {
        peer->in.length = 0;
    } else if (fault != FAULT_SLOW) {
        answer(peer);
    } else if (peer->due_us == 0) {
        slow_add(peer);
    }
}

static void on_connection(const struct peer *listener)
{
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    struct peer *peer = mem_new(1, sizeof(*peer));
    peer->fd = fd;
    peer->node = listener->node;
    watch(peer, EPOLL_CTL_ADD, EPOLLIN);
}

static void on_event(struct peer *peer, uint32_t events)
{
    if (peer->listening) {
        on_connection(peer);
    } else if (events & EPOLLOUT) {
        send_out(peer);
    } else {
        on_input(peer);
    }
}

// Answers what is due; gives the milliseconds until the next one, -1 when there is none.
static int answer_slow_peers(void)
{
    while (slow_peers != NULL) {
        struct peer *peer = slow_peers;
        int64_t left_us = peer->due_us - clock_monotonic_us();
        if (left_us > 0) {
            return (int)(left_us / 1000) + 1;
        }
        slow_peers = peer->next;
        peer->due_us = 0;
        answer(peer);
    }
    return -1;
}

static void run(void)
{
    struct epoll_event events[EVENTS_MAX];
    while (!stopped) {
        int count = epoll_wait(epoll_fd, events, EVENTS_MAX, answer_slow_peers());
        for (int i = 0; i < count; i++) {
            on_event(events[i].data.ptr, events[i].events);
        }
    }
}

static _Noreturn void usage(void)
{
    (void)fprintf(stderr, "usage: bench_simulator --captures DIR --nodes N --port P [--slow N] "
                          "[--delay MS] [--silent N] [--resetting N] [--garbage N]\n");
    exit(2);
}

static size_t number(const char *text, size_t max)
{
    char *end;
    size_t value = strtoull(text, &end, 10);
    if (end == text || *end != '\0' || value > max) {
        usage();
    }
    return value;
}

static void read_options(int argc, char **argv)
{
    enum { CAPTURES = FAULT_COUNT, NODES, PORT, DELAY };
    static const struct option known[] = {
        {"captures", required_argument, NULL, CAPTURES},
        {"nodes", required_argument, NULL, NODES},
        {"port", required_argument, NULL, PORT},
        {"delay", required_argument, NULL, DELAY},
        {"slow", required_argument, NULL, FAULT_SLOW},
        {"silent", required_argument, NULL, FAULT_SILENT},
        {"resetting", required_argument, NULL, FAULT_RESETTING},
        {"garbage", required_argument, NULL, FAULT_GARBAGE},
        {NULL, 0, NULL, 0},
    };
    int flag;
    while ((flag = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (flag == CAPTURES) {
            options.captures = optarg;
        } else if (flag == NODES) {
            options.nodes = number(optarg, NODES_MAX);
        } else if (flag == PORT) {
            options.port = (uint16_t)number(optarg, UINT16_MAX);
        } else if (flag == DELAY) {
            options.delay_us = (int64_t)number(optarg, 3600000) * 1000;
        } else if (flag > FAULT_NONE && flag < FAULT_COUNT) {
            options.faulty[flag] = number(optarg, NODES_MAX);
        } else {
            usage();
        }
    }
    bool is_paired = options.nodes == 1 || options.nodes % 2 == 0;
    if (options.captures == NULL || options.nodes == 0 || !is_paired || options.port == 0) {
        usage();
    }
}

static void on_signal(int signal)
{
    (void)signal;
    stopped = 1;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal}; // no SA_RESTART: epoll_wait ends
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
}

static void allow_many_sockets(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    catch_signals();
    allow_many_sockets();
    replies = replies_new(options.captures, options.nodes, options.port);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    listeners = mem_new(options.nodes, sizeof(*listeners));
    for (size_t i = 0; i < options.nodes; i++) {
        char address[NODE_ADDRESS_SIZE];
        topology_address(i, address);
        (void)printf("%s:%u\n", address, (unsigned)options.port);
        listen_as(&listeners[i], i);
    }
    (void)puts("ready");
    (void)fflush(stdout);
    run();
    for (size_t i = 0; i < options.nodes; i++) {
        stop_listening(&listeners[i]);
    }
    free(listeners);
    replies_free(replies);
    return 0;
}
