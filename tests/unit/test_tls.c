// The context of TLS and its files; test_conn_tls.c has what connections do with it.
#include "redis/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "certificates.h"
#include "support.h"

struct files {
    struct authority *authority;
    struct pair pair;
    struct pair other;
    char missing[PATH_SIZE];
    char garbage[PATH_SIZE];
    char encrypted[PATH_SIZE];
};

static int begin(void **state)
{
    struct files *files = calloc(1, sizeof(*files));
    files->authority = authority_new();
    files->pair = authority_issue_good(files->authority, "DNS:a");
    files->other = authority_issue_good(files->authority, "DNS:b");
    authority_path(files->authority, "missing", files->missing);
    authority_path(files->authority, "garbage", files->garbage);
    authority_path(files->authority, "encrypted", files->encrypted);
    authority_encrypt_key(&files->pair, files->encrypted);
    FILE *garbage = fopen(files->garbage, "w");
    fputs("nothing of the kind\n", garbage);
    fclose(garbage);
    *state = files;
    return 0;
}

static int end(void **state)
{
    struct files *files = *state;
    authority_free(files->authority);
    free(files);
    return 0;
}

static char *ca(struct files *files)
{
    return strdup(authority_file(files->authority));
}

static void good_files_are_taken(void **state)
{
    char name[] = "name";
    struct files *files = *state;
    struct tls_options options = {.ca_file = ca(files),
                                  .cert_file = files->pair.cert,
                                  .key_file = files->pair.key,
                                  .server_name = name};
    struct tls *tls = NULL;
    assert_null(tls_new(&options, &tls));
    assert_string_equal(tls_server_name(tls), "name");
    tls_free(tls);
    free(options.ca_file);
}

static void no_file_is_needed(void **state)
{
    const struct tls_options options = {.skip_verify = false};
    struct tls *tls = NULL;
    (void)state;
    assert_null(tls_new(&options, &tls));
    assert_null(tls_server_name(tls));
    tls_free(tls);
    tls_free(NULL);
}

static void bad_files_are_named(void **state)
{
    struct files *files = *state;
    struct pair *pair = &files->pair;
    char directory[] = "/tmp";
    const struct {
        struct tls_options options;
        const char *file;
        const char *part; // of the problem
    } cases[] = {
        {{.ca_file = files->missing}, files->missing, "No such file"},
        {{.ca_file = files->garbage}, files->garbage, "CA file"},
        {{.ca_file = directory}, directory, "CA file"},
        {{.cert_file = pair->cert}, pair->cert, "a key file is needed"},
        {{.key_file = pair->key}, pair->key, "a certificate file is needed"},
        {{.cert_file = files->missing, .key_file = pair->key}, files->missing, "No such file"},
        {{.cert_file = pair->cert, .key_file = files->missing}, files->missing, "No such file"},
        {{.cert_file = files->garbage, .key_file = pair->key}, files->garbage, "PEM"},
        {{.cert_file = pair->cert, .key_file = files->garbage}, files->garbage, "key file"},
        {{.cert_file = pair->cert, .key_file = files->other.key},
         files->other.key,
         "is not the key"},
        {{.cert_file = pair->cert, .key_file = files->encrypted}, files->encrypted, "encrypted"},
        {{.cert_file = pair->key, .key_file = pair->key}, pair->key, "certificate file"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct tls *tls = NULL;
        char *problem = tls_new(&cases[i].options, &tls);
        assert_non_null(problem);
        if (strstr(problem, cases[i].part) == NULL) {
            print_error("%s\n", problem);
        }
        assert_non_null(strstr(problem, cases[i].part));
        assert_non_null(strstr(problem, cases[i].file));
        assert_null(strchr(problem, '\n'));
        assert_null(tls);
        free(problem);
    }
}

static void versions_have_several_spellings(void **state)
{
    enum tls_version version;
    (void)state;
    assert_true(tls_version_parse("1.2", &version));
    assert_int_equal(version, TLS_1_2);
    assert_true(tls_version_parse("TLS13", &version));
    assert_int_equal(version, TLS_1_3);
    assert_true(tls_version_parse("TLS1.2", &version));
    assert_int_equal(version, TLS_1_2);
    assert_false(tls_version_parse("1.1", &version));
    assert_false(tls_version_parse("", &version));
    assert_false(tls_version_parse("TLS", &version));
}

int main(void)
{
#define TLS_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TLS_TEST(good_files_are_taken),
        cmocka_unit_test(no_file_is_needed),
        TLS_TEST(bad_files_are_named),
        cmocka_unit_test(versions_have_several_spellings),
    };
    log_init(LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests_name("tls", tests, NULL, NULL);
}
