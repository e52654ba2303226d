#include "web/web_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "support.h"

#define HASH "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"

static char directory[] = "/tmp/unit-web-config-XXXXXX";
static char path[64];

static int make_directory(void **state)
{
    (void)state;
    if (mkdtemp(directory) == NULL) {
        return 1;
    }
    snprintf(path, sizeof(path), "%s/web.yml", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(directory);
}

static char *read_text(const char *text, size_t length, struct web_config *out)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
    return web_config_read(path, out);
}

static struct web_config good(const char *text)
{
    struct web_config config;
    char *problem = read_text(text, strlen(text), &config);
    if (problem != NULL) {
        print_error("%s\n", problem);
    }
    assert_null(problem);
    return config;
}

static void empty_file_leaves_all_as_it_is(void **state)
{
    struct web_config config = good("");
    (void)state;
    assert_false(config.tls.enabled);
    assert_int_equal(config.tls.min_version, WEB_TLS_12);
    assert_int_equal(config.tls.max_version, WEB_TLS_13);
    assert_true(config.tls.server_order);
    assert_int_equal(config.user_count, 0);
    assert_int_equal(config.rate_interval_us, 0);
    for (size_t i = 0; i < WEB_HEADERS; i++) {
        assert_non_null(config.header[i].name);
        assert_null(config.header[i].value);
    }
    web_config_clear(&config);
}

static void everything_is_read(void **state)
{
    struct web_config config = good(
        "tls_server_config:\n  cert_file: c.pem\n  key_file: /k.pem\n  client_ca_file: d/ca.pem\n"
        "  client_auth_type: RequireAndVerifyClientCert\n  client_allowed_sans: [a, ~, b]\n"
        "  min_version: TLS11\n  max_version: TLS12\n  prefer_server_cipher_suites: false\n"
        "  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]\n"
        "  curve_preferences: [X25519]\n"
        "http_server_config: {http2: false, headers: {X-Frame-Options: deny}}\n"
        "basic_auth_users: {alice: " HASH ", bob: '" HASH "'}\n"
        "rate_limit: {interval: 1m2.5s, burst: 7}\n");
    char expected[128];
    (void)state;
    assert_true(config.tls.enabled);
    snprintf(expected, sizeof(expected), "%s/c.pem", directory);
    assert_string_equal(config.tls.cert_file, expected);
    assert_string_equal(config.tls.key_file, "/k.pem");
    snprintf(expected, sizeof(expected), "%s/d/ca.pem", directory);
    assert_string_equal(config.tls.client_ca_file, expected);
    assert_int_equal(config.tls.client_auth, CLIENT_AUTH_REQUIRE);
    assert_int_equal(config.tls.allowed_name_count, 2);
    assert_string_equal(config.tls.allowed_name[1], "b");
    assert_int_equal(config.tls.min_version, WEB_TLS_11);
    assert_int_equal(config.tls.max_version, WEB_TLS_12);
    assert_false(config.tls.server_order);
    assert_int_equal(config.tls.suite_count, 2);
    assert_string_equal(config.tls.group[0], "GROUP-X25519");
    assert_string_equal(config.header[2].name, "X-Frame-Options");
    assert_string_equal(config.header[2].value, "deny");
    assert_int_equal(config.user_count, 2);
    assert_string_equal(config.user[0].name, "alice");
    assert_string_equal(config.user[1].hash, HASH);
    assert_int_equal(config.rate_interval_us, 62500000);
    assert_int_equal(config.rate_burst, 7);
    web_config_clear(&config);
}

static void intervals_are_go_s_durations(void **state)
{
    static const struct {
        const char *text;
        int64_t us; // below 0: refused
    } cases[] = {{"0", 0},   {"1s", 1000000}, {"1.5ms", 1500}, {"1h", 3600000000}, {"1ns", 1},
                 {"2us", 2}, {"1", -1},       {"-1s", -1},     {"1d", -1},         {"s", -1},
                 {"''", -1}, {"1h1s", -1},    {"1s1", -1},     {"1.2.3s", -1}};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[96];
        struct web_config config;
        snprintf(text, sizeof(text), "rate_limit: {burst: 1, interval: %s}\n", cases[i].text);
        char *problem = read_text(text, strlen(text), &config);
        if ((problem != NULL) != (cases[i].us < 0)) {
            print_error("%s: %s\n", cases[i].text, problem != NULL ? problem : "taken");
        }
        assert_true((problem != NULL) == (cases[i].us < 0));
        if (cases[i].us >= 0) {
            assert_int_equal(config.rate_interval_us, cases[i].us);
        }
        free(problem);
        web_config_clear(&config);
    }
}

static void problems_are_one_line_with_file_and_line(void **state)
{
    static const char *const cases[][2] = {
        {"a: 1", "1: a: is no known key here; known are tls_server_config, http_server_config, "
                 "basic_auth_users, rate_limit"},
        {"basic_auth_users:\n  a: hush", "2: a: must be a bcrypt hash, as htpasswd -nBC 10 \"\" "
                                         "prints it"},
        {"tls_server_config:\n  cert_file: a",
         "1: tls_server_config: key_file (or key) is missing"},
        {"rate_limit: {interval: 1s}",
         "1: rate_limit: burst must be at least 1, or no request would ever be answered"},
        {"http_server_config:\n  headers:\n    X-Frame-Options: x",
         "3: X-Frame-Options: must be deny or sameorigin"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct web_config config;
        char expected[256];
        char *problem = read_text(cases[i][0], strlen(cases[i][0]), &config);
        snprintf(expected, sizeof(expected), "%s:%s", path, cases[i][1]);
        assert_non_null(problem);
        assert_string_equal(problem, expected);
        free(problem);
        web_config_clear(&config);
    }
}

static void damaged_files_break_nothing(void **state)
{
    static const char sample[] =
        "tls_server_config: {cert: a, key: b, client_allowed_sans: [c], min_version: TLS12,\n"
        " cipher_suites: [TLS_AES_128_GCM_SHA256], client_auth_type: RequireAnyClientCert}\n"
        "http_server_config: {http2: no, headers: {X-XSS-Protection: d}}\n"
        "basic_auth_users: {e: " HASH "}\nrate_limit: {interval: 1s, burst: 2}\n";
    uint64_t sequence = 11;
    (void)state;
    for (int i = 0; i < 300; i++) {
        size_t length;
        struct web_config config;
        char *text = damaged(sample, sizeof(sample) - 1, &sequence, &length);
        char *problem = read_text(text, length, &config);
        assert_true(problem == NULL || strchr(problem, '\n') == NULL);
        free(problem);
        web_config_clear(&config);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_file_leaves_all_as_it_is),
        cmocka_unit_test(everything_is_read),
        cmocka_unit_test(intervals_are_go_s_durations),
        cmocka_unit_test(problems_are_one_line_with_file_and_line),
        cmocka_unit_test(damaged_files_break_nothing),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
