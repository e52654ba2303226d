#include "base/edit_distance.h"

#include "support.h"

static void distance_counts_letters_added_taken_changed_and_swapped(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        size_t distance;
    } cases[] = {
        {"", "", 0},
        {"", "abc", 3},
        {"cert_file", "cert_file", 0},
        {"cert_fil", "cert_file", 1},
        {"certt_file", "cert_file", 1},
        {"cert-file", "cert_file", 1},
        {"cert_flie", "cert_file", 1},
        {"key_file", "cert_file", 3},
        {"ca", "ac", 1},
        {"abcd", "badc", 2},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span a = guarded_text(cases[i].a);
        struct span b = guarded_text(cases[i].b);
        assert_int_equal(edit_distance(a, b, 10), cases[i].distance);
        assert_int_equal(edit_distance(b, a, 10), cases[i].distance);
    }
    guards_release();
}

static void more_than_the_limit_is_one_more(void **state)
{
    char large[65];
    (void)state;
    memset(large, 'a', sizeof(large));
    assert_int_equal(edit_distance(SPAN("abcdef"), SPAN("uvwxyz"), 2), 3);
    assert_int_equal(edit_distance(span_make(large, 65), SPAN("a"), 2), 3);
    assert_int_equal(edit_distance(SPAN("a"), span_make(large, 64), 100), 63);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distance_counts_letters_added_taken_changed_and_swapped),
        cmocka_unit_test(more_than_the_limit_is_one_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
