#include "base/notify.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "support.h"

// The service manager's end.
struct manager {
    char directory[64];
    char name[128]; // of the socket, as in $NOTIFY_SOCKET
    int fd;
    char message[1024]; // the last one
};

static struct manager manager;

static void open_socket(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    snprintf(manager.name, sizeof(manager.name), "%s", name);
    memcpy(address.sun_path, name, length);
    if (name[0] == '@') {
        address.sun_path[0] = '\0';
    }
    manager.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(manager.fd >= 0);
    assert_int_equal(bind(manager.fd, (const struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
                     0);
    setenv("NOTIFY_SOCKET", name, 1);
}

static int begin(void **state)
{
    char name[128];
    (void)state;
    strcpy(manager.directory, "/tmp/test-notify-XXXXXX");
    assert_non_null(mkdtemp(manager.directory));
    snprintf(name, sizeof(name), "%s/socket", manager.directory);
    open_socket(name);
    return 0;
}

static int begin_abstract(void **state)
{
    char name[128];
    (void)state;
    manager.directory[0] = '\0';
    snprintf(name, sizeof(name), "@test-notify-%ld-%" PRId64, (long)getpid(), clock_monotonic_us());
    open_socket(name);
    return 0;
}

static int end(void **state)
{
    (void)state;
    close(manager.fd);
    if (manager.directory[0] != '\0') {
        unlink(manager.name);
        rmdir(manager.directory);
    }
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return 0;
}

// The next message; NULL when there is none.
static const char *told(void)
{
    ssize_t length = recv(manager.fd, manager.message, sizeof(manager.message) - 1, 0);
    if (length < 0) {
        return NULL;
    }
    manager.message[length] = '\0';
    return manager.message;
}

static void says_when_it_serves_and_when_it_stops(void **state)
{
    (void)state;
    notify_ready("serving");
    assert_string_equal(told(), "READY=1\nSTATUS=serving");
    notify_ready(NULL);
    assert_string_equal(told(), "READY=1");
    notify_watchdog();
    assert_string_equal(told(), "WATCHDOG=1");
    notify_stopping();
    assert_string_equal(told(), "STOPPING=1\nSTATUS=stopping");
    assert_null(told());
}

static void a_reload_carries_the_time_of_the_monotonic_clock(void **state)
{
    int64_t when = 0;
    int64_t before = clock_monotonic_us();
    (void)state;
    notify_reloading();
    assert_int_equal(sscanf(told(), "RELOADING=1\nMONOTONIC_USEC=%" SCNd64, &when), 1);
    assert_true(before <= when && when <= clock_monotonic_us());
}

static void a_status_stays_one_line_of_utf8(void **state)
{
    char text[NOTIFY_STATUS_MAX + 8];
    (void)state;
    notify_ready("a\nREADY=0\tb\xff"
                 "c\xc3\xa4");
    assert_string_equal(told(), "READY=1\nSTATUS=a READY=0 b?c\xc3\xa4");
    memset(text, 'x', sizeof(text));
    memcpy(text + NOTIFY_STATUS_MAX - 1, "\xc3\xa4", 3); // would be cut in two
    notify_ready(text);
    assert_int_equal(strlen(told()), strlen("READY=1\nSTATUS=") + NOTIFY_STATUS_MAX - 1);
}

static void without_a_manager_nothing_happens(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    notify_ready("serving");
    setenv("NOTIFY_SOCKET", "", 1);
    notify_ready("serving");
    assert_null(told());
}

static void names_that_are_no_socket_do_no_harm(void **state)
{
    char longer[200];
    const char *names[] = {"/nowhere/at/all", "vsock:2:1234", "relative", "@", "/", longer};
    (void)state;
    memset(longer, '/', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    for (size_t i = 0; i < COUNT(names); i++) {
        setenv("NOTIFY_SOCKET", names[i], 1);
        notify_ready("serving");
    }
    assert_null(told());
}

static void a_manager_that_does_not_read_is_not_waited_for(void **state)
{
    (void)state;
    alarm(60);
    for (int i = 0; i < 10000; i++) {
        notify_watchdog();
    }
    alarm(0);
    assert_string_equal(told(), "WATCHDOG=1");
}

static int64_t watchdog(const char *usec, const char *pid)
{
    setenv("WATCHDOG_USEC", usec, 1);
    if (pid != NULL) {
        setenv("WATCHDOG_PID", pid, 1);
    }
    return notify_watchdog_us();
}

static void the_watchdog_is_told_twice_in_its_time(void **state)
{
    char own[32];
    (void)state;
    snprintf(own, sizeof(own), "%ld", (long)getpid());
    assert_int_equal(notify_watchdog_us(), 0);
    assert_int_equal(watchdog("30000000", NULL), 15000000);
    assert_int_equal(watchdog("30000000", own), 15000000);
    assert_int_equal(watchdog("30000000", "1"), 0);
    assert_int_equal(watchdog("30000000", "no number"), 0);
    assert_int_equal(watchdog("-1", own), 0);
    assert_int_equal(watchdog("1s", own), 0);
    assert_int_equal(watchdog("99999999999999999999", own), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(says_when_it_serves_and_when_it_stops, begin, end),
        cmocka_unit_test_setup_teardown(says_when_it_serves_and_when_it_stops, begin_abstract, end),
        cmocka_unit_test_setup_teardown(a_reload_carries_the_time_of_the_monotonic_clock, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_status_stays_one_line_of_utf8, begin, end),
        cmocka_unit_test_setup_teardown(without_a_manager_nothing_happens, begin, end),
        cmocka_unit_test_setup_teardown(names_that_are_no_socket_do_no_harm, begin, end),
        cmocka_unit_test_setup_teardown(a_manager_that_does_not_read_is_not_waited_for, begin, end),
        cmocka_unit_test_setup_teardown(the_watchdog_is_told_twice_in_its_time, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
