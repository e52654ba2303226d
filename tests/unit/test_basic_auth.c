#include "web/basic_auth.h"

#include <stdlib.h>

#include "support.h"

static void check(const char *header, const char *expected)
{
    struct buf text = BUF_EMPTY;
    struct buf got = BUF_EMPTY;
    const char *name = NULL;
    const char *password = NULL;
    if (basic_auth_parse(header, &text, &name, &password)) {
        buf_format(&got, "%s|%s", name, password);
    } else {
        buf_text(&got, "none");
    }
    assert_span(buf_view(&got), expected);
    buf_free(&got);
    buf_wipe(&text);
}

static void name_and_password_are_decoded(void **state)
{
    (void)state;
    check("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin|open sesame"); // RFC 7617
    check("Basic dGVzdDoxMjPCow==", "test|123\xc2\xa3");
    check("basic YTpi", "a|b");
    check("BASIC   YTpi  ", "a|b");
    check("Basic YTo=", "a|");
    check("Basic OmI=", "|b");
    check("Basic YTpiOmM=", "a|b:c");
    check("Basic ++//:++/", "none");
}

static void anything_else_is_refused(void **state)
{
    static const char *const cases[] = {
        "",          "Basic",       "Basic ",     "Basic =",    "Basic ====",  "Basic YTpi=",
        "Basic YTo", "Basic YTo==", "Basic Y=pi", "Basic YTp-", "Basic YT pi", "Bearer YTpi",
        "BasicYTpi", "Basic YWI=",  "Basic AAAA", "Basic YToA", "Basic ADpi",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        check(cases[i], "none");
    }
}

static void long_headers_are_refused(void **state)
{
    char header[5000] = "Basic ";
    (void)state;
    memset(header + 6, 'A', sizeof(header) - 7);
    header[sizeof(header) - 1] = '\0';
    check(header, "none");
}

static void damaged_headers_break_nothing(void **state)
{
    static const char sample[] = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
    uint64_t sequence = 3;
    (void)state;
    for (int i = 0; i < 3000; i++) {
        size_t length;
        struct buf text = BUF_EMPTY;
        struct buf header = BUF_EMPTY;
        const char *name;
        const char *password;
        char *bytes = damaged(sample, sizeof(sample) - 1, &sequence, &length);
        buf_bytes(&header, bytes, length);
        char *whole = buf_take(&header);
        if (basic_auth_parse(whole, &text, &name, &password)) {
            assert_true(strlen(name) + strlen(password) < length);
        }
        buf_wipe(&text);
        free(whole);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(name_and_password_are_decoded),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(long_headers_are_refused),
        cmocka_unit_test(damaged_headers_break_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
