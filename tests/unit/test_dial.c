// Dialling with a name server of our own, in the same event loop.
#include "redis/dial.h"

#include <arpa/inet.h>
#include <event2/dns_struct.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "fake_node.h"
#include "support.h"

enum { NAME_ERROR = 3 };

struct call {
    struct event_base *base;
    struct evdns_base *dns;
    int name_socket;
    struct evdns_server_port *name_server;
    struct fake_node *node;
    struct dial *dial;
    bool done;
    bool inside_new;
    int fd;
    enum outcome outcome;
    char detail[128];
};

// two.example has an address where nobody listens, and then one where somebody does;
// silent.example is never answered; other names do not exist. The resolver mixes upper and lower
// case in its questions.
static void on_question(struct evdns_server_request *request, void *context)
{
    const struct evdns_server_question *question = request->questions[0];
    (void)context;
    bool silent = strcasecmp(question->name, "silent.example") == 0;
    if (strcasecmp(question->name, "two.example") == 0) {
        uint32_t addresses[] = {htonl(INADDR_LOOPBACK + 1), htonl(INADDR_LOOPBACK)};
        if (question->type == EVDNS_TYPE_A) {
            evdns_server_request_add_a_reply(request, question->name, 2, addresses, 1);
        }
        evdns_server_request_respond(request, 0);
    } else if (silent) {
        evdns_server_request_drop(request);
    } else {
        evdns_server_request_respond(request, NAME_ERROR);
    }
}

static void start_name_server(struct call *call)
{
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(local);
    char address[32];
    call->name_socket = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK(bind(call->name_socket, (struct sockaddr *)&local, sizeof(local)) == 0);
    CHECK(getsockname(call->name_socket, (struct sockaddr *)&local, &size) == 0);
    call->name_server =
        evdns_add_server_port_with_base(call->base, call->name_socket, 0, on_question, call);
    snprintf(address, sizeof(address), "127.0.0.1:%u", ntohs(local.sin_port));
    CHECK(evdns_base_nameserver_ip_add(call->dns, address) == 0);
}

static int begin(void **state)
{
    struct call *call = mem_new(1, sizeof(*call));
    call->base = event_base_new();
    call->dns = evdns_base_new(call->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    evdns_base_load_hosts(call->dns, "/etc/hosts");
    call->node = fake_node_new(call->base);
    call->fd = -1;
    start_name_server(call);
    *state = call;
    return 0;
}

static int end(void **state)
{
    struct call *call = *state;
    dial_free(call->dial);
    if (call->fd >= 0) {
        close(call->fd);
    }
    fake_node_free(call->node);
    evdns_base_free(call->dns, 0);
    evdns_close_server_port(call->name_server);
    run_idle(call->base);
    event_base_free(call->base);
    close(call->name_socket);
    free(call);
    return 0;
}

static void on_dialled(void *owner, int fd, enum outcome outcome, const char *detail)
{
    struct call *call = owner;
    assert_false(call->inside_new);
    assert_false(call->done);
    call->done = true;
    call->fd = fd;
    call->outcome = outcome;
    snprintf(call->detail, sizeof(call->detail), "%s", detail);
    dial_free(call->dial);
    call->dial = NULL;
}

static void start_dialling(struct call *call, const char *host, uint16_t port)
{
    struct address address = {.port = port};
    assert_true(span_copy(span_of(host), address.host, sizeof(address.host)));
    call->done = false;
    call->inside_new = true;
    call->dial = dial_new(call->base, call->dns, &address, on_dialled, call);
    call->inside_new = false;
}

static enum outcome dial(struct call *call, const char *host, uint16_t port)
{
    start_dialling(call, host, port);
    run_until(call->base, &call->done);
    run_idle(call->base);
    return call->outcome;
}

static void check_connected(struct call *call)
{
    struct sockaddr_in peer;
    socklen_t size = sizeof(peer);
    assert_int_equal(call->outcome, OUTCOME_OK);
    assert_int_equal(getpeername(call->fd, (struct sockaddr *)&peer, &size), 0);
    assert_int_equal(ntohs(peer.sin_port), call->node->address.port);
    fake_node_expect(call->node, "|");
}

static void numeric_address_is_connected(void **state)
{
    struct call *call = *state;
    dial(call, "127.0.0.1", call->node->address.port);
    check_connected(call);
}

static void localhost_is_connected_without_a_name_server(void **state)
{
    struct call *call = *state;
    evdns_base_clear_nameservers_and_suspend(call->dns);
    dial(call, "localhost", call->node->address.port);
    check_connected(call);
}

static void next_address_of_a_name_is_tried(void **state)
{
    struct call *call = *state;
    dial(call, "two.example", call->node->address.port);
    check_connected(call);
}

static void name_whose_addresses_all_refuse_is_refused(void **state)
{
    struct call *call = *state;
    fake_node_stop_listening(call->node);
    assert_int_equal(dial(call, "two.example", call->node->address.port), OUTCOME_REFUSED);
    assert_int_equal(call->fd, -1);
}

// A listener whose queue is full, at the first address of two.example: it answers no connect.
struct full_listener {
    int fd;
    int filler[4];
};

static struct full_listener fill_first_address(uint16_t port)
{
    struct full_listener full = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct sockaddr_in local = {.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1),
                                .sin_port = htons(port)};
    assert_int_equal(bind(full.fd, (struct sockaddr *)&local, sizeof(local)), 0);
    assert_int_equal(listen(full.fd, 0), 0);
    for (size_t i = 0; i < COUNT(full.filler); i++) {
        full.filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect(full.filler[i], (struct sockaddr *)&local, sizeof(local));
    }
    return full;
}

static void close_full(struct full_listener *full)
{
    for (size_t i = 0; i < COUNT(full->filler); i++) {
        close(full->filler[i]);
    }
    close(full->fd);
}

static void address_that_does_not_answer_does_not_hold_up_the_next(void **state)
{
    struct call *call = *state;
    struct full_listener full = fill_first_address(call->node->address.port);
    dial(call, "two.example", call->node->address.port);
    close_full(&full);
    check_connected(call);
}

static void on_time(evutil_socket_t fd, short what, void *context)
{
    bool *over = context;
    (void)fd;
    (void)what;
    *over = true;
}

// The next one refuses meanwhile.
static void address_that_does_not_answer_is_not_given_up(void **state)
{
    struct call *call = *state;
    struct full_listener full = fill_first_address(call->node->address.port);
    const struct timeval half_a_second = {0, 500000};
    bool over = false;
    fake_node_stop_listening(call->node);
    event_base_once(call->base, -1, EV_TIMEOUT, on_time, &over, &half_a_second);
    start_dialling(call, "two.example", call->node->address.port);
    run_until(call->base, &over);
    bool waits = !call->done;
    close_full(&full);
    assert_true(waits);
}

static void name_without_address_is_not_resolved(void **state)
{
    struct call *call = *state;
    assert_int_equal(dial(call, "nowhere.example", 6379), OUTCOME_RESOLVE);
    assert_int_equal(call->fd, -1);
    assert_true(call->detail[0] != '\0');
}

static void nobody_listening_is_refused(void **state)
{
    struct call *call = *state;
    fake_node_stop_listening(call->node);
    assert_int_equal(dial(call, "127.0.0.1", call->node->address.port), OUTCOME_REFUSED);
    assert_int_equal(call->fd, -1);
    assert_true(call->detail[0] != '\0');
}

static void address_without_route_is_unreachable(void **state)
{
    struct call *call = *state;
    assert_int_equal(dial(call, "255.255.255.255", 1), OUTCOME_UNREACHABLE);
}

// The server has nothing to do with it.
static void want_of_descriptors_is_a_local_limit(void **state)
{
    struct call *call = *state;
    struct rlimit before;
    int highest = dup(STDERR_FILENO);
    assert_true(highest >= 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = {(rlim_t)highest, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    close(highest);
    enum outcome outcome = dial(call, "127.0.0.1", call->node->address.port);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(outcome, OUTCOME_LOCAL_LIMIT);
    assert_int_equal(call->fd, -1);
}

static void freed_dial_calls_nobody(void **state)
{
    static const char *const hosts[] = {"127.0.0.1",   "silent.example", "nowhere.example",
                                        "two.example", "localhost",      "255.255.255.255"};
    struct call *call = *state;
    for (size_t i = 0; i < COUNT(hosts); i++) {
        start_dialling(call, hosts[i], call->node->address.port);
        dial_free(call->dial);
        call->dial = NULL;
        run_idle(call->base);
        assert_false(call->done);
    }
    start_dialling(call, "two.example", call->node->address.port);
    event_base_loop(call->base, EVLOOP_ONCE); // the question is on its way
    dial_free(call->dial);
    call->dial = NULL;
    run_idle(call->base);
    assert_false(call->done);
    dial_free(NULL);
}

int main(void)
{
#define DIAL_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        DIAL_TEST(numeric_address_is_connected),
        DIAL_TEST(localhost_is_connected_without_a_name_server),
        DIAL_TEST(next_address_of_a_name_is_tried),
        DIAL_TEST(name_whose_addresses_all_refuse_is_refused),
        DIAL_TEST(address_that_does_not_answer_does_not_hold_up_the_next),
        DIAL_TEST(address_that_does_not_answer_is_not_given_up),
        DIAL_TEST(name_without_address_is_not_resolved),
        DIAL_TEST(nobody_listening_is_refused),
        DIAL_TEST(address_without_route_is_unreachable),
        DIAL_TEST(want_of_descriptors_is_a_local_limit),
        DIAL_TEST(freed_dial_calls_nobody),
    };
    return cmocka_run_group_tests_name("dial", tests, NULL, NULL);
}
