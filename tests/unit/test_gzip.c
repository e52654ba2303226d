#include "metrics/gzip.h"

#include <stdlib.h>

#include <libdeflate.h>

#include "base/buf.h"
#include "base/mem.h"
#include "support.h"

static void check_round_trip(struct span text)
{
    size_t length = 0;
    size_t restored = 0;
    char *packed = gzip_compress(text, &length);
    assert_non_null(packed);
    assert_true(length < text.length);
    assert_memory_equal(packed, "\x1f\x8b\x08", 3);
    char *out = mem_new(text.length, 1);
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    assert_int_equal(
        libdeflate_gzip_decompress(decompressor, packed, length, out, text.length, &restored),
        LIBDEFLATE_SUCCESS);
    libdeflate_free_decompressor(decompressor);
    assert_int_equal(restored, text.length);
    assert_memory_equal(out, text.at, text.length);
    free(out);
    free(packed);
}

static void compressed_pages_read_back_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(captures); i++) {
        size_t length;
        char *info = capture(captures[i], "info_all", &length);
        check_round_trip(guarded(span_make(info, length)));
        free(info);
    }
    guards_release();
}

static void large_page_is_compressed(void **state)
{
    struct buf page = BUF_EMPTY;
    (void)state;
    for (int i = 0; i < 200000; i++) {
        buf_format(&page, "redis_up{redis_node=\"10.0.0.%d:6379\"} 1\n", i % 250);
    }
    check_round_trip(buf_view(&page));
    buf_free(&page);
}

static void what_would_not_be_shorter_is_left_alone(void **state)
{
    static const char *const texts[] = {"", "a", "abcdefghijklmnop"};
    char noise[4096];
    uint64_t seed = 1;
    size_t length = 42;
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        assert_null(gzip_compress(guarded_text(texts[i]), &length));
    }
    for (size_t i = 0; i < sizeof(noise); i++) {
        noise[i] = (char)random_below(&seed, 256);
    }
    assert_null(gzip_compress(span_make(noise, sizeof(noise)), &length));
    assert_null(gzip_compress(span_make(NULL, 0), &length));
    assert_int_equal(length, 42);
    guards_release();
}

// Texts around the length at which compressing begins to pay.
static void compressed_text_is_always_shorter(void **state)
{
    char text[200];
    (void)state;
    memset(text, 'x', sizeof(text));
    for (size_t i = 0; i < sizeof(text); i++) {
        size_t length = 0;
        text[i / 2] = (char)('a' + i % 26);
        char *packed = gzip_compress(span_make(text, i), &length);
        assert_true(packed == NULL || length < i);
        free(packed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compressed_pages_read_back_the_same),
        cmocka_unit_test(large_page_is_compressed),
        cmocka_unit_test(what_would_not_be_shorter_is_left_alone),
        cmocka_unit_test(compressed_text_is_always_shorter),
    };
    return cmocka_run_group_tests_name("gzip", tests, NULL, NULL);
}
