#include "redis/key_checks.h"

#include <stdlib.h>

#include "base/buf.h"
#include "support.h"

// In the order of check_lists.
enum { KEYS, SINGLE_KEYS, STREAMS, SINGLE_STREAMS, COUNTS };

static int release(void **state)
{
    (void)state;
    guards_release();
    return 0;
}

static const char *add(struct key_checks *checks, int list, const char *text)
{
    return key_checks_add(checks, &check_lists[list], guarded_text(text));
}

// The checks as dbN=name, with ~ for patterns, separated by blanks.
static void check_names(const struct key_checks *checks, const char *expected)
{
    struct buf out = BUF_EMPTY;
    for (size_t i = 0; i < checks->count; i++) {
        const struct key_check *check = &checks->check[i];
        buf_text(&out, i > 0 ? " " : "");
        buf_format(&out, "%sdb%u=", check->is_pattern ? "~" : "", check->db);
        buf_span(&out, check->name);
    }
    assert_span(buf_view(&out), expected);
    buf_free(&out);
}

static void check_list_of(int list, const char *text, const char *expected)
{
    struct key_checks checks = {.count = 0};
    const char *problem = add(&checks, list, text);
    if (problem != NULL) {
        print_error("%s %s\n", text, problem);
    }
    assert_null(problem);
    check_names(&checks, expected);
    key_checks_clear(&checks);
    guards_release();
}

static void lists_are_parsed(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},
        {",", ""},
        {",,a,,", "db0=a"},
        {"a", "db0=a"},
        {"a,b", "db0=a db0=b"},
        {" a , b ", "db0=a db0=b"},
        {"db0=a", "db0=a"},
        {"db3=a,b,db15=c", "db3=a db0=b db15=c"},
        {"7=a", "db7=a"},
        {" db2 = a ", "db2=a"},
        {"db65535=a", "db65535=a"},
        {"dbkey", "db0=dbkey"},
        {"db1", "db0=db1"},
        {"user:1", "db0=user:1"},
        {"\xff\xfe", "db0=\xff\xfe"},
        {"a,a", "db0=a db0=a"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_list_of(SINGLE_KEYS, cases[i][0], cases[i][1]);
    }
}

static void names_are_unescaped(void **state)
{
    static const char *const cases[][2] = {
        {"a%2Cb", "db0=a,b"},       {"a%3Db", "db0=a=b"},    {"a%3db", "db0=a=b"},
        {"a+b", "db0=a b"},         {"a%2Bb", "db0=a+b"},    {"%25", "db0=%"},
        {"%2525", "db0=%25"},       {"%20a%20", "db0= a "},  {"%C3%A4", "db0=\xc3\xa4"},
        {"db1=a%3D%2C", "db1=a=,"}, {"db1=%aF", "db1=\xaf"}, {"a%0Ab", "db0=a\nb"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_list_of(SINGLE_KEYS, cases[i][0], cases[i][1]);
    }
}

static void name_may_hold_any_byte(void **state)
{
    struct key_checks checks = {.count = 0};
    (void)state;
    assert_null(add(&checks, KEYS, "a%00b"));
    assert_int_equal(checks.check[0].name.length, 3);
    assert_memory_equal(checks.check[0].name.at, "a\0b", 3);
    assert_false(checks.check[0].is_pattern);
    key_checks_clear(&checks);
}

static void bad_lists_are_refused(void **state)
{
    static const char *const cases[] = {
        "%",
        "a%",
        "a%2",
        "a%g0",
        "a%0g",
        "%%20",
        "a%2,b",
        "db1=",
        "=a",
        "db=a",
        "dbx=a",
        "x=a",
        "a=b",
        "db-1=a",
        "db1=a=b",
        "db1==a",
        "db1x=a",
        "=",
        "db1= ",
        "a,=b",
        "db+1=a",
        "db65536=a",
        "db99999999999999999999=a",
        "DB1=a",
        "db 1=a",
        "db1.0=a",
        "a%2 ",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct key_checks checks = {.count = 0};
        const char *problem = add(&checks, KEYS, cases[i]);
        if (problem == NULL) {
            print_error("\"%s\" is taken\n", cases[i]);
        }
        assert_non_null(problem);
        assert_true(span_starts(span_of(problem), SPAN("must ")));
        key_checks_clear(&checks);
    }
}

static void wildcards_make_patterns(void **state)
{
    static const char *const cases[][2] = {
        {"a", "db0=a"},       {"a*", "~db0=a*"},    {"?", "~db0=?"},        {"[ab]", "~db0=[ab]"},
        {"a]", "~db0=a]"},    {"a^", "~db0=a^"},    {"a%2A", "~db0=a*"},    {"db2=a*", "~db2=a*"},
        {"a{b}", "db0=a{b}"}, {"a\\b", "db0=a\\b"}, {"a-b_c", "db0=a-b_c"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_list_of(KEYS, cases[i][0], cases[i][1]);
        check_list_of(STREAMS, cases[i][0], cases[i][1]);
    }
}

static void single_names_are_no_patterns_and_counts_always_are(void **state)
{
    (void)state;
    check_list_of(SINGLE_KEYS, "a*,b", "db0=a* db0=b");
    check_list_of(SINGLE_STREAMS, "a*,b", "db0=a* db0=b");
    check_list_of(COUNTS, "a*,b", "~db0=a* ~db0=b");
}

static void lists_have_names_and_kinds(void **state)
{
    static const struct {
        const char *name;
        enum check_kind kind;
    } lists[CHECK_LISTS] = {
        {"check-keys", CHECK_KEY},       {"check-single-keys", CHECK_KEY},
        {"check-streams", CHECK_STREAM}, {"check-single-streams", CHECK_STREAM},
        {"count-keys", CHECK_COUNT},
    };
    (void)state;
    for (int i = 0; i < CHECK_LISTS; i++) {
        struct key_checks checks = {.count = 0};
        assert_string_equal(check_lists[i].name, lists[i].name);
        assert_null(add(&checks, i, "a"));
        assert_int_equal(checks.check[0].kind, lists[i].kind);
        assert_ptr_equal(checks.check[0].list, &check_lists[i]);
        key_checks_clear(&checks);
    }
}

static void summary_tells_what_there_is(void **state)
{
    struct key_checks checks = {.count = 0};
    (void)state;
    assert_null(add(&checks, SINGLE_KEYS, "a"));
    assert_true(checks.has_kind[CHECK_KEY]);
    assert_false(checks.has_patterns || checks.has_databases || checks.has_kind[CHECK_COUNT] ||
                 checks.has_kind[CHECK_STREAM]);
    assert_null(add(&checks, STREAMS, "db0=a*"));
    assert_true(checks.has_patterns && checks.has_kind[CHECK_STREAM]);
    assert_false(checks.has_databases || checks.has_kind[CHECK_COUNT]);
    assert_null(add(&checks, COUNTS, "db1=a*"));
    assert_true(checks.has_databases && checks.has_kind[CHECK_COUNT]);
    key_checks_clear(&checks);
    assert_int_equal(checks.count, 0);
    assert_false(checks.has_patterns || checks.has_databases || checks.has_kind[CHECK_KEY]);
    assert_null(add(&checks, KEYS, "b"));
    check_names(&checks, "db0=b");
    key_checks_clear(&checks);
}

static void there_is_a_limit_on_all_together(void **state)
{
    struct key_checks checks = {.count = 0};
    (void)state;
    for (int i = 0; i < CHECKS_MAX / 4; i++) {
        assert_null(add(&checks, i % 2 == 0 ? KEYS : COUNTS, "a,b,,c,d"));
    }
    assert_int_equal(checks.count, CHECKS_MAX);
    assert_null(add(&checks, KEYS, ""));
    const char *problem = add(&checks, KEYS, "a");
    assert_non_null(problem);
    assert_non_null(strstr(problem, "1000"));
    assert_int_equal(checks.count, CHECKS_MAX);
    key_checks_clear(&checks);
}

static void copies_are_of_one_list_and_their_own(void **state)
{
    struct key_checks from = {.count = 0};
    struct key_checks checks = {.count = 0};
    (void)state;
    assert_null(add(&from, KEYS, "a*,db2=b"));
    assert_null(add(&from, SINGLE_KEYS, "c"));
    assert_null(add(&from, STREAMS, "d"));
    key_checks_copy(&checks, &check_lists[KEYS], &from);
    key_checks_copy(&checks, &check_lists[STREAMS], &from);
    key_checks_copy(&checks, &check_lists[COUNTS], &from);
    key_checks_clear(&from);
    check_names(&checks, "~db0=a* db2=b db0=d");
    assert_true(checks.has_patterns && checks.has_databases && checks.has_kind[CHECK_STREAM]);
    assert_false(checks.has_kind[CHECK_COUNT]);
    key_checks_clear(&checks);
}

// The values are those that CLUSTER KEYSLOT of redis 7.0 gives.
static void slots_are_those_of_the_server(void **state)
{
    static const struct {
        const char *key;
        uint16_t slot;
    } cases[] = {
        {"", 0},
        {"123456789", 12739},
        {"foo", 12182},
        {"bar", 5061},
        {"{user1000}.following", 3443},
        {"user1000", 3443},
        {"foo{}{bar}", 8363},
        {"foo{{bar}}zap", 4015},
        {"{bar", 4015},
        {"foo{bar}{zap}", 5061},
        {"{}", 15257},
        {"}{", 12793},
        {"{a", 10276},
        {"a}", 5921},
        {"\xff\xfe\xfd", 287},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint16_t slot = key_slot(guarded_text(cases[i].key));
        if (slot != cases[i].slot) {
            print_error("%s is in slot %u\n", cases[i].key, slot);
        }
        assert_int_equal(slot, cases[i].slot);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(lists_are_parsed, release),
        cmocka_unit_test_teardown(names_are_unescaped, release),
        cmocka_unit_test_teardown(name_may_hold_any_byte, release),
        cmocka_unit_test_teardown(bad_lists_are_refused, release),
        cmocka_unit_test_teardown(wildcards_make_patterns, release),
        cmocka_unit_test_teardown(single_names_are_no_patterns_and_counts_always_are, release),
        cmocka_unit_test_teardown(lists_have_names_and_kinds, release),
        cmocka_unit_test_teardown(summary_tells_what_there_is, release),
        cmocka_unit_test_teardown(there_is_a_limit_on_all_together, release),
        cmocka_unit_test_teardown(copies_are_of_one_list_and_their_own, release),
        cmocka_unit_test_teardown(slots_are_those_of_the_server, release),
    };
    return cmocka_run_group_tests_name("key_checks", tests, NULL, NULL);
}
