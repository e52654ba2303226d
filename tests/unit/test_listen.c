// Listening at names that have the addresses that a test gives them.
#include "web/listen.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "support.h"

// What "named" is resolved to; other hosts are numeric.
static const char *const *addresses;

int __real_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **out);
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **out);

int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **out)
{
    struct addrinfo **link = out;
    if (host == NULL || strcmp(host, "named") != 0) {
        return __real_getaddrinfo(host, port, hints, out);
    }
    for (size_t i = 0; addresses[i] != NULL; i++) {
        assert_int_equal(__real_getaddrinfo(addresses[i], port, hints, link), 0);
        link = &(*link)->ai_next;
    }
    return 0;
}

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

static size_t listen_at(const char *host, uint16_t port, int *out_fd, const char **out_problem)
{
    char address[64];
    snprintf(address, sizeof(address), "%s:%u", host, port);
    return listen_sockets(address, out_fd, out_problem);
}

// Closes them as well.
static void check_addresses(int *fd, size_t count, const char *const *expected)
{
    for (size_t i = 0; i < count; i++) {
        struct sockaddr_storage local;
        socklen_t size = sizeof(local);
        char text[64];
        assert_int_equal(getsockname(fd[i], (struct sockaddr *)&local, &size), 0);
        assert_int_equal(getnameinfo((struct sockaddr *)&local, size, text, sizeof(text), NULL, 0,
                                     NI_NUMERICHOST),
                         0);
        assert_string_equal(text, expected[i]);
        close(fd[i]);
    }
    assert_null(expected[count]);
}

static void every_address_of_a_name_is_listened_at(void **state)
{
    static const char *const two[] = {"127.0.0.1", "127.0.0.2", NULL};
    int fd[LISTEN_SOCKETS_MAX];
    const char *problem;
    (void)state;
    addresses = two;
    check_addresses(fd, listen_at("named", free_port(), fd, &problem), two);
}

static void repeated_and_foreign_addresses_are_left_out(void **state)
{
    static const char *const several[] = {"127.0.0.1", "192.0.2.1", "127.0.0.1", "127.0.0.2", NULL};
    static const char *const ours[] = {"127.0.0.1", "127.0.0.2", NULL};
    static const char *const foreign[] = {"192.0.2.1", NULL};
    int fd[LISTEN_SOCKETS_MAX];
    const char *problem;
    (void)state;
    addresses = several;
    check_addresses(fd, listen_at("named", free_port(), fd, &problem), ours);
    addresses = foreign;
    assert_int_equal(listen_at("named", free_port(), fd, &problem), 0);
    assert_non_null(problem);
}

static void one_address_that_is_taken_fails_them_all(void **state)
{
    static const char *const second[] = {"127.0.0.2", NULL};
    static const char *const two[] = {"127.0.0.1", "127.0.0.2", NULL};
    int fd[LISTEN_SOCKETS_MAX];
    int taken[LISTEN_SOCKETS_MAX];
    const char *problem;
    uint16_t port = free_port();
    (void)state;
    assert_int_equal(listen_at("127.0.0.2", port, taken, &problem), 1);
    addresses = two;
    assert_int_equal(listen_at("named", port, fd, &problem), 0);
    assert_non_null(problem);
    check_addresses(taken, 1, second);
    check_addresses(fd, listen_at("named", port, fd, &problem), two); // nothing was left open
}

static void no_host_means_everywhere(void **state)
{
    int fd[LISTEN_SOCKETS_MAX];
    const char *problem;
    (void)state;
    assert_int_equal(listen_at("", free_port(), fd, &problem), 1);
    close(fd[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_address_of_a_name_is_listened_at),
        cmocka_unit_test(repeated_and_foreign_addresses_are_left_out),
        cmocka_unit_test(one_address_that_is_taken_fails_them_all),
        cmocka_unit_test(no_host_means_everywhere),
    };
    return cmocka_run_group_tests_name("listen", tests, NULL, NULL);
}
