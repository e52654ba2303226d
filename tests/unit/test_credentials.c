#include "redis/credentials.h"

#include <string.h>

#include "support.h"

static void add(struct credentials *credentials, const char *url, const char *password)
{
    struct seed seed;
    assert_null(seed_parse(span_of(url), &seed));
    seed.password = strdup(password);
    credentials_add(credentials, &seed);
}

static struct login find(const struct credentials *credentials, const char *address,
                         const char *user, const char *password)
{
    struct address parsed;
    assert_true(address_parse(span_of(address), 0, &parsed));
    return credentials_find(credentials, &parsed, (struct login){user, password});
}

static void check_login(struct login login, const char *user, const char *password)
{
    assert_int_equal(login.user == NULL, user == NULL);
    assert_int_equal(login.password == NULL, password == NULL);
    if (user != NULL) {
        assert_string_equal(login.user, user);
    }
    if (password != NULL) {
        assert_string_equal(login.password, password);
    }
}

static void server_that_is_known_has_its_own(void **state)
{
    struct credentials credentials = {.count = 0};
    (void)state;
    add(&credentials, "redis://alice@a:1", "one");
    add(&credentials, "redis://[::1]:2", "two");
    check_login(find(&credentials, "a:1", "all", "others"), "alice", "one");
    check_login(find(&credentials, "[::1]:2", NULL, NULL), NULL, "two");
    credentials_clear(&credentials);
    assert_int_equal(credentials.count, 0);
}

static void user_that_is_not_told_is_that_of_all(void **state)
{
    struct credentials credentials = {.count = 0};
    (void)state;
    add(&credentials, "redis://a:1", "one");
    check_login(find(&credentials, "a:1", "all", "others"), "all", "one");
    credentials_clear(&credentials);
}

static void other_servers_have_that_of_all(void **state)
{
    static const char *const others[] = {"a:2", "b:1", "aa:1", "[::1]:1"};
    struct credentials credentials = {.count = 0};
    (void)state;
    add(&credentials, "redis://alice@a:1", "one");
    for (size_t i = 0; i < COUNT(others); i++) {
        check_login(find(&credentials, others[i], "all", "others"), "all", "others");
        check_login(find(&credentials, others[i], NULL, NULL), NULL, NULL);
    }
    credentials_clear(&credentials);
    check_login(find(&credentials, "a:1", "all", "others"), "all", "others");
    check_login(find(NULL, "a:1", "all", "others"), "all", "others");
}

static void first_of_two_for_one_server_counts(void **state)
{
    struct credentials credentials = {.count = 0};
    (void)state;
    add(&credentials, "redis://alice@a:1", "one");
    add(&credentials, "redis://bob@a:1", "two");
    check_login(find(&credentials, "a:1", NULL, NULL), "alice", "one");
    credentials_clear(&credentials);
}

// As in the maps of redis_exporter.
static void empty_password_means_none(void **state)
{
    struct credentials credentials = {.count = 0};
    (void)state;
    add(&credentials, "redis://a:1", "");
    check_login(find(&credentials, "a:1", "all", "others"), "all", NULL);
    credentials_clear(&credentials);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_that_is_known_has_its_own),
        cmocka_unit_test(user_that_is_not_told_is_that_of_all),
        cmocka_unit_test(other_servers_have_that_of_all),
        cmocka_unit_test(first_of_two_for_one_server_counts),
        cmocka_unit_test(empty_password_means_none),
    };
    return cmocka_run_group_tests_name("credentials", tests, NULL, NULL);
}
