#include "base/glob.h"

#include <string.h>

#include "support.h"

static void star_and_question_mark_are_the_only_wildcards(void **state)
{
    static const struct {
        const char *pattern;
        const char *text;
        bool matches;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"a", "", false},
        {"*", "", true},
        {"*", "abc", true},
        {"**", "abc", true},
        {"?", "", false},
        {"?", "a", true},
        {"??", "a", false},
        {"a*c", "abbc", true},
        {"a*c", "abbcd", false},
        {"*a*b", "xaxbxab", true},
        {"*aab", "aaaab", true},
        {"a*?", "a", false},
        {"a?*", "ab", true},
        {"10.0.0.*:6379", "10.0.0.17:6379", true},
        {"10.0.0.*:6379", "10.0.1.17:6379", false},
        {"10.0.0.*:6379", "10.0.0.17:63791", false},
        {"redis-?.local:*", "redis-1.local:6380", true},
        {"[::1]:6379", "[::1]:6379", true},
        {"[::1]:6379", "1:6379", false},
        {"[fd00::*]:6379", "[fd00::1:2]:6379", true},
        {"[a-z]", "b", false},
        {"\\*", "*", false},
        {"\\*", "\\abc", true},
        {"A", "a", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (glob_matches(cases[i].pattern, cases[i].text) != cases[i].matches) {
            print_error("%s against %s\n", cases[i].pattern, cases[i].text);
            fail();
        }
    }
}

static void one_of_several_patterns_is_enough(void **state)
{
    (void)state;
    assert_true(glob_matches_any("a,b", "b"));
    assert_true(glob_matches_any(" a* , b ", "b"));
    assert_true(glob_matches_any("x,,a*", "ab"));
    assert_false(glob_matches_any("a,b", "a,b"));
    assert_false(glob_matches_any("", "a"));
}

// A naive matcher would be at it for ever.
static void many_stars_take_no_time(void **state)
{
    char pattern[201];
    char text[1001];
    (void)state;
    for (size_t i = 0; i < 100; i++) {
        memcpy(pattern + 2 * i, "a*", 2);
    }
    strcpy(pattern + 198, "*b");
    memset(text, 'a', 1000);
    text[1000] = '\0';
    assert_false(glob_matches(pattern, text));
    text[999] = 'b';
    assert_true(glob_matches(pattern, text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(star_and_question_mark_are_the_only_wildcards),
        cmocka_unit_test(one_of_several_patterns_is_enough),
        cmocka_unit_test(many_stars_take_no_time),
    };
    return cmocka_run_group_tests_name("glob", tests, NULL, NULL);
}
