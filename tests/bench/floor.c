// The least that a scrape can cost: all commands of the exporter in one write to each node, over
// connections that stay, and the replies counted and thrown away.
//
//   bench_floor [--latency-histogram]
//
// Reads the addresses of the nodes, a line each, and an empty line; connects; then makes a pass for
// each further line and prints its CPU time (user and system) and wall time in microseconds, and
// the bytes received.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cluster/view_policy.h"
#include "redis/command.h"

enum { EVENTS_MAX = 256, HEADER_BYTES = 128, READ_BYTES = 65536 };

struct node {
    int fd;
    size_t left;               // values that are still to come, those in arrays too
    size_t skip;               // bytes of a bulk string and its line end
    char header[HEADER_BYTES]; // the beginning of a line, as far as it is there
    size_t header_length;
};

static struct node *nodes;
static size_t node_count;
static int epoll_fd;
static struct buf request;
static size_t request_commands;
static uint64_t received;

static const enum command commands[] = {
    COMMAND_INFO,           COMMAND_CLUSTER_INFO, COMMAND_CONFIG_GET,    COMMAND_SLOWLOG_LEN,
    COMMAND_LATENCY_LATEST, COMMAND_SLOWLOG_GET,  COMMAND_CLUSTER_NODES,
};

// CLUSTER NODES is the last command, so the request without it is the beginning of the other.
static size_t make_request(bool with_histogram)
{
    size_t without_view = 0;
    request_commands = sizeof(commands) / sizeof(commands[0]) + with_histogram;
    if (with_histogram) {
        command_add(&request, COMMAND_LATENCY_HISTOGRAM, NULL, 0);
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        without_view = request.length;
        command_add(&request, commands[i], NULL, 0);
    }
    return without_view;
}

// As the exporter does: all nodes are asked for their view, or, of many, some.
static bool asks_view(size_t node)
{
    return node_count <= FULL_VIEWS_DEFAULT || node < FULL_VIEWS_DEFAULT / 2;
}

static void connect_node(struct node *node, const char *address)
{
    char host[64];
    unsigned port;
    struct sockaddr_in name = {.sin_family = AF_INET};
    if (sscanf(address, "%63[^:]:%u", host, &port) != 2 ||
        inet_pton(AF_INET, host, &name.sin_addr) != 1) {
        (void)fprintf(stderr, "not an address: %s\n", address);
        exit(2);
    }
    name.sin_port = htons((uint16_t)port);
    node->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (node->fd < 0 || connect(node->fd, (struct sockaddr *)&name, sizeof(name)) != 0) {
        perror(address);
        exit(1);
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = node};
    CHECK(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, node->fd, &event) == 0);
}

static void connect_all(void)
{
    char address[128];
    size_t capacity = 0;
    char(*addresses)[128] = NULL;
    while (fgets(address, sizeof(address), stdin) != NULL && address[0] != '\n') {
        addresses = mem_grow(addresses, node_count, &capacity, sizeof(*addresses));
        memcpy(addresses[node_count++], address, sizeof(address));
    }
    nodes = mem_new(node_count, sizeof(*nodes));
    for (size_t i = 0; i < node_count; i++) {
        connect_node(&nodes[i], addresses[i]);
    }
    free(addresses);
}

// A whole header line: what it announces.
static void on_header(struct node *node)
{
    long long number = strtoll(node->header + 1, NULL, 10);
    CHECK(node->left > 0);
    node->left--;
    if (node->header[0] == '$' && number >= 0) {
        node->skip = (size_t)number + 2;
    } else if (node->header[0] == '*' && number > 0) {
        node->left += (size_t)number;
    }
    node->header_length = 0;
}

static void count_replies(struct node *node, struct span text)
{
    while (text.length > 0) {
        size_t skipped = node->skip < text.length ? node->skip : text.length;
        node->skip -= skipped;
        text = span_skip(text, skipped);
        if (text.length == 0) {
            return;
        }
        const char *end = memchr(text.at, '\n', text.length);
        size_t length = end == NULL ? text.length : (size_t)(end - text.at) + 1;
        CHECK(node->header_length + length < HEADER_BYTES);
        memcpy(node->header + node->header_length, text.at, length);
        node->header_length += length;
        text = span_skip(text, length);
        if (end != NULL) {
            node->header[node->header_length] = '\0';
            on_header(node);
        }
    }
}

// Gives whether the node has now answered all.
static bool read_node(struct node *node)
{
    static char bytes[READ_BYTES];
    ssize_t got = recv(node->fd, bytes, sizeof(bytes), 0);
    if (got <= 0) {
        (void)fputs("a node hung up\n", stderr);
        exit(1);
    }
    received += (uint64_t)got;
    count_replies(node, span_make(bytes, (size_t)got));
    return node->left == 0 && node->skip == 0;
}

static void send_request(struct node *node, size_t length, size_t count)
{
    node->left = count;
    CHECK(send(node->fd, request.data, length, MSG_NOSIGNAL) == (ssize_t)length);
}

static void run_pass(size_t without_view)
{
    struct epoll_event events[EVENTS_MAX];
    size_t waiting = node_count;
    for (size_t i = 0; i < node_count; i++) {
        bool view = asks_view(i);
        send_request(&nodes[i], view ? request.length : without_view,
                     view ? request_commands : request_commands - 1);
    }
    while (waiting > 0) {
        int count = epoll_wait(epoll_fd, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            waiting -= read_node(events[i].data.ptr);
        }
    }
}

static int64_t cpu_us(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (int64_t)time.tv_sec * SECOND_US + time.tv_nsec / 1000;
}

static void allow_many_sockets(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void measure_pass(size_t without_view)
{
    int64_t cpu = cpu_us();
    int64_t wall = clock_monotonic_us();
    received = 0;
    run_pass(without_view);
    (void)printf("%lld %lld %llu\n", (long long)(cpu_us() - cpu),
                 (long long)(clock_monotonic_us() - wall), (unsigned long long)received);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    bool with_histogram = argc == 2 && strcmp(argv[1], "--latency-histogram") == 0;
    char line[16];
    allow_many_sockets();
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    connect_all();
    size_t without_view = make_request(with_histogram);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        measure_pass(without_view);
    }
    free(nodes);
    buf_free(&request);
    return 0;
}
