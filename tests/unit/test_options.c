#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "certificates.h"
#include "support.h"

enum { ARGUMENTS_MAX = 32 };

// One reading of options: arguments in memory of their own, as in a process.
struct reading {
    char *argv[ARGUMENTS_MAX];
    int argc;
    struct arguments arguments;
    struct config *config;
    struct options options; // of the first cluster: borrowed
    struct problems problems;
    const char *problem; // the first
};

// Each variable of the environment that --help names.
static int forget_environment(void **state)
{
    char *help = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&help, &length);
    (void)state;
    options_print_help(out);
    fclose(out);
    struct span rest = span_make(help, length);
    struct span part;
    while (span_cut(&rest, '(', &part)) {
        char name[64];
        size_t letters = 0;
        while (letters < rest.length &&
               ((rest.at[letters] >= 'A' && rest.at[letters] <= 'Z') || rest.at[letters] == '_')) {
            letters++;
        }
        if (letters > 3 && span_copy(span_make(rest.at, letters), name, sizeof(name))) {
            unsetenv(name);
        }
    }
    free(help);
    log_init(LOG_ERROR, LOG_LOGFMT);
    return 0;
}

// Arguments separated by blanks.
static void read_line(struct reading *reading, const char *line)
{
    struct span rest = span_of(line);
    struct span part;
    *reading = (struct reading){.argc = 1};
    reading->argv[0] = mem_copy("exporter", 8);
    while (span_cut(&rest, ' ', &part)) {
        assert_true(reading->argc < ARGUMENTS_MAX);
        reading->argv[reading->argc++] = mem_copy(part.at, part.length);
    }
    reading->arguments = arguments_take(reading->argc, reading->argv);
    reading->config = config_load(&reading->arguments, NULL, &reading->problems);
    if (reading->config != NULL) {
        reading->options = *reading->config->cluster[0];
    } else {
        reading->problem = reading->problems.line[0];
    }
}

static void end(struct reading *reading)
{
    for (int i = 0; i < reading->argc; i++) {
        free(reading->argv[i]);
    }
    arguments_clear(&reading->arguments);
    problems_clear(&reading->problems);
    config_free(reading->config);
}

static void defaults_are_those_of_the_help(void **state)
{
    struct reading reading;
    (void)state;
    read_line(&reading, "");
    const struct options *options = &reading.options;
    assert_null(reading.problem);
    assert_int_equal(options->seed_count, 1);
    assert_string_equal(options->seed[0].address.host, "localhost");
    assert_int_equal(options->seed[0].address.port, 6379);
    assert_string_equal(options->cluster_name, "localhost:6379");
    assert_null(options->login.user);
    assert_null(options->login.password);
    assert_true(options->reply_timeout_us == 2 * SECOND_US);
    assert_true(options->connect_timeout_us == 1 * SECOND_US);
    assert_true(options->scrape_timeout_us == 10 * SECOND_US);
    assert_true(options->timeout_offset_us == 250000);
    assert_int_equal(options->limits.connections_max, CONNECTIONS_MAX_DEFAULT);
    assert_int_equal(options->limits.requests_max, 512);
    assert_int_equal(options->limits.rate_max[RATE_SCRAPE], 1000);
    assert_int_equal(options->limits.rate_max[RATE_CLUSTER], 100);
    assert_true(options->limits.page_size_max == 512 << 20);
    assert_true(options->limits.sending_size_max == 1 << 30);
    assert_true(options->limits.send_timeout_us == 120 * SECOND_US);
    assert_int_equal(options->node_label, LABEL_AUTO);
    assert_int_equal(options->listen_count, 1);
    assert_string_equal(options->listen[0], ":9121");
    assert_string_equal(options->telemetry_path, "/metrics");
    assert_int_equal(options->log_level, LOG_INFO);
    assert_int_equal(options->log_format, LOG_LOGFMT);
    assert_int_equal(options->collect.hot_slots, HOT_SLOTS_DEFAULT);
    assert_false(options->show_help || options->show_version || options->print_metrics);
    assert_false(reading.arguments.password_was_visible);
    end(&reading);
}

static void flags_may_have_one_dash_or_two_and_a_separate_value(void **state)
{
    static const char *const lines[] = {
        "--redis.cluster-name=prod",
        "-redis.cluster-name=prod",
        "--redis.cluster-name prod",
        "-redis.cluster-name prod",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct reading reading;
        read_line(&reading, lines[i]);
        assert_null(reading.problem);
        assert_string_equal(reading.options.cluster_name, "prod");
        end(&reading);
    }
}

static void every_value_arrives(void **state)
{
    struct reading reading;
    (void)state;
    read_line(&reading, "--redis.addr=redis://a:1,[::1]:2 --redis.cluster-name=prod "
                        "--redis.user=me --redis.password=pw --redis.timeout=500ms "
                        "--redis.connect-timeout=0.25s --redis.node-label=id --scrape.timeout=1m "
                        "--web.listen-address=127.0.0.1:1 --web.listen-address=[::1]:2 "
                        "--web.telemetry-path=/m --web.timeout-offset=0 --log.level=error "
                        "--log.format=json --cluster.hot-slots=1000 "
                        "--redis.tls-server-name=name --redis.tls-min-version=1.3 "
                        "--redis.tls-skip-verify --redis.address-map=a=b,c:1=d:2 "
                        "--redis.address-map *:3=*:4");
    const struct options *options = &reading.options;
    assert_null(reading.problem);
    assert_int_equal(options->seed_count, 2);
    assert_string_equal(options->seed[0].address.host, "a");
    assert_string_equal(options->seed[1].address.host, "::1");
    assert_int_equal(options->seed[1].address.port, 2);
    assert_string_equal(options->cluster_name, "prod");
    assert_string_equal(options->login.user, "me");
    assert_string_equal(options->login.password, "pw");
    assert_true(options->reply_timeout_us == 500000);
    assert_true(options->connect_timeout_us == 250000);
    assert_true(options->scrape_timeout_us == 60 * (int64_t)SECOND_US);
    assert_true(options->timeout_offset_us == 0);
    assert_int_equal(options->node_label, LABEL_ID);
    assert_int_equal(options->listen_count, 2);
    assert_string_equal(options->listen[0], "127.0.0.1:1");
    assert_string_equal(options->listen[1], "[::1]:2");
    assert_string_equal(options->telemetry_path, "/m");
    assert_int_equal(options->log_level, LOG_ERROR);
    assert_int_equal(options->log_format, LOG_JSON);
    assert_int_equal(options->collect.hot_slots, 1000);
    assert_string_equal(options->tls.server_name, "name");
    assert_int_equal(options->tls.min_version, TLS_1_3);
    assert_true(options->tls.skip_verify);
    assert_int_equal(options->address_map.count, 3);
    end(&reading);
    log_init(LOG_ERROR, LOG_LOGFMT);
}

struct variable_case {
    const char *variable;
    const char *flag;
};

static const struct variable_case variables[] = {
    {"REDIS_ADDR", "--redis.addr"},
    {"REDIS_USER", "--redis.user"},
    {"REDIS_PASSWORD", "--redis.password"},
    {"REDIS_EXPORTER_CLUSTER_NAME", "--redis.cluster-name"},
    {"REDIS_EXPORTER_TIMEOUT", "--redis.timeout"},
    {"REDIS_EXPORTER_CONNECT_TIMEOUT", "--redis.connect-timeout"},
    {"REDIS_EXPORTER_NODE_LABEL", "--redis.node-label"},
    {"REDIS_EXPORTER_SCRAPE_TIMEOUT", "--scrape.timeout"},
    {"REDIS_EXPORTER_WEB_LISTEN_ADDRESS", "--web.listen-address"},
    {"REDIS_EXPORTER_WEB_TELEMETRY_PATH", "--web.telemetry-path"},
    {"REDIS_EXPORTER_WEB_TIMEOUT_OFFSET", "--web.timeout-offset"},
    {"REDIS_EXPORTER_LOG_LEVEL", "--log.level"},
    {"REDIS_EXPORTER_LOG_FORMAT", "--log.format"},
    {"REDIS_EXPORTER_CLUSTER_HOT_SLOTS", "--cluster.hot-slots"},
};

// Some option that the variable or flag sets, as text.
static char *shown(const struct options *options)
{
    struct buf text = BUF_EMPTY;
    buf_format(&text, "%s|%s|%s|%s|%lld|%lld|%d|%lld|%s|%s|%lld|%d|%d|%u", options->redis_addr,
               options->login.user != NULL ? options->login.user : "-",
               options->login.password != NULL ? options->login.password : "-",
               options->cluster_name, (long long)options->reply_timeout_us,
               (long long)options->connect_timeout_us, (int)options->node_label,
               (long long)options->scrape_timeout_us, options->listen[0], options->telemetry_path,
               (long long)options->timeout_offset_us, (int)options->log_level,
               (int)options->log_format, options->collect.hot_slots);
    return buf_take(&text);
}

// For each option two values that differ from the default and from each other.
static void flag_beats_environment_beats_default(void **state)
{
    static const char *const values[][2] = {
        {"one:1", "two:2"}, {"one", "two"},   {"one", "two"},    {"one", "two"},
        {"3s", "4s"},       {"3s", "4s"},     {"id", "address"}, {"3s", "4s"},
        {"one:1", "two:2"}, {"/one", "/two"}, {"3s", "4s"},      {"warn", "error"},
        {"json", "logfmt"}, {"1", "1000"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(variables); i++) {
        struct reading by_default;
        struct reading by_variable;
        struct reading by_flag;
        struct reading by_both;
        char line[128];
        snprintf(line, sizeof(line), "%s=%s", variables[i].flag, values[i][1]);
        read_line(&by_default, "");
        read_line(&by_flag, line);
        setenv(variables[i].variable, values[i][0], 1);
        read_line(&by_variable, "");
        read_line(&by_both, line);
        setenv(variables[i].variable, "", 1);
        struct reading by_empty;
        read_line(&by_empty, "");
        unsetenv(variables[i].variable);
        char *text[] = {shown(&by_default.options), shown(&by_variable.options),
                        shown(&by_flag.options), shown(&by_both.options), shown(&by_empty.options)};
        if (strcmp(text[0], text[1]) == 0) {
            print_error("%s sets nothing\n", variables[i].variable);
        }
        assert_string_not_equal(text[0], text[1]);
        assert_string_not_equal(text[1], text[2]);
        assert_string_equal(text[2], text[3]);
        assert_string_equal(text[0], text[4]);
        for (size_t j = 0; j < COUNT(text); j++) {
            free(text[j]);
        }
        end(&by_default);
        end(&by_flag);
        end(&by_variable);
        end(&by_both);
        end(&by_empty);
    }
    log_init(LOG_ERROR, LOG_LOGFMT);
}

static void bad_value_names_its_flag(void **state)
{
    static const struct {
        const char *line;
        const char *flag;
    } cases[] = {
        {"--redis.addr=", "--redis.addr"},
        {"--check=foo:x", "--check"},
        {"--redis.addr=,", "--redis.addr"},
        {"--redis.addr=host:0", "--redis.addr"},
        {"--redis.addr=http://host", "--redis.addr"},
        {"--redis.addr=good:1,bad:x", "--redis.addr"},
        {"--redis.timeout=", "--redis.timeout"},
        {"--redis.timeout=abc", "--redis.timeout"},
        {"--redis.timeout=5", NULL},
        {"--redis.timeout=-1s", "--redis.timeout"},
        {"--redis.timeout=0", "--redis.timeout"},
        {"--redis.timeout=0.5ms", "--redis.timeout"},
        {"--redis.timeout=1e3s", "--redis.timeout"},
        {"--redis.timeout=1.2.3s", "--redis.timeout"},
        {"--redis.timeout=5h", "--redis.timeout"},
        {"--redis.timeout=60m", NULL},
        {"--redis.timeout=61m", "--redis.timeout"},
        {"--redis.timeout=99999999999999999999999s", "--redis.timeout"},
        {"--redis.connect-timeout=x", "--redis.connect-timeout"},
        {"--scrape.timeout=x", "--scrape.timeout"},
        {"--web.timeout-offset=x", "--web.timeout-offset"},
        {"--web.max-connections=0", "--web.max-connections"},
        {"--web.max-connections=60001", "--web.max-connections"},
        {"--web.max-requests=0", NULL},
        {"--web.max-requests=x", "--web.max-requests"},
        {"--web.max-requests=-1", "--web.max-requests"},
        {"--web.max-scrape-rate=100001", "--web.max-scrape-rate"},
        {"--web.max-cluster-rate=", "--web.max-cluster-rate"},
        {"--web.max-page-size=64MiB", NULL},
        {"--web.max-page-size=64MB", "--web.max-page-size"},
        {"--web.max-page-size=MiB", "--web.max-page-size"},
        {"--web.max-page-size=1.5GiB", "--web.max-page-size"},
        {"--web.max-page-size=-1", "--web.max-page-size"},
        {"--web.max-sending-size=18446744073709551616", "--web.max-sending-size"},
        {"--web.max-sending-size=0", NULL},
        {"--web.send-timeout=x", "--web.send-timeout"},
        {"--redis.node-label=name", "--redis.node-label"},
        {"--redis.node-label=", "--redis.node-label"},
        {"--web.listen-address=", "--web.listen-address"},
        {"--web.listen-address=host", "--web.listen-address"},
        {"--web.listen-address=host:x", "--web.listen-address"},
        {"--web.listen-address=:0", "--web.listen-address"},
        {"--web.listen-address=::1:9121", "--web.listen-address"},
        {"--web.telemetry-path=metrics", "--web.telemetry-path"},
        {"--web.telemetry-path=/", "--web.telemetry-path"},
        {"--web.telemetry-path=", "--web.telemetry-path"},
        {"--web.telemetry-path=/a?b", "--web.telemetry-path"},
        {"--web.telemetry-path=/a#b", "--web.telemetry-path"},
        {"--log.level=loud", "--log.level"},
        {"--log.format=xml", "--log.format"},
        {"--cluster.hot-slots=0", "--cluster.hot-slots"},
        {"--cluster.hot-slots=1001", "--cluster.hot-slots"},
        {"--cluster.hot-slots=4294967297", "--cluster.hot-slots"},
        {"--cluster.hot-slots=-1", "--cluster.hot-slots"},
        {"--cluster.hot-slots=ten", "--cluster.hot-slots"},
        {"--cluster.hot-slots=", "--cluster.hot-slots"},
        {"--cluster.hot-slots=1", NULL},
        {"--help=maybe", "--help"},
        {"--redis.addr=rediss://a:1,redis://b:1", "--redis.addr"},
        {"--redis.addr=rediss://a:1,b:1", NULL},
        {"--redis.tls-min-version=1.1", "--redis.tls-min-version"},
        {"--redis.tls-min-version=", "--redis.tls-min-version"},
        {"--redis.tls-ca-file=/nonexistent/file", "/nonexistent/file"},
        {"--redis.tls-skip-verify=maybe", "--redis.tls-skip-verify"},
        {"--redis.address-map=a", "--redis.address-map"},
        {"--redis.address-map=a=b,a=c", "--redis.address-map"},
        {"--redis.nonsense=1", "--redis.nonsense"},
        {"--redis.nonsense", "--redis.nonsense"},
        {"--redis.timeout", "--redis.timeout"},
        {"--redis.password-file=/nonexistent/file", "--redis.password-file"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reading reading;
        read_line(&reading, cases[i].line);
        if ((reading.problem != NULL) != (cases[i].flag != NULL)) {
            print_error("%s\n", cases[i].line);
        }
        assert_int_equal(reading.problem != NULL, cases[i].flag != NULL);
        if (cases[i].flag != NULL) {
            assert_non_null(strstr(reading.problem, cases[i].flag));
            assert_null(strchr(reading.problem, '\n'));
        }
        end(&reading);
    }
}

static void empty_value_of_a_flag_without_default_is_none(void **state)
{
    struct reading reading;
    (void)state;
    setenv("REDIS_USER", "variable", 1);
    read_line(&reading, "--redis.user= --redis.password= --redis.password-file= "
                        "--redis.cluster-name= --scrape.allow=");
    unsetenv("REDIS_USER");
    assert_null(reading.problem);
    assert_string_equal(reading.options.login.user, "variable");
    assert_null(reading.options.login.password);
    assert_null(reading.options.password_file);
    assert_false(reading.arguments.password_was_visible);
    assert_string_equal(reading.options.cluster_name, "localhost:6379");
    assert_int_equal(reading.options.allowed_count, 0);
    end(&reading);
}

static void argument_that_is_no_flag_is_refused(void **state)
{
    static const char *const lines[] = {"nonsense", "-", "--", "--redis.user=me nonsense"};
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct reading reading;
        read_line(&reading, lines[i]);
        assert_non_null(reading.problem);
        end(&reading);
    }
}

static void bad_variable_is_named(void **state)
{
    static const char *const values[][2] = {
        {"REDIS_ADDR", "foo bar"},
        {"REDIS_ADDR", ","},
        {"REDIS_EXPORTER_TIMEOUT", "x"},
        {"REDIS_EXPORTER_NODE_LABEL", "x"},
        {"REDIS_EXPORTER_WEB_LISTEN_ADDRESS", "x"},
        {"REDIS_EXPORTER_LOG_LEVEL", "x"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(values); i++) {
        struct reading reading;
        setenv(values[i][0], values[i][1], 1);
        read_line(&reading, "");
        assert_non_null(reading.problem);
        assert_non_null(strstr(reading.problem, values[i][0]));
        unsetenv(values[i][0]);
        end(&reading);
    }
}

static void listen_addresses_may_be_several(void **state)
{
    struct reading reading;
    (void)state;
    setenv("REDIS_EXPORTER_WEB_LISTEN_ADDRESS", "127.0.0.1:1,[::1]:2,:3", 1);
    read_line(&reading, "");
    assert_null(reading.problem);
    assert_int_equal(reading.options.listen_count, 3);
    assert_string_equal(reading.options.listen[2], ":3");
    end(&reading);
    read_line(&reading, "--web.listen-address=:4");
    assert_null(reading.problem);
    assert_int_equal(reading.options.listen_count, 1);
    assert_string_equal(reading.options.listen[0], ":4");
    end(&reading);
    unsetenv("REDIS_EXPORTER_WEB_LISTEN_ADDRESS");
}

static void more_than_16_listen_addresses_are_refused(void **state)
{
    struct reading reading;
    (void)state;
    read_line(&reading, "--web.listen-address=:1,:2,:3,:4,:5,:6,:7,:8,:9,:10,:11,:12,:13,:14,:15,"
                        ":16");
    assert_null(reading.problem);
    assert_int_equal(reading.options.listen_count, LISTEN_MAX);
    end(&reading);
    read_line(&reading, "--web.listen-address=:1,:2,:3,:4,:5,:6,:7,:8,:9,:10,:11,:12,:13,:14,:15,"
                        ":16,:17");
    assert_non_null(reading.problem);
    end(&reading);
}

static void allowed_targets_may_be_several(void **state)
{
    struct reading reading;
    (void)state;
    setenv("REDIS_EXPORTER_SCRAPE_ALLOW", "10.0.0.*:6379, [::1]:2", 1);
    read_line(&reading, "");
    assert_null(reading.problem);
    assert_int_equal(reading.options.allowed_count, 2);
    assert_string_equal(reading.options.allowed[0], "10.0.0.*:6379");
    assert_string_equal(reading.options.allowed[1], "[::1]:2");
    end(&reading);
    read_line(&reading, "--scrape.allow=a:1,b:2 --scrape.allow=c:3");
    assert_null(reading.problem);
    assert_int_equal(reading.options.allowed_count, 3);
    assert_string_equal(reading.options.allowed[2], "c:3");
    end(&reading);
    unsetenv("REDIS_EXPORTER_SCRAPE_ALLOW");
    read_line(&reading, "--scrape.allow=a:1,,b:2");
    assert_non_null(reading.problem);
    end(&reading);
}

static void switches_need_no_value(void **state)
{
    struct reading reading;
    (void)state;
    read_line(&reading, "--help");
    assert_null(reading.problem);
    assert_true(reading.options.show_help);
    end(&reading);
    read_line(&reading, "-version");
    assert_true(reading.options.show_version);
    end(&reading);
    read_line(&reading, "--print-metrics=true");
    assert_true(reading.options.print_metrics);
    end(&reading);
    read_line(&reading, "--print-metrics=false --version=0");
    assert_false(reading.options.print_metrics || reading.options.show_version);
    end(&reading);
}

static void last_of_a_repeated_flag_counts(void **state)
{
    struct reading reading;
    (void)state;
    read_line(&reading, "--redis.cluster-name=a --redis.cluster-name=b");
    assert_string_equal(reading.options.cluster_name, "b");
    end(&reading);
}

// --- Secrets ---

static void assert_no_secret(const struct reading *reading)
{
    for (int i = 1; i < reading->argc; i++) {
        assert_null(strstr(reading->argv[i], "topsecret"));
    }
    assert_true(reading->problem == NULL || strstr(reading->problem, "topsecret") == NULL);
}

static void secrets_on_the_command_line_are_overwritten(void **state)
{
    static const char *const lines[] = {
        "--redis.password=topsecret",
        "--redis.password topsecret",
        "-redis.password=topsecret --redis.timeout=1s",
        "--redis.addr=redis://:topsecret@host:1",
        "--redis.addr redis://user:topsecret@host:1",
        "--redis.addr=host:1,redis://user:topsecret@host:1",
        "--redis.addr=redis://:topsecret@host:bad",
        "--redis.addr=rediss://:topsecret@host",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct reading reading;
        read_line(&reading, lines[i]);
        assert_no_secret(&reading);
        assert_true(reading.arguments.password_was_visible);
        end(&reading);
    }
}

static void other_arguments_are_left_as_they_are(void **state)
{
    struct reading reading;
    (void)state;
    read_line(&reading, "--redis.addr=host:1 --redis.password=x --redis.user=me");
    assert_string_equal(reading.argv[1], "--redis.addr=host:1");
    assert_string_equal(reading.argv[2], "--redis.password=x");
    assert_string_equal(reading.argv[3], "--redis.user=me");
    end(&reading);
    read_line(&reading, "--redis.addr=host:1");
    assert_false(reading.arguments.password_was_visible);
    end(&reading);
}

static void overwritten_password_is_kept_in_the_options(void **state)
{
    struct reading reading;
    (void)state;
    read_line(&reading, "--redis.password=topsecret");
    assert_string_equal(reading.options.login.password, "topsecret");
    end(&reading);
    read_line(&reading, "--redis.addr=redis://me:topsecret@host:1");
    assert_string_equal(reading.options.login.password, "topsecret");
    assert_string_equal(reading.options.login.user, "me");
    assert_string_equal(reading.options.cluster_name, "host:1");
    end(&reading);
}

static void secret_in_the_wrong_place_is_not_repeated(void **state)
{
    static const char *const lines[] = {
        "redis://:topsecret@host:1",
        "--redis.password= topsecret",
        "--redis.pasword=topsecret",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct reading reading;
        read_line(&reading, lines[i]);
        bool repeated = reading.problem != NULL && strstr(reading.problem, "topsecret") != NULL;
        if (repeated) {
            print_error("%s\n", reading.problem);
        }
        assert_non_null(reading.problem);
        end(&reading);
        assert_false(repeated);
    }
}

static void credentials_of_a_url_beat_the_flags(void **state)
{
    struct reading reading;
    (void)state;
    read_line(&reading, "--redis.addr=host:1,redis://a:b@host:2 --redis.user=c --redis.password=d");
    assert_string_equal(reading.options.login.user, "a");
    assert_string_equal(reading.options.login.password, "b");
    end(&reading);
    read_line(&reading, "--redis.addr=redis://:b@host:2 --redis.user=c");
    assert_string_equal(reading.options.login.user, "c");
    assert_string_equal(reading.options.login.password, "b");
    end(&reading);
}

static void user_of_a_url_is_used_with_the_password_of_the_flag(void **state)
{
    struct reading reading;
    (void)state;
    read_line(&reading, "--redis.addr=redis://alice@host:1 --redis.password=pw");
    assert_null(reading.problem);
    bool used =
        reading.options.login.user != NULL && strcmp(reading.options.login.user, "alice") == 0;
    end(&reading);
    assert_true(used);
}

static void write_file(char *path, const char *bytes, size_t length)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), (ssize_t)length);
    close(fd);
}

// Reads a password file of that content.
static void read_password_file(struct reading *reading, const char *bytes, size_t length,
                               const char *more)
{
    char path[] = "/tmp/unit-password-XXXXXX";
    char line[256];
    write_file(path, bytes, length);
    snprintf(line, sizeof(line), "--redis.password-file=%s%s", path, more);
    read_line(reading, line);
    unlink(path);
}

static void password_file_holds_one_password(void **state)
{
    static const struct {
        const char *content;
        const char *password;
    } cases[] = {
        {"secret", "secret"},       {"secret\n", "secret"},     {"secret\r\n", "secret"},
        {"secret\n\n", "secret\n"}, {" se cret ", " se cret "}, {"se\ncret\n", "se\ncret"},
        {"\xff\xfe\n", "\xff\xfe"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reading reading;
        read_password_file(&reading, cases[i].content, strlen(cases[i].content), "");
        assert_null(reading.problem);
        assert_string_equal(reading.options.login.password, cases[i].password);
        assert_false(reading.arguments.password_was_visible);
        end(&reading);
    }
}

static void password_file_without_one_password_is_refused(void **state)
{
    static char large[1024 * 1024 + 1];
    struct reading reading;
    (void)state;
    memset(large, 'x', sizeof(large));
    const struct span contents[] = {
        SPAN(""), SPAN("\n"), SPAN("\r\n"), SPAN("se\0cret"), span_make(large, sizeof(large)),
    };
    for (size_t i = 0; i < COUNT(contents); i++) {
        read_password_file(&reading, contents[i].at, contents[i].length, "");
        assert_non_null(reading.problem);
        assert_non_null(strstr(reading.problem, "--redis.password-file"));
        end(&reading);
    }
    read_line(&reading, "--redis.password-file=/");
    assert_non_null(reading.problem);
    end(&reading);
}

static void missing_password_file_is_named(void **state)
{
    struct reading reading;
    (void)state;
    read_line(&reading, "--redis.password-file=/nonexistent/password");
    assert_non_null(reading.problem);
    assert_non_null(strstr(reading.problem, "--redis.password-file"));
    assert_non_null(strstr(reading.problem, "/nonexistent/password"));
    end(&reading);
}

static void password_file_flag_beats_the_password_variable(void **state)
{
    struct reading reading;
    (void)state;
    setenv("REDIS_PASSWORD", "variable", 1);
    read_password_file(&reading, "file", 4, "");
    unsetenv("REDIS_PASSWORD");
    assert_null(reading.problem);
    assert_string_equal(reading.options.login.password, "file");
    end(&reading);
}

// "Flags beat the environment", says --help.
static void password_flag_beats_the_password_file_variable(void **state)
{
    char path[] = "/tmp/unit-password-XXXXXX";
    struct reading reading;
    (void)state;
    write_file(path, "file", 4);
    setenv("REDIS_PASSWORD_FILE", path, 1);
    read_line(&reading, "--redis.password=flag");
    unsetenv("REDIS_PASSWORD_FILE");
    unlink(path);
    assert_null(reading.problem);
    bool by_flag = strcmp(reading.options.login.password, "flag") == 0;
    end(&reading);
    assert_true(by_flag);
}

static void map_in_the_password_file_is_for_single_servers(void **state)
{
    static const char map[] = "{\"redis://alice@a:1\": \"one\", \"redis://b:2\": \"two\"}";
    struct reading reading;
    (void)state;
    read_password_file(&reading, map, strlen(map), " --redis.addr=c:3");
    assert_null(reading.problem);
    assert_int_equal(reading.options.credentials.count, 2);
    assert_null(reading.options.login.password);
    assert_null(reading.options.login.user);
    end(&reading);
    read_password_file(&reading, map, strlen(map), " --redis.addr=c:3 --redis.password=common");
    assert_int_equal(reading.options.credentials.count, 2);
    assert_string_equal(reading.options.login.password, "common");
    end(&reading);
    setenv("REDIS_PASSWORD", "common", 1);
    read_password_file(&reading, map, strlen(map), " --redis.addr=a:1");
    unsetenv("REDIS_PASSWORD");
    assert_int_equal(reading.options.credentials.count, 2);
    assert_string_equal(reading.options.login.password, "common");
    assert_null(reading.options.login.user);
    end(&reading);
}

// The other nodes of the cluster are not known when the file is written.
static void password_of_a_seed_in_the_map_is_for_its_cluster(void **state)
{
    static const char map[] = "{\"redis://alice@a:1\": \"one\", \"redis://b:2\": \"two\"}";
    struct reading reading;
    (void)state;
    read_password_file(&reading, map, strlen(map), " --redis.addr=c:3,a:1,b:2");
    assert_null(reading.problem);
    assert_string_equal(reading.options.login.password, "one");
    assert_string_equal(reading.options.login.user, "alice");
    end(&reading);
    read_password_file(&reading, map, strlen(map), " --redis.addr=redis://me:url@b:2");
    assert_string_equal(reading.options.login.password, "url");
    assert_string_equal(reading.options.login.user, "me");
    end(&reading);
}

static void files_of_tls_have_two_spellings(void **state)
{
    static const char *const spellings[] = {
        "--redis.tls-ca-file=%s --redis.tls-cert-file=%s --redis.tls-key-file=%s",
        "-tls-ca-cert-file %s -tls-client-cert-file=%s -tls-client-key-file %s",
    };
    struct authority *authority = authority_new();
    struct pair pair = authority_issue_good(authority, "DNS:a");
    (void)state;
    for (size_t i = 0; i < COUNT(spellings); i++) {
        struct reading reading;
        char line[512];
        struct span rest = span_of(spellings[i]);
        struct span before;
        struct buf text = BUF_EMPTY;
        const char *const files[] = {authority_file(authority), pair.cert, pair.key};
        for (size_t j = 0; j < COUNT(files); j++) {
            assert_true(span_cut(&rest, '%', &before));
            buf_span(&text, before);
            buf_text(&text, files[j]);
            rest = span_skip(rest, 1);
        }
        assert_true(span_copy(buf_view(&text), line, sizeof(line)));
        buf_free(&text);
        read_line(&reading, line);
        assert_null(reading.problem);
        assert_string_equal(reading.options.tls.ca_file, files[0]);
        assert_string_equal(reading.options.tls.cert_file, files[1]);
        assert_string_equal(reading.options.tls.key_file, files[2]);
        end(&reading);
    }
    authority_free(authority);
}

// --- As redis_exporter spells it ---

static bool has(const struct reading *reading, enum collector collector)
{
    return (reading->options.collectors & collector_bit(collector)) != 0;
}

static void flags_of_redis_exporter_are_understood(void **state)
{
    struct reading reading;
    (void)state;
    read_line(&reading, "-connection-timeout 3s -include-config-metrics -include-modules-metrics "
                        "--include-search-indexes-metrics=true -export-client-list "
                        "-exclude-latency-histogram-metrics -log-level=WARN -log-format txt "
                        "-is-cluster -set-client-name=false -include-system-metrics "
                        "-tls-server-name=name -skip-tls-verification");
    assert_null(reading.problem);
    assert_true(reading.options.reply_timeout_us == 3 * (int64_t)SECOND_US);
    assert_true(has(&reading, COLLECTOR_CONFIG_ALL));
    assert_true(has(&reading, COLLECTOR_MODULES));
    assert_true(has(&reading, COLLECTOR_SEARCH));
    assert_true(has(&reading, COLLECTOR_CLIENT_LIST));
    assert_false(has(&reading, COLLECTOR_LATENCY_HISTOGRAM));
    assert_true(reading.options.chosen & collector_bit(COLLECTOR_LATENCY_HISTOGRAM));
    assert_int_equal(reading.options.log_level, LOG_WARN);
    assert_int_equal(reading.options.log_format, LOG_LOGFMT);
    assert_string_equal(reading.options.tls.server_name, "name");
    assert_true(reading.options.tls.skip_verify);
    end(&reading);
    log_init(LOG_ERROR, LOG_LOGFMT);
}

static void switches_of_redis_exporter_can_be_off(void **state)
{
    struct reading reading;
    (void)state;
    read_line(&reading, "--include-config-metrics=false --export-client-list=0 --debug=false "
                        "--exclude-latency-histogram-metrics=false --is-cluster=false");
    assert_null(reading.problem);
    assert_false(has(&reading, COLLECTOR_CONFIG_ALL));
    assert_false(has(&reading, COLLECTOR_CLIENT_LIST));
    assert_true(has(&reading, COLLECTOR_LATENCY_HISTOGRAM));
    assert_int_equal(reading.options.log_level, LOG_INFO);
    end(&reading);
    read_line(&reading, "--debug");
    assert_int_equal(reading.options.log_level, LOG_DEBUG);
    end(&reading);
    log_init(LOG_ERROR, LOG_LOGFMT);
}

static void variables_of_redis_exporter_are_understood(void **state)
{
    static const struct {
        const char *variable;
        enum collector collector;
    } cases[] = {
        {"REDIS_EXPORTER_INCL_CONFIG_METRICS", COLLECTOR_CONFIG_ALL},
        {"REDIS_EXPORTER_INCL_MODULES_METRICS", COLLECTOR_MODULES},
        {"REDIS_EXPORTER_INCL_SEARCH_INDEXES_METRICS", COLLECTOR_SEARCH},
        {"REDIS_EXPORTER_EXPORT_CLIENT_LIST", COLLECTOR_CLIENT_LIST},
    };
    struct reading reading;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        read_line(&reading, "");
        assert_false(has(&reading, cases[i].collector));
        end(&reading);
        setenv(cases[i].variable, "true", 1);
        read_line(&reading, "");
        assert_null(reading.problem);
        assert_true(has(&reading, cases[i].collector));
        end(&reading);
        setenv(cases[i].variable, "false", 1);
        read_line(&reading, "");
        assert_null(reading.problem);
        assert_false(has(&reading, cases[i].collector));
        end(&reading);
        unsetenv(cases[i].variable);
    }
}

static void exclusion_by_a_variable_is_understood(void **state)
{
    struct reading reading;
    (void)state;
    setenv("REDIS_EXPORTER_EXCLUDE_LATENCY_HISTOGRAM_METRICS", "1", 1);
    read_line(&reading, "");
    assert_true(reading.options.chosen & collector_bit(COLLECTOR_LATENCY_HISTOGRAM));
    assert_false(has(&reading, COLLECTOR_LATENCY_HISTOGRAM));
    end(&reading);
    read_line(&reading, "--collector.latency-histogram");
    assert_true(has(&reading, COLLECTOR_LATENCY_HISTOGRAM));
    end(&reading);
    unsetenv("REDIS_EXPORTER_EXCLUDE_LATENCY_HISTOGRAM_METRICS");
}

static int64_t timeout_of(const char *line)
{
    struct reading reading;
    read_line(&reading, line);
    assert_null(reading.problem);
    int64_t seconds = reading.options.reply_timeout_us / SECOND_US;
    end(&reading);
    return seconds;
}

static void flags_beat_variables_and_our_spelling_the_other(void **state)
{
    (void)state;
    setenv("REDIS_EXPORTER_CONNECTION_TIMEOUT", "3s", 1);
    assert_int_equal(timeout_of(""), 3);
    assert_int_equal(timeout_of("--redis.timeout=4s"), 4);
    assert_int_equal(timeout_of("--connection-timeout=5s"), 5);
    setenv("REDIS_EXPORTER_TIMEOUT", "6s", 1);
    assert_int_equal(timeout_of(""), 6);
    assert_int_equal(timeout_of("--connection-timeout=5s"), 5);
    unsetenv("REDIS_EXPORTER_CONNECTION_TIMEOUT");
    assert_int_equal(timeout_of(""), 6);
    unsetenv("REDIS_EXPORTER_TIMEOUT");
}

static void collectors_have_the_same_precedence(void **state)
{
    struct reading reading;
    (void)state;
    setenv("REDIS_EXPORTER_INCL_CONFIG_METRICS", "true", 1);
    read_line(&reading, "--no-collector.config-all");
    assert_false(has(&reading, COLLECTOR_CONFIG_ALL));
    end(&reading);
    setenv("REDIS_EXPORTER_COLLECTOR_CONFIG_ALL", "false", 1);
    read_line(&reading, "");
    assert_false(has(&reading, COLLECTOR_CONFIG_ALL));
    end(&reading);
    read_line(&reading, "--include-config-metrics");
    assert_true(has(&reading, COLLECTOR_CONFIG_ALL));
    end(&reading);
    unsetenv("REDIS_EXPORTER_COLLECTOR_CONFIG_ALL");
    unsetenv("REDIS_EXPORTER_INCL_CONFIG_METRICS");
}

static void bad_value_of_an_alias_is_refused(void **state)
{
    static const char *const lines[] = {
        "--connection-timeout=x", "--connection-timeout", "--include-config-metrics=maybe",
        "--debug=maybe",          "--is-cluster=maybe",   "--log-level=loud"};
    static const char *const names[] = {
        "REDIS_EXPORTER_INCL_CONFIG_METRICS",
        "REDIS_EXPORTER_CONNECTION_TIMEOUT",
        "REDIS_EXPORTER_DEBUG",
        "REDIS_EXPORTER_IS_CLUSTER",
    };
    struct reading reading;
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        read_line(&reading, lines[i]);
        assert_non_null(reading.problem);
        end(&reading);
    }
    for (size_t i = 0; i < COUNT(names); i++) {
        setenv(names[i], "maybe", 1);
        read_line(&reading, "");
        unsetenv(names[i]);
        assert_non_null(reading.problem);
        end(&reading);
    }
}

static void help_names_the_flags_of_redis_exporter(void **state)
{
    char *help = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&help, &length);
    (void)state;
    options_print_help(out);
    fclose(out);
    assert_non_null(strstr(help, "--connection-timeout"));
    assert_non_null(strstr(help, "--include-system-metrics"));
    free(help);
}

// --- Keys and streams ---

static void naming_keys_turns_the_collector_on(void **state)
{
    static const struct {
        const char *line;
        bool keys;
        bool streams;
    } cases[] = {
        {"", false, false},
        {"--check-keys=a*", true, false},
        {"--check-single-keys=a", true, false},
        {"--count-keys=a*", true, false},
        {"--check-streams=a*", false, true},
        {"--check-single-streams a", false, true},
        {"--check-keys=a --check-streams=b", true, true},
        {"--check-keys=a --collector.keys", true, false},
        {"--check-keys=a --no-collector.keys", false, false},
        {"--no-collector.keys --check-keys=a --check-streams=b", false, true},
        {"--check-keys=a --collector.disable-defaults", true, false},
        {"--check-keys=", false, false},
        {"--check-keys=,", false, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reading reading;
        read_line(&reading, cases[i].line);
        if (reading.problem != NULL) {
            print_error("%s: %s\n", cases[i].line, reading.problem);
        }
        assert_null(reading.problem);
        assert_int_equal(has(&reading, COLLECTOR_KEYS), cases[i].keys);
        assert_int_equal(has(&reading, COLLECTOR_STREAMS), cases[i].streams);
        end(&reading);
    }
}

static void collector_without_anything_to_check_is_refused(void **state)
{
    static const char *const lines[] = {
        "--collector.keys",
        "--collector.streams",
        "--collector.keys --check-streams=a",
        "--collector.streams --check-keys=a",
        "--collector.keys --check-keys=",
    };
    struct reading reading;
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        read_line(&reading, lines[i]);
        assert_non_null(reading.problem);
        assert_non_null(strstr(reading.problem, "--collector."));
        end(&reading);
    }
    read_line(&reading, "--collector.keys --print-acl=7.0");
    assert_null(reading.problem);
    end(&reading);
}

static void lists_may_be_given_several_times(void **state)
{
    struct reading reading;
    (void)state;
    read_line(&reading, "--check-keys=a,b* --check-keys=db2=c --count-keys=d");
    assert_null(reading.problem);
    assert_int_equal(reading.options.collect.checks.count, 4);
    assert_true(reading.options.collect.checks.has_databases);
    end(&reading);
}

static void checks_come_from_variables_too(void **state)
{
    static const char *const names[] = {
        "REDIS_EXPORTER_CHECK_KEYS",    "REDIS_EXPORTER_CHECK_SINGLE_KEYS",
        "REDIS_EXPORTER_CHECK_STREAMS", "REDIS_EXPORTER_CHECK_SINGLE_STREAMS",
        "REDIS_EXPORTER_COUNT_KEYS",
    };
    static const char *const lists[] = {"check-keys", "check-single-keys", "check-streams",
                                        "check-single-streams", "count-keys"};
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        struct reading reading;
        char line[64];
        setenv(names[i], "db1=a", 1);
        read_line(&reading, "");
        assert_null(reading.problem);
        assert_int_equal(reading.options.collect.checks.count, 1);
        assert_span(reading.options.collect.checks.check[0].name, "a");
        assert_string_equal(reading.options.collect.checks.check[0].list->name, lists[i]);
        end(&reading);
        snprintf(line, sizeof(line), "--%s=b", lists[i]);
        read_line(&reading, line);
        assert_int_equal(reading.options.collect.checks.count, 1);
        assert_span(reading.options.collect.checks.check[0].name, "b");
        end(&reading);
        setenv(names[i], "a=b=c", 1);
        read_line(&reading, "");
        unsetenv(names[i]);
        assert_non_null(reading.problem);
        assert_non_null(strstr(reading.problem, names[i]));
        end(&reading);
    }
}

static void other_options_of_checks_arrive(void **state)
{
    struct reading reading;
    (void)state;
    read_line(&reading, "");
    assert_int_equal(reading.options.collect.batch_size, 1000);
    assert_non_null(reading.options.collect.search_indexes);
    assert_false(reading.options.collect.without_values || reading.options.collect.client_ports ||
                 reading.options.collect.without_consumers ||
                 reading.options.collect.sentinel_peers);
    end(&reading);
    read_line(&reading, "--check-keys-batch-size=7 --check-search-indexes=^a --export-client-port "
                        "--disable-exporting-key-values --streams-exclude-consumer-metrics "
                        "--include-sentinel-peer-info");
    assert_null(reading.problem);
    const struct collect_options *collect = &reading.options.collect;
    assert_int_equal(collect->batch_size, 7);
    assert_true(collect->without_values && collect->client_ports && collect->without_consumers &&
                collect->sentinel_peers);
    assert_int_equal(regexec(collect->search_indexes, "ab", 0, NULL, 0), 0);
    assert_int_not_equal(regexec(collect->search_indexes, "ba", 0, NULL, 0), 0);
    end(&reading);
    read_line(&reading, "--check-search-indexes=a --check-search-indexes=b");
    assert_int_equal(regexec(reading.options.collect.search_indexes, "b", 0, NULL, 0), 0);
    end(&reading);
}

static void bad_options_of_checks_are_refused(void **state)
{
    static const char *const lines[] = {
        "--check-keys=%",
        "--check-single-keys=a=b",
        "--count-keys=dbx=a",
        "--check-streams=db99999=a",
        "--check-single-streams=db1=",
        "--check-keys-batch-size=0",
        "--check-keys-batch-size=-1",
        "--check-keys-batch-size=100001",
        "--check-keys-batch-size=x",
        "--check-search-indexes=(",
        "--check-search-indexes=a --check-search-indexes=[",
        "--disable-exporting-key-values=x",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct reading reading;
        read_line(&reading, lines[i]);
        if (reading.problem == NULL) {
            print_error("%s is taken\n", lines[i]);
        }
        assert_non_null(reading.problem);
        assert_true(span_starts(span_of(reading.problem), SPAN("--")));
        end(&reading);
    }
}

static void help_names_every_variable(void **state)
{
    char *help = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&help, &length);
    (void)state;
    options_print_help(out);
    fclose(out);
    for (size_t i = 0; i < COUNT(variables); i++) {
        assert_non_null(strstr(help, variables[i].variable));
        assert_non_null(strstr(help, variables[i].flag));
    }
    struct span rest = span_make(help, length);
    struct span line;
    while (span_cut(&rest, '\n', &line)) {
        assert_true(line.length <= 100);
    }
    free(help);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_help),
        cmocka_unit_test(flags_may_have_one_dash_or_two_and_a_separate_value),
        cmocka_unit_test(every_value_arrives),
        cmocka_unit_test(flag_beats_environment_beats_default),
        cmocka_unit_test(bad_value_names_its_flag),
        cmocka_unit_test(empty_value_of_a_flag_without_default_is_none),
        cmocka_unit_test(argument_that_is_no_flag_is_refused),
        cmocka_unit_test(bad_variable_is_named),
        cmocka_unit_test(listen_addresses_may_be_several),
        cmocka_unit_test(more_than_16_listen_addresses_are_refused),
        cmocka_unit_test(allowed_targets_may_be_several),
        cmocka_unit_test(switches_need_no_value),
        cmocka_unit_test(last_of_a_repeated_flag_counts),
        cmocka_unit_test(secrets_on_the_command_line_are_overwritten),
        cmocka_unit_test(other_arguments_are_left_as_they_are),
        cmocka_unit_test(overwritten_password_is_kept_in_the_options),
        cmocka_unit_test(secret_in_the_wrong_place_is_not_repeated),
        cmocka_unit_test(credentials_of_a_url_beat_the_flags),
        cmocka_unit_test(user_of_a_url_is_used_with_the_password_of_the_flag),
        cmocka_unit_test(password_file_holds_one_password),
        cmocka_unit_test(password_file_without_one_password_is_refused),
        cmocka_unit_test(missing_password_file_is_named),
        cmocka_unit_test(password_file_flag_beats_the_password_variable),
        cmocka_unit_test(password_flag_beats_the_password_file_variable),
        cmocka_unit_test(map_in_the_password_file_is_for_single_servers),
        cmocka_unit_test(password_of_a_seed_in_the_map_is_for_its_cluster),
        cmocka_unit_test(files_of_tls_have_two_spellings),
        cmocka_unit_test(flags_of_redis_exporter_are_understood),
        cmocka_unit_test(switches_of_redis_exporter_can_be_off),
        cmocka_unit_test(variables_of_redis_exporter_are_understood),
        cmocka_unit_test(exclusion_by_a_variable_is_understood),
        cmocka_unit_test(flags_beat_variables_and_our_spelling_the_other),
        cmocka_unit_test(collectors_have_the_same_precedence),
        cmocka_unit_test(bad_value_of_an_alias_is_refused),
        cmocka_unit_test(help_names_the_flags_of_redis_exporter),
        cmocka_unit_test(naming_keys_turns_the_collector_on),
        cmocka_unit_test(collector_without_anything_to_check_is_refused),
        cmocka_unit_test(lists_may_be_given_several_times),
        cmocka_unit_test(checks_come_from_variables_too),
        cmocka_unit_test(other_options_of_checks_arrive),
        cmocka_unit_test(bad_options_of_checks_are_refused),
        cmocka_unit_test(help_names_every_variable),
    };
    return cmocka_run_group_tests_name("options", tests, forget_environment, NULL);
}
