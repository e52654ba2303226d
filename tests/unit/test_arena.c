#include "base/arena.h"

#include <stdalign.h>

#include "support.h"

static void copies_are_the_arenas_own(void **state)
{
    struct arena arena = {NULL};
    char text[] = "first";
    struct span copy = arena_copy(&arena, span_make(text, 5));
    (void)state;
    memset(text, 'x', 5);
    assert_true(copy.at != text);
    assert_span(copy, "first");
    arena_free(&arena);
}

// Enough for many blocks: none of them moves, and no copy lies on another.
static void copies_stay_where_they_are(void **state)
{
    enum { COPIES = 5000 };
    static struct span copies[COPIES];
    struct arena arena = {NULL};
    char text[64];
    (void)state;
    for (size_t i = 0; i < COPIES; i++) {
        memset(text, (int)('a' + i % 26), sizeof(text));
        copies[i] = arena_copy(&arena, span_make(text, i % (sizeof(text) + 1)));
    }
    for (size_t i = 0; i < COPIES; i++) {
        assert_int_equal(copies[i].length, i % (sizeof(text) + 1));
        for (size_t at = 0; at < copies[i].length; at++) {
            assert_int_equal(copies[i].at[at], 'a' + i % 26);
        }
    }
    arena_free(&arena);
}

static void copy_may_be_of_any_length(void **state)
{
    static const size_t lengths[] = {4095, 4096, 4097, 1, 100000, 4096, 0, 3};
    static char text[100000];
    struct span copies[COUNT(lengths)];
    struct arena arena = {NULL};
    (void)state;
    memset(text, 'x', sizeof(text));
    for (size_t i = 0; i < COUNT(lengths); i++) {
        copies[i] = arena_copy(&arena, guarded(span_make(text, lengths[i])));
    }
    guards_release();
    for (size_t i = 0; i < COUNT(lengths); i++) {
        assert_true(span_equals(copies[i], span_make(text, lengths[i])));
    }
    arena_free(&arena);
}

static void nothing_can_be_copied(void **state)
{
    struct arena arena = {NULL};
    struct span nothing = {NULL, 0};
    (void)state;
    assert_int_equal(arena_copy(&arena, nothing).length, 0);
    assert_int_equal(arena_copy(&arena, SPAN("")).length, 0);
    assert_span(arena_copy(&arena, SPAN("after")), "after");
    arena_free(&arena);
}

static void numbers_are_decimal_text(void **state)
{
    struct arena arena = {NULL};
    (void)state;
    assert_span(arena_i64(&arena, 0), "0");
    assert_span(arena_i64(&arena, 42), "42");
    assert_span(arena_i64(&arena, -7), "-7");
    assert_span(arena_i64(&arena, INT64_MAX), "9223372036854775807");
    assert_span(arena_i64(&arena, INT64_MIN), "-9223372036854775808");
    arena_free(&arena);
}

static void room_is_zeroed_and_aligned(void **state)
{
    const size_t sizes[] = {1, 24, 5000, 16, 4096, 3};
    struct arena arena = {NULL};
    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        char *room = arena_new(&arena, sizes[i]);
        assert_int_equal((uintptr_t)room % alignof(max_align_t), 0);
        for (size_t at = 0; at < sizes[i]; at++) {
            assert_int_equal(room[at], 0);
        }
        memset(room, 'x', sizes[i]);
        assert_span(arena_copy(&arena, SPAN("odd")), "odd");
    }
    arena_free(&arena);
}

static void freed_arena_is_empty_and_can_be_used_again(void **state)
{
    struct arena arena = {NULL};
    (void)state;
    arena_free(&arena);
    assert_null(arena.block);
    arena_copy(&arena, SPAN("text"));
    assert_non_null(arena.block);
    arena_free(&arena);
    assert_null(arena.block);
    assert_span(arena_copy(&arena, SPAN("again")), "again");
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_are_the_arenas_own),
        cmocka_unit_test(copies_stay_where_they_are),
        cmocka_unit_test(copy_may_be_of_any_length),
        cmocka_unit_test(nothing_can_be_copied),
        cmocka_unit_test(room_is_zeroed_and_aligned),
        cmocka_unit_test(numbers_are_decimal_text),
        cmocka_unit_test(freed_arena_is_empty_and_can_be_used_again),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
