// The HTTP server with a client in the same process.
#include "web/server.h"

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

struct scene {
    struct event_base *base;
    struct evdns_base *dns;
    struct seed seed; // where nobody listens
    struct cluster *cluster;
    struct collect_options collect;
    struct cluster_options foreign;
    struct server *server;
    char address[32]; // of the server
    uint16_t port;
};

static uint16_t free_port(void)
{
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(local);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&local, sizeof(local)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&local, &size), 0);
    close(fd);
    return ntohs(local.sin_port);
}

static int begin(void **state)
{
    struct scene *scene = mem_new(1, sizeof(*scene));
    scene->base = event_base_new();
    scene->dns = evdns_base_new(scene->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    assert_null(seed_parse(SPAN("127.0.0.1:1"), &scene->seed));
    struct cluster_options cluster = {
        .name = "c",
        .seed = &scene->seed,
        .seed_count = 1,
        .collectors = collectors_by_default(),
        .collect = &scene->collect,
        .conn = {.base = scene->base,
                 .dns = scene->dns,
                 .connect_timeout_us = SECOND_US,
                 .reply_timeout_us = SECOND_US,
                 .reply_bytes_max = 1 << 20},
    };
    scene->cluster = cluster_new(&cluster);
    scene->foreign = cluster;
    struct server_options server = {
        .base = scene->base,
        .cluster = &scene->cluster,
        .cluster_count = 1,
        .telemetry_path = "/metrics",
        .targets = {.cluster = &scene->cluster,
                    .cluster_count = 1,
                    .foreign = &scene->foreign,
                    .scrape_timeout_us = SECOND_US},
    };
    scene->server = server_new(&server);
    scene->port = free_port();
    snprintf(scene->address, sizeof(scene->address), "127.0.0.1:%u", scene->port);
    assert_null(server_listen(scene->server, scene->address));
    *state = scene;
    return 0;
}

static int end(void **state)
{
    struct scene *scene = *state;
    scrape_abort(scene->cluster);
    cluster_free(scene->cluster);
    evdns_base_free(scene->dns, 0);
    event_base_free(scene->base);
    free(scene);
    return 0;
}

static int connect_to(const struct scene *scene)
{
    struct sockaddr_in server = {.sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                 .sin_port = htons(scene->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&server, sizeof(server)), 0);
    return fd;
}

static void ask(int fd, const char *path)
{
    char request[128];
    int length = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    assert_int_equal(send(fd, request, (size_t)length, 0), length);
}

static void check_refused(int fd)
{
    char text[1024];
    ssize_t got = recv(fd, text, sizeof(text), 0);
    assert_true(got > 0);
    assert_true(span_starts(span_make(text, (size_t)got), SPAN("HTTP/1.1 503 ")));
    close(fd);
}

static void request_that_comes_while_the_server_ends_is_refused(void **state)
{
    static const char *const paths[] = {"/metrics", "/scrape?target=127.0.0.1:1",
                                        "/discover-cluster-nodes", "/api/v1/clusters"};
    struct scene *scene = *state;
    int client[COUNT(paths)];
    for (size_t i = 0; i < COUNT(paths); i++) {
        client[i] = connect_to(scene);
    }
    run_idle(scene->base);
    for (size_t i = 0; i < COUNT(paths); i++) {
        ask(client[i], paths[i]);
    }
    server_free(scene->server);
    for (size_t i = 0; i < COUNT(paths); i++) {
        check_refused(client[i]);
    }
}

static void request_that_waits_when_the_server_ends_is_told(void **state)
{
    struct scene *scene = *state;
    int client = connect_to(scene);
    ask(client, "/metrics");
    while (scene->cluster->scrape == NULL) {
        event_base_loop(scene->base, EVLOOP_ONCE);
    }
    server_free(scene->server);
    check_refused(client);
}

// As at the start, when a further address cannot be had.
static void address_that_is_taken_is_named(void **state)
{
    struct scene *scene = *state;
    int client = connect_to(scene);
    ask(client, "/metrics");
    char *problem = server_listen(scene->server, scene->address);
    server_free(scene->server);
    close(client);
    assert_non_null(problem);
    assert_non_null(strstr(problem, scene->address));
    free(problem);
}

int main(void)
{
#define SERVER_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        SERVER_TEST(request_that_comes_while_the_server_ends_is_refused),
        SERVER_TEST(request_that_waits_when_the_server_ends_is_told),
        SERVER_TEST(address_that_is_taken_is_named),
    };
    return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
