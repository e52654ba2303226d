#include "redis/address.h"

#include <stdio.h>
#include <stdlib.h>

#include "support.h"

static int release(void **state)
{
    (void)state;
    guards_release();
    return 0;
}

static void address_is_host_and_port(void **state)
{
    static const struct {
        const char *input;
        uint16_t default_port;
        const char *expected; // NULL: refused
    } cases[] = {
        {"localhost:6379", 0, "localhost:6379"},
        {"10.0.0.1:1", 0, "10.0.0.1:1"},
        {"a-b_c.example:65535", 0, "a-b_c.example:65535"},
        {"host", 6379, "host:6379"},
        {"host:7000", 6379, "host:7000"},
        {"[::1]:6379", 0, "[::1]:6379"},
        {"[2001:db8::1]", 6379, "[2001:db8::1]:6379"},
        {"[fe80::1%eth0]:6379", 0, "[fe80::1%eth0]:6379"},
        {"host", 0, NULL},
        {"[::1]", 0, NULL},
        {"", 6379, NULL},
        {":", 6379, NULL},
        {":6379", 0, NULL},
        {"host:", 6379, NULL},
        {"host:0", 6379, NULL},
        {"host:65536", 0, NULL},
        {"host:123456", 0, NULL},
        {"host:-1", 0, NULL},
        {"host:6379 ", 0, NULL},
        {"host:63x9", 0, NULL},
        {" host:6379", 0, NULL},
        {"ho st:6379", 0, NULL},
        {"host/x:6379", 0, NULL},
        {"user@host:6379", 0, NULL},
        {"h\xc3\xb6st:6379", 0, NULL},
        {"::1:6379", 0, NULL},
        {"2001:db8::1", 6379, NULL},
        {"[::1:6379", 0, NULL},
        {"[::1]6379", 0, NULL},
        {"[::1]:", 6379, NULL},
        {"[]:6379", 0, NULL},
        {"[", 6379, NULL},
        {"]:1", 0, NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address address = {.host = "kept", .port = 42};
        struct buf text = BUF_EMPTY;
        struct span input = guarded_text(cases[i].input);
        bool valid = address_parse(input, cases[i].default_port, &address);
        address_add(&text, address.host, address.port);
        assert_span(buf_view(&text), cases[i].expected != NULL ? cases[i].expected : "kept:42");
        assert_int_equal(valid, cases[i].expected != NULL);
        buf_free(&text);
    }
}

static void host_may_have_255_characters(void **state)
{
    char text[ADDRESS_HOST_SIZE + 8];
    struct address address;
    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text + 255, ":1", 2);
    assert_true(address_parse(guarded(span_make(text, 257)), 0, &address));
    assert_int_equal(strlen(address.host), 255);
    memcpy(text + 255, "a:1", 3);
    assert_false(address_parse(guarded(span_make(text, 258)), 0, &address));
}

static void addresses_are_equal_by_host_and_port(void **state)
{
    struct address a = {.host = "a", .port = 1};
    struct address same = {.host = "a", .port = 1};
    struct address other_port = {.host = "a", .port = 2};
    struct address other_host = {.host = "b", .port = 1};
    (void)state;
    memset(same.host + 2, 'x', 4); // what follows the text does not count
    assert_true(address_equal(&a, &same));
    assert_false(address_equal(&a, &other_port));
    assert_false(address_equal(&a, &other_host));
}

static char *seed_text(const struct seed *seed)
{
    struct buf text = BUF_EMPTY;
    address_add(&text, seed->address.host, seed->address.port);
    buf_format(&text, " %s %s", seed->user != NULL ? seed->user : "-",
               seed->password != NULL ? seed->password : "-");
    return buf_take(&text);
}

static void seed_has_an_address_and_credentials(void **state)
{
    static const struct {
        const char *input;
        const char *expected; // address user password
    } cases[] = {
        {"redis://host", "host:6379 - -"},
        {"valkey://host:7000", "host:7000 - -"},
        {"host:7000", "host:7000 - -"},
        {"host", "host:6379 - -"},
        {"[::1]:7000", "[::1]:7000 - -"},
        {"redis://[::1]", "[::1]:6379 - -"},
        {"redis://host:7000/0", "host:7000 - -"},
        {"redis://host/", "host:6379 - -"},
        {"redis://:secret@host", "host:6379 - secret"},
        {"redis://user:secret@host:1/3", "host:1 user secret"},
        {"redis://user@host", "host:6379 user -"},
        {"redis://user:@host", "host:6379 user -"},
        {"redis://us%65r:p%40ss%3A%2f%25@host", "host:6379 user p@ss:/%"},
        {"redis://:p@ss@host", "host:6379 - p@ss"},
        {"redis://:pa:ss@host", "host:6379 - pa:ss"},
        {"redis://:pa/ss@host:7000/0", "host:7000 - pa/ss"},
        {"redis://:secret@[2001:db8::1]:7000", "[2001:db8::1]:7000 - secret"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct seed seed;
        assert_null(seed_parse(guarded_text(cases[i].input), &seed));
        char *text = seed_text(&seed);
        assert_string_equal(text, cases[i].expected);
        free(text);
        seed_clear(&seed);
        assert_null(seed.user);
        assert_null(seed.password);
    }
}

static void scheme_tells_whether_tls_is_spoken(void **state)
{
    static const struct {
        const char *input;
        enum scheme scheme;
    } cases[] = {
        {"host:1", SCHEME_NONE},         {"redis://host", SCHEME_PLAIN},
        {"valkey://host", SCHEME_PLAIN}, {"rediss://a:b@host:1/0", SCHEME_TLS},
        {"valkeys://[::1]", SCHEME_TLS},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct seed seed;
        assert_null(seed_parse(guarded_text(cases[i].input), &seed));
        assert_int_equal(seed.scheme, cases[i].scheme);
        seed_clear(&seed);
    }
}

static void seeds_of_a_cluster_agree_about_tls(void **state)
{
    const struct seed none = {.scheme = SCHEME_NONE};
    const struct seed plain = {.scheme = SCHEME_PLAIN};
    const struct seed tls = {.scheme = SCHEME_TLS};
    bool use_tls = true;
    (void)state;
    assert_null(seeds_use_tls((const struct seed[]){none, plain}, 2, &use_tls));
    assert_false(use_tls);
    assert_null(seeds_use_tls((const struct seed[]){none, tls, none}, 3, &use_tls));
    assert_true(use_tls);
    assert_non_null(
        strstr(seeds_use_tls((const struct seed[]){tls, none, plain}, 3, &use_tls), "rediss://"));
}

static void bad_seed_is_refused_with_a_reason(void **state)
{
    static const struct {
        const char *input;
        const char *reason; // a part of it
    } cases[] = {
        {"", "host:port"},
        {"redis://", "host:port"},
        {"redis://:topsecret@", "host:port"},
        {"redis://:topsecret@:6379", "host:port"},
        {"redis://user:topsecret@host:port", "host:port"},
        {"redis://host:70000", "host:port"},
        {"redis://::1:6379", "host:port"},
        {"redis://:top%zzsecret@host", "escape"},
        {"redis://:topsecret%4@host", "escape"},
        {"redis://:topsecret%@host", "escape"},
        {"redis://:topsecret%00@host", "escape"},
        {"redis://us%er:topsecret@host", "escape"},
        {"redis://us%zzer:top%zzsecret@host", "escape"},
        {"redisss://:topsecret@host", "scheme"},
        {"http://:topsecret@host", "scheme"},
        {"REDIS://host", "scheme"},
        {"://host", "scheme"},
        {"redis://:topsecret@host/topsecret", "database"},
        {"redis://host/0?topsecret=1", "database"},
        {"unix:///tmp/socket", "scheme"},
        {"user:topsecret@host:1", "host:port"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct seed seed = {.user = NULL, .password = NULL};
        const char *reason = seed_parse(guarded_text(cases[i].input), &seed);
        assert_non_null(reason);
        assert_true(span_contains(span_of(reason), span_of(cases[i].reason)));
        assert_false(span_contains(span_of(reason), SPAN("topsecret")));
        assert_null(seed.user);
        assert_null(seed.password);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(address_is_host_and_port, release),
        cmocka_unit_test_teardown(host_may_have_255_characters, release),
        cmocka_unit_test(addresses_are_equal_by_host_and_port),
        cmocka_unit_test_teardown(seed_has_an_address_and_credentials, release),
        cmocka_unit_test_teardown(scheme_tells_whether_tls_is_spoken, release),
        cmocka_unit_test(seeds_of_a_cluster_agree_about_tls),
        cmocka_unit_test_teardown(bad_seed_is_refused_with_a_reason, release),
    };
    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
