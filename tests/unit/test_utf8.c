#include "base/utf8.h"

#include "support.h"

static void check_length(const char *bytes, size_t available, size_t expected)
{
    size_t length = utf8_length(guarded(span_make(bytes, available)));
    if (length != expected) {
        print_error("of %02x", (unsigned char)bytes[0]);
        for (size_t i = 1; i < available; i++) {
            print_error(" %02x", (unsigned char)bytes[i]);
        }
        print_error(":\n");
    }
    assert_int_equal(length, expected);
    guards_release();
}

static size_t encode(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (char)(lead[length] | code);
    return length;
}

// Every code point is one sequence, except the surrogates; nothing is one above U+10FFFF.
static void each_code_point_is_a_sequence(void **state)
{
    (void)state;
    for (uint32_t code = 0; code < 0x1fffff; code++) {
        char bytes[4];
        size_t length = encode(code, bytes);
        bool valid = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
        if (utf8_length(span_make(bytes, length)) != (valid ? length : 0)) {
            print_error("U+%04X\n", code);
            fail();
        }
    }
}

static void sequences_at_the_edges_are_told(void **state)
{
    static const struct {
        const char *bytes;
        size_t expected;
    } cases[] = {
        {"a", 1},
        {"\x7f", 1},
        {"\xc2\x80", 2},
        {"\xdf\xbf", 2},
        {"\xe0\xa0\x80", 3},
        {"\xed\x9f\xbf", 3},
        {"\xee\x80\x80", 3},
        {"\xef\xbf\xbf", 3},
        {"\xf0\x90\x80\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
        {"\x80", 0},
        {"\xbf", 0},
        {"\xc0\x80", 0},         // overlong
        {"\xc1\xbf", 0},         // overlong
        {"\xe0\x9f\xbf", 0},     // overlong
        {"\xf0\x8f\xbf\xbf", 0}, // overlong
        {"\xed\xa0\x80", 0},     // surrogate
        {"\xed\xbf\xbf", 0},     // surrogate
        {"\xf4\x90\x80\x80", 0}, // above U+10FFFF
        {"\xf5\x80\x80\x80", 0},
        {"\xff", 0},
        {"\xfe\x80\x80\x80\x80\x80", 0},
        {"\xc3(", 0},
        {"\xc3\xc3", 0},
        {"\xe2(\xa1", 0},
        {"\xe2\x82(", 0},
        {"\xf0\x90(\x80", 0},
        {"\xf0\x90\x80(", 0},
        {"\xc3\xa9"
         "e",
         2}, // what follows is another one
        {"a\xff", 1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_length(cases[i].bytes, strlen(cases[i].bytes), cases[i].expected);
    }
    check_length("", 1, 1); // NUL is a code point too
}

// A sequence cut short is none, and what would complete it is not looked at.
static void sequence_that_is_cut_is_none(void **state)
{
    static const char *const sequences[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    (void)state;
    for (size_t i = 0; i < COUNT(sequences); i++) {
        size_t length = strlen(sequences[i]);
        for (size_t kept = 1; kept < length; kept++) {
            check_length(sequences[i], kept, 0);
        }
        check_length(sequences[i], length, length);
    }
}

// All that can begin with two bytes: a sequence of two, or none.
static void each_pair_of_bytes_is_told(void **state)
{
    (void)state;
    for (int first = 0x80; first < 0x100; first++) {
        for (int second = 0; second < 0x100; second++) {
            const char bytes[] = {(char)first, (char)second};
            bool valid = first >= 0xc2 && first <= 0xdf && second >= 0x80 && second <= 0xbf;
            assert_int_equal(utf8_length(span_make(bytes, 2)), valid ? 2 : 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_code_point_is_a_sequence),
        cmocka_unit_test(sequences_at_the_edges_are_told),
        cmocka_unit_test(sequence_that_is_cut_is_none),
        cmocka_unit_test(each_pair_of_bytes_is_told),
    };
    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
