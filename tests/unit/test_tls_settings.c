#include "web/tls_settings.h"

#include <stdlib.h>

#include <gnutls/gnutls.h>

#include "base/buf.h"
#include "support.h"

// The suites that GnuTLS makes of a priority string, in their order.
static char *suites_of(const char *priority)
{
    gnutls_priority_t parsed;
    struct buf out = BUF_EMPTY;
    unsigned id = 0;
    int result = gnutls_priority_init(&parsed, priority, NULL);
    if (result != 0) {
        print_error("%s: %s\n", priority, gnutls_strerror(result));
    }
    assert_int_equal(result, 0);
    for (unsigned i = 0; result != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE; i++) {
        result = gnutls_priority_get_cipher_suite_index(parsed, i, &id);
        if (result == 0) {
            unsigned char bytes[2];
            buf_text(&out, out.length > 0 ? " " : "");
            buf_text(&out, gnutls_cipher_suite_info(id, bytes, NULL, NULL, NULL, NULL));
        }
    }
    gnutls_priority_deinit(parsed);
    return buf_take(&out);
}

static struct tls_settings settings_with(const char *const *suites, size_t count)
{
    struct tls_settings settings = {
        .min_version = WEB_TLS_12, .max_version = WEB_TLS_13, .server_order = true};
    for (size_t i = 0; i < count; i++) {
        settings.suite[i] = tls_suite_find(suites[i]);
        assert_non_null(settings.suite[i]);
    }
    settings.suite_count = count;
    return settings;
}

static void check_suites(const struct tls_settings *settings, const char *expected)
{
    char *priority = tls_priority_before_13(settings);
    assert_non_null(priority);
    char *suites = suites_of(priority);
    assert_string_equal(suites, expected);
    free(suites);
    free(priority);
}

static void chosen_suites_are_those_of_the_priority(void **state)
{
    static const char *const mixed[] = {
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
        "TLS_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"};
    struct tls_settings settings = settings_with(mixed, COUNT(mixed));
    (void)state;
    check_suites(&settings, "TLS_ECDHE_RSA_AES_256_GCM_SHA384 TLS_ECDHE_RSA_AES_128_CBC_SHA1 "
                            "TLS_ECDHE_RSA_CHACHA20_POLY1305");
}

static void suites_keep_secrets_ahead_where_none_are_chosen(void **state)
{
    struct tls_settings settings = settings_with(NULL, 0);
    char *priority = tls_priority_before_13(&settings);
    char *suites = suites_of(priority);
    (void)state;
    assert_non_null(strstr(suites, "TLS_ECDHE_ECDSA_AES_256_GCM_SHA384"));
    assert_non_null(strstr(suites, "TLS_ECDHE_RSA_AES_128_GCM_SHA256"));
    assert_null(strstr(suites, "TLS_RSA_"));
    assert_null(strstr(suites, "TLS_DHE_"));
    assert_null(strstr(suites, "3DES"));
    free(suites);
    free(priority);
}

static void old_versions_are_left_out_where_they_cannot_be_spoken(void **state)
{
    static const char *const new[] = {"TLS_AES_128_GCM_SHA256"};
    struct tls_settings settings = settings_with(new, COUNT(new));
    (void)state;
    assert_null(tls_priority_before_13(&settings));
    char *priority = tls_priority(&settings);
    assert_null(strstr(priority, "VERS-TLS1.2"));
    free(priority);
    settings = settings_with(NULL, 0);
    settings.min_version = WEB_TLS_13;
    assert_null(tls_priority_before_13(&settings));
}

static void every_choice_makes_a_priority_that_gnutls_takes(void **state)
{
    static const char *const curves[] = {"CurveP256", "CurveP384", "CurveP521", "X25519"};
    (void)state;
    for (int min = WEB_TLS_10; min < WEB_TLS_VERSION_COUNT; min++) {
        for (int max = min; max < WEB_TLS_VERSION_COUNT; max++) {
            struct tls_settings settings = settings_with(NULL, 0);
            settings.min_version = (enum web_tls_version)min;
            settings.max_version = (enum web_tls_version)max;
            settings.server_order = (min + max) % 2 == 0;
            for (size_t i = 0; i < COUNT(curves); i++) {
                settings.group[settings.group_count++] = tls_group_find(curves[i]);
                char *priority = tls_priority(&settings);
                char *old = tls_priority_before_13(&settings);
                free(suites_of(priority));
                assert_true((old == NULL) == (min == WEB_TLS_13));
                free(old != NULL ? suites_of(old) : NULL);
                free(priority);
                free(old);
            }
        }
    }
}

static void unknown_names_are_refused(void **state)
{
    enum web_tls_version version = WEB_TLS_11;
    enum client_auth auth = CLIENT_AUTH_ANY;
    (void)state;
    assert_false(web_tls_version_parse("TLS14", &version));
    assert_int_equal(version, WEB_TLS_11);
    assert_false(client_auth_parse("Require", &auth));
    assert_int_equal(auth, CLIENT_AUTH_ANY);
    assert_true(client_auth_parse("", &auth));
    assert_int_equal(auth, CLIENT_AUTH_NONE);
    assert_null(tls_suite_find("AES128-SHA"));
    assert_null(tls_group_find("secp256r1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chosen_suites_are_those_of_the_priority),
        cmocka_unit_test(suites_keep_secrets_ahead_where_none_are_chosen),
        cmocka_unit_test(old_versions_are_left_out_where_they_cannot_be_spoken),
        cmocka_unit_test(every_choice_makes_a_priority_that_gnutls_takes),
        cmocka_unit_test(unknown_names_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
