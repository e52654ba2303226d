// A client that asks one server for one key at an even pace, one request at a time, and tells how
// long it waited for the answers: counted from when a request was due, so that a server that stalls
// is not let off the requests that it has delayed.
//
//   bench_prober HOST PORT KEY PER_SECOND SECONDS
//
// Prints the number of requests and the 50th, 99th and 99.9th percentile and the longest wait, in
// microseconds.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

static int connect_to(const char *host, const char *port)
{
    int on = 1;
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || inet_pton(AF_INET, host, &name.sin_addr) != 1 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
        connect(fd, (struct sockaddr *)&name, sizeof(name)) != 0) {
        perror(host);
        exit(1);
    }
    return fd;
}

static void sleep_until(int64_t due_us)
{
    struct timespec due = {due_us / SECOND_US, due_us % SECOND_US * 1000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) != 0) {
    }
}

// The answer is a short one: "$-1", or "$N" and one more line.
static void read_answer(int fd)
{
    char bytes[512];
    size_t length = 0;
    size_t lines = 1;
    size_t ends = 0;
    while (ends < lines) {
        ssize_t got = recv(fd, bytes + length, sizeof(bytes) - length, 0);
        if (got <= 0 || bytes[0] == '-') {
            (void)fprintf(stderr, "the server hung up, or refused\n");
            exit(1);
        }
        for (ssize_t i = 0; i < got; i++) {
            ends += bytes[length + (size_t)i] == '\n';
        }
        length += (size_t)got;
        lines = bytes[0] == '$' && bytes[1] != '-' ? 2 : 1;
    }
}

static int compare(const void *a, const void *b)
{
    int64_t difference = *(const int64_t *)a - *(const int64_t *)b;
    return difference < 0 ? -1 : difference > 0;
}

static void report(int64_t *waited_us, size_t count)
{
    qsort(waited_us, count, sizeof(waited_us[0]), compare);
    (void)printf("%zu %lld %lld %lld %lld\n", count, (long long)waited_us[count / 2],
                 (long long)waited_us[count - 1 - count / 100],
                 (long long)waited_us[count - 1 - count / 1000], (long long)waited_us[count - 1]);
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        (void)fputs("usage: bench_prober HOST PORT KEY PER_SECOND SECONDS\n", stderr);
        return 2;
    }
    int fd = connect_to(argv[1], argv[2]);
    int64_t pace_us = SECOND_US / (int64_t)strtoul(argv[4], NULL, 10);
    size_t count = (size_t)(SECOND_US / pace_us) * strtoul(argv[5], NULL, 10);
    int64_t *waited_us = mem_new(count, sizeof(waited_us[0]));
    struct buf request = BUF_EMPTY;
    buf_format(&request, "*2\r\n$3\r\nGET\r\n$%zu\r\n%s\r\n", strlen(argv[3]), argv[3]);
    int64_t began_us = clock_monotonic_us();
    for (size_t i = 0; i < count; i++) {
        int64_t due_us = began_us + (int64_t)i * pace_us;
        sleep_until(due_us);
        CHECK(send(fd, request.data, request.length, MSG_NOSIGNAL) == (ssize_t)request.length);
        read_answer(fd);
        waited_us[i] = clock_monotonic_us() - due_us;
    }
    report(waited_us, count);
    buf_free(&request);
    free(waited_us);
    (void)close(fd);
    return 0;
}
