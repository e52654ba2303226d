#include "config/password_file.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "support.h"

enum { FILE_MAX = 1024 * 1024 };

// What one file gives.
struct reading {
    char path[64];
    char *password;
    struct credentials credentials;
    char *problem;
};

static void read_bytes(struct reading *reading, struct span content)
{
    *reading = (struct reading){.path = "/tmp/unit-password-XXXXXX"};
    int fd = mkstemp(reading->path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content.at, content.length), (ssize_t)content.length);
    close(fd);
    reading->problem = password_file_read("--redis.password-file", reading->path, false,
                                          &reading->password, &reading->credentials);
    unlink(reading->path);
}

static void end(struct reading *reading)
{
    free(reading->password);
    free(reading->problem);
    credentials_clear(&reading->credentials);
}

// The map as user@host:port=password, separated by blanks.
static void check_map(const char *content, const char *expected)
{
    struct reading reading;
    struct buf out = BUF_EMPTY;
    read_bytes(&reading, span_of(content));
    if (reading.problem != NULL) {
        print_error("%s\n%s\n", content, reading.problem);
    }
    assert_null(reading.problem);
    assert_null(reading.password);
    for (size_t i = 0; i < reading.credentials.count; i++) {
        const struct seed *entry = &reading.credentials.entry[i];
        buf_text(&out, i > 0 ? " " : "");
        buf_format(&out, "%s@", entry->user != NULL ? entry->user : "");
        address_add(&out, entry->address.host, entry->address.port);
        buf_format(&out, "=%s", entry->password);
    }
    assert_span(buf_view(&out), expected);
    buf_free(&out);
    end(&reading);
}

static void file_without_braces_is_one_password(void **state)
{
    static const char *const cases[][2] = {
        {"secret", "secret"},   {"secret\n", "secret"},   {"secret\r\n", "secret"},
        {"[\"a\"]", "[\"a\"]"}, {"\"a\"\n", "\"a\""},     {"a{}", "a{}"},
        {" \n", " "},           {"\xff\xfe", "\xff\xfe"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reading reading;
        read_bytes(&reading, span_of(cases[i][0]));
        assert_null(reading.problem);
        assert_string_equal(reading.password, cases[i][1]);
        assert_int_equal(reading.credentials.count, 0);
        end(&reading);
    }
}

static void object_maps_urls_to_passwords(void **state)
{
    (void)state;
    check_map("{}", "");
    check_map("{\"redis://a:1\": \"one\"}", "@a:1=one");
    check_map(" \n{\"redis://alice@a:1\": \"one\",\n\"valkey://[::1]:2\": \"t\\u0077o\"}\r\n",
              "alice@a:1=one @[::1]:2=two");
    check_map("{\"a:1\": \"p w\\\"\\\\\", \"redis://b\": \"\"}", "@a:1=p w\"\\ @b:6379=");
    check_map("{\"redis://%61lice@a:1/3\": \"p\\u00e4\"}", "alice@a:1=p\xc3\xa4");
}

static void check_refused(struct span content)
{
    struct reading reading;
    read_bytes(&reading, content);
    if (reading.problem == NULL) {
        print_error("taken: %.*s\n", (int)(content.length < 80 ? content.length : 80), content.at);
    }
    assert_non_null(reading.problem);
    assert_true(span_starts(span_of(reading.problem), SPAN("--redis.password-file: ")));
    assert_non_null(strstr(reading.problem, reading.path));
    assert_null(strchr(reading.problem, '\n'));
    assert_null(strstr(reading.problem, "hush"));
    assert_null(reading.password);
    end(&reading);
}

static void broken_maps_are_refused_without_repeating_them(void **state)
{
    static const char *const cases[] = {
        "{",
        "{hush",
        "{\"redis://a:1\": \"hush\"",
        "{\"redis://a:1\": \"hush\",}",
        "{\"redis://a:1\" \"hush\"}",
        "{\"redis://a:1\": \"hush\"} hush",
        "{\"redis://a:1\": \"hush\"}{}",
        "{\"redis://a:1\": 5}",
        "{\"redis://a:1\": null}",
        "{\"redis://a:1\": [\"hush\"]}",
        "{\"redis://a:1\": {\"hush\": \"hush\"}}",
        "{\"redis://a:1\": \"one\", \"redis://b:1\": true}",
        "{\"redis://:hush@a:1\": \"one\"}",
        "{\"redis://alice:hush@a:1\": \"one\"}",
        "{\"\": \"hush\"}",
        "{\"hush hush\": \"hush\"}",
        "{\"http://hush:1\": \"hush\"}",
        "{\"redis://a:hush\": \"hush\"}",
        "{\"redis://hu%zzsh@a:1\": \"hush\"}",
        "{\"redis://a:1\": \"hush\\u0000hush\"}",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_refused(span_of(cases[i]));
    }
}

static void nul_bytes_are_refused(void **state)
{
    (void)state;
    check_refused(SPAN("hush\0hush"));
    check_refused(SPAN("hush\0"));
    check_refused(SPAN("\0"));
    check_refused(SPAN("{\"redis://a:1\": \"hush\0hush\"}"));
    check_refused(SPAN("{\"redis://a:1\": \"hush\"}\0"));
    check_refused(SPAN("{\"redis://a:1\0hush\": \"hush\"}"));
}

static void deep_nesting_is_refused(void **state)
{
    enum { DEPTH = 100000 };
    struct buf text = BUF_EMPTY;
    (void)state;
    buf_text(&text, "{\"redis://a:1\":");
    for (int i = 0; i < DEPTH; i++) {
        buf_char(&text, '[');
    }
    check_refused(buf_view(&text));
    buf_free(&text);
}

static void size_has_a_limit(void **state)
{
    static char large[FILE_MAX + 1];
    struct reading reading;
    (void)state;
    memset(large, 'x', sizeof(large));
    read_bytes(&reading, span_make(large, FILE_MAX));
    assert_null(reading.problem);
    assert_int_equal(strlen(reading.password), FILE_MAX);
    end(&reading);
    check_refused(span_make(large, sizeof(large)));
    memcpy(large, "{\"redis://a:1\":\"hush\"}", 22);
    memset(large + 22, ' ', sizeof(large) - 22);
    check_refused(span_make(large, sizeof(large)));
}

static void nothing_in_the_file_is_refused(void **state)
{
    (void)state;
    check_refused(SPAN(""));
    check_refused(SPAN("\n"));
    check_refused(SPAN("\r\n"));
}

static void file_that_cannot_be_read_is_named(void **state)
{
    static const char *const paths[] = {"/nonexistent/password", "/", ""};
    (void)state;
    for (size_t i = 0; i < COUNT(paths); i++) {
        char *password = NULL;
        struct credentials credentials = {.count = 0};
        char *problem =
            password_file_read("--redis.password-file", paths[i], false, &password, &credentials);
        assert_non_null(problem);
        assert_non_null(strstr(problem, paths[i]));
        free(problem);
    }
}

// How much later it is with each look at the clock.
static int64_t clock_step_us;

int64_t __real_clock_monotonic_us(void);
int64_t __wrap_clock_monotonic_us(void);

int64_t __wrap_clock_monotonic_us(void)
{
    static int64_t ahead_us;
    ahead_us += clock_step_us;
    return __real_clock_monotonic_us() + ahead_us;
}

static void make_fifo(char *directory, char *out_path, size_t size)
{
    assert_non_null(mkdtemp(directory));
    snprintf(out_path, size, "%s/fifo", directory);
    assert_int_equal(mkfifo(out_path, S_IRUSR | S_IWUSR), 0);
}

// A reader that waited for a writer would hang.
static void pipe_without_a_writer_is_given_up(void **state)
{
    char directory[] = "/tmp/unit-password-XXXXXX";
    char fifo[64];
    char *password = NULL;
    struct credentials credentials = {.count = 0};
    (void)state;
    make_fifo(directory, fifo, sizeof(fifo));
    clock_step_us = 20 * (int64_t)SECOND_US;
    char *problem =
        password_file_read("--redis.password-file", fifo, false, &password, &credentials);
    clock_step_us = 0;
    unlink(fifo);
    rmdir(directory);
    assert_non_null(problem);
    assert_non_null(strstr(problem, "is a pipe that was not written"));
    free(problem);
}

static void write_slowly(const char *fifo)
{
    const struct timespec pause = {0, 50000000};
    int fd = open(fifo, O_WRONLY | O_CLOEXEC); // waits for the reader
    nanosleep(&pause, NULL);
    ssize_t written = write(fd, "top", 3);
    nanosleep(&pause, NULL);
    written += write(fd, "secret\n", 7);
    _exit(written == 10 ? 0 : 1);
}

static void pipe_may_be_written_late_and_in_pieces(void **state)
{
    char directory[] = "/tmp/unit-password-XXXXXX";
    char fifo[64];
    char *password = NULL;
    struct credentials credentials = {.count = 0};
    int status = 1;
    (void)state;
    make_fifo(directory, fifo, sizeof(fifo));
    pid_t writer = fork();
    if (writer == 0) {
        write_slowly(fifo);
    }
    char *problem =
        password_file_read("--redis.password-file", fifo, false, &password, &credentials);
    kill(writer, problem != NULL ? SIGKILL : 0);
    waitpid(writer, &status, 0);
    unlink(fifo);
    rmdir(directory);
    if (problem != NULL) {
        print_error("%s\n", problem);
    }
    free(problem);
    assert_int_equal(status, 0);
    assert_string_equal(password, "topsecret");
    free(password);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_without_braces_is_one_password),
        cmocka_unit_test(object_maps_urls_to_passwords),
        cmocka_unit_test(broken_maps_are_refused_without_repeating_them),
        cmocka_unit_test(nul_bytes_are_refused),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(size_has_a_limit),
        cmocka_unit_test(nothing_in_the_file_is_refused),
        cmocka_unit_test(file_that_cannot_be_read_is_named),
        cmocka_unit_test(pipe_without_a_writer_is_given_up),
        cmocka_unit_test(pipe_may_be_written_late_and_in_pieces),
    };
    log_init(LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests_name("password_file", tests, NULL, NULL);
}
