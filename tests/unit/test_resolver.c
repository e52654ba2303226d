// The resolver with name servers of our own, in the same event loop.
#include "redis/resolver.h"

#include <arpa/inet.h>
#include <event2/dns_struct.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "fake_node.h"
#include "support.h"

enum { CONNECT_LIMIT_US = SECOND_US };

struct scene {
    struct event_base *base;
    struct evdns_base *dns; // with `mute` before `lively`
    int mute;               // a socket that nobody reads
    int lively;
    struct evdns_server_port *server; // at `lively`
    bool done;
    int result;
};

static void on_question(struct evdns_server_request *request, void *context)
{
    const struct evdns_server_question *question = request->questions[0];
    uint32_t address = htonl(INADDR_LOOPBACK);
    (void)context;
    if (question->type == EVDNS_TYPE_A) {
        evdns_server_request_add_a_reply(request, question->name, 1, &address, 1);
    }
    evdns_server_request_respond(request, 0);
}

static int name_socket(struct scene *scene)
{
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(local);
    char address[32];
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK(bind(fd, (struct sockaddr *)&local, sizeof(local)) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&local, &size) == 0);
    snprintf(address, sizeof(address), "127.0.0.1:%u", ntohs(local.sin_port));
    CHECK(evdns_base_nameserver_ip_add(scene->dns, address) == 0);
    return fd;
}

static int begin(void **state)
{
    struct scene *scene = mem_new(1, sizeof(*scene));
    log_init(LOG_ERROR, LOG_LOGFMT);
    scene->base = event_base_new();
    scene->dns = resolver_new(scene->base, CONNECT_LIMIT_US);
    evdns_base_clear_nameservers_and_suspend(scene->dns); // this machine's
    scene->mute = name_socket(scene);
    scene->lively = name_socket(scene);
    evdns_base_resume(scene->dns);
    scene->server =
        evdns_add_server_port_with_base(scene->base, scene->lively, 0, on_question, scene);
    *state = scene;
    return 0;
}

static int end(void **state)
{
    struct scene *scene = *state;
    evdns_base_free(scene->dns, 0);
    evdns_close_server_port(scene->server);
    run_idle(scene->base);
    event_base_free(scene->base);
    close(scene->mute);
    close(scene->lively);
    free(scene);
    return 0;
}

static void on_resolved(int result, struct evutil_addrinfo *found, void *context)
{
    struct scene *scene = context;
    scene->done = true;
    scene->result = result;
    if (found != NULL) {
        evutil_freeaddrinfo(found);
    }
}

static int look_up(struct scene *scene, const char *name)
{
    struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    scene->done = false;
    evdns_getaddrinfo(scene->dns, name, "6379", &hints, on_resolved, scene);
    run_until(scene->base, &scene->done);
    return scene->result;
}

// Whichever is asked first.
static void dead_name_server_leaves_time_for_another(void **state)
{
    struct scene *scene = *state;
    for (int i = 0; i < 3; i++) {
        int64_t began_us = clock_monotonic_us();
        assert_int_equal(look_up(scene, "redis.example"), 0);
        assert_true(clock_monotonic_us() - began_us < CONNECT_LIMIT_US);
    }
}

static void limit_of_any_length_is_fine(void **state)
{
    static const int64_t limits_us[] = {1000, SECOND_US / 3, 3600 * (int64_t)SECOND_US};
    struct event_base *base = event_base_new();
    (void)state;
    for (size_t i = 0; i < COUNT(limits_us); i++) {
        evdns_base_free(resolver_new(base, limits_us[i]), 0);
    }
    event_base_free(base);
}

static void message_of_libevent_is_a_line_of_the_log(void **state)
{
    struct scene *scene = *state;
    char text[1024];
    int ends[2];
    int saved = dup(STDERR_FILENO);
    log_init(LOG_WARN, LOG_LOGFMT);
    assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    dup2(ends[1], STDERR_FILENO);
    evdns_base_nameserver_ip_add(scene->dns, "nonsense");
    dup2(saved, STDERR_FILENO);
    ssize_t got = read(ends[0], text, sizeof(text));
    close(saved);
    close(ends[0]);
    close(ends[1]);
    assert_true(got > 0);
    assert_true(span_starts(span_make(text, (size_t)got), SPAN("ts=")));
    assert_true(span_contains(span_make(text, (size_t)got), SPAN(" level=warn msg=resolver ")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(dead_name_server_leaves_time_for_another, begin, end),
        cmocka_unit_test(limit_of_any_length_is_fine),
        cmocka_unit_test_setup_teardown(message_of_libevent_is_a_line_of_the_log, begin, end),
    };
    return cmocka_run_group_tests_name("resolver", tests, NULL, NULL);
}
