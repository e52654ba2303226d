#include "metrics/gzip.h"

#include <stdlib.h>

#include <isa-l/igzip_lib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "support.h"

static char *pack(struct span text, size_t piece, size_t *out_length)
{
    struct gzip *gzip = gzip_begin();
    while (text.length > 0) {
        size_t length = text.length < piece ? text.length : piece;
        gzip_add(gzip, guarded(span_make(text.at, length)));
        guards_release(); // what was added is no longer needed
        text = span_skip(text, length);
    }
    return gzip_end(gzip, out_length);
}

static void check_reads_back(const char *packed, size_t length, struct span expected)
{
    struct inflate_state state;
    char *out = mem_new(expected.length + 1, 1);
    isal_inflate_init(&state);
    state.crc_flag = ISAL_GZIP; // the checksum at the end is compared too
    state.next_in = (uint8_t *)(uintptr_t)packed;
    state.avail_in = (uint32_t)length;
    state.next_out = (uint8_t *)out;
    state.avail_out = (uint32_t)expected.length + 1;
    assert_int_equal(isal_inflate(&state), ISAL_DECOMP_OK);
    assert_int_equal(state.block_state, ISAL_BLOCK_FINISH);
    assert_int_equal(state.total_out, expected.length);
    assert_memory_equal(out, expected.at, expected.length);
    free(out);
}

static size_t check_round_trip(struct span text, size_t piece)
{
    size_t length = 0;
    char *packed = pack(text, piece, &length);
    assert_memory_equal(packed, "\x1f\x8b\x08", 3);
    check_reads_back(packed, length, text);
    free(packed);
    return length;
}

static void compressed_pages_read_back_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(captures); i++) {
        size_t length;
        char *info = capture(captures[i], "info_all", &length);
        assert_true(check_round_trip(span_make(info, length), length) < length);
        free(info);
    }
}

static void pieces_of_any_length_make_one_stream(void **state)
{
    static const size_t pieces[] = {1, 7, 4096, 100000};
    size_t length;
    char *info = capture(captures[0], "info_all", &length);
    (void)state;
    for (size_t i = 0; i < COUNT(pieces); i++) {
        check_round_trip(span_make(info, length), pieces[i]);
    }
    free(info);
}

static void large_page_shrinks_to_a_small_part(void **state)
{
    struct buf page = BUF_EMPTY;
    (void)state;
    for (int i = 0; i < 200000; i++) {
        buf_format(&page, "redis_up{redis_node=\"10.0.0.%d:6379\"} 1\n", i % 250);
    }
    assert_true(check_round_trip(buf_view(&page), 65536) < page.length / 10);
    buf_free(&page);
}

static void what_cannot_shrink_reads_back_all_the_same(void **state)
{
    static char noise[300000];
    uint64_t seed = 1;
    (void)state;
    for (size_t i = 0; i < sizeof(noise); i++) {
        noise[i] = (char)random_below(&seed, 256);
    }
    check_round_trip(span_make(noise, sizeof(noise)), 65536);
    check_round_trip(SPAN("a"), 1);
    check_round_trip(SPAN(""), 1);
}

static void each_stream_begins_anew(void **state)
{
    size_t first_length;
    size_t second_length;
    (void)state;
    char *first = pack(SPAN("redis_up 1\nredis_up 1\n"), 100, &first_length);
    char *second = pack(SPAN("redis_up 1\nredis_up 1\n"), 100, &second_length);
    assert_int_equal(first_length, second_length);
    assert_memory_equal(first, second, first_length);
    free(first);
    free(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compressed_pages_read_back_the_same),
        cmocka_unit_test(pieces_of_any_length_make_one_stream),
        cmocka_unit_test(large_page_shrinks_to_a_small_part),
        cmocka_unit_test(what_cannot_shrink_reads_back_all_the_same),
        cmocka_unit_test(each_stream_begins_anew),
    };
    return cmocka_run_group_tests_name("gzip", tests, NULL, NULL);
}
