#include "web/negotiate.h"

#include "support.h"

#define TEXT   "text/plain; version=0.0.4; charset=utf-8"
#define OM_1_0 "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define OM_0_0 "application/openmetrics-text; version=0.0.1; charset=utf-8"

struct accept_case {
    const char *accept;
    const char *content_type;
};

static void check(const struct accept_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct negotiated negotiated = negotiate_format(cases[i].accept);
        if (strcmp(negotiated.content_type, cases[i].content_type) != 0) {
            print_error("Accept: %s\n", cases[i].accept);
        }
        assert_string_equal(negotiated.content_type, cases[i].content_type);
        bool openmetrics = strncmp(cases[i].content_type, "application", 11) == 0;
        assert_int_equal(negotiated.format, openmetrics ? PAGE_OPENMETRICS : PAGE_TEXT);
    }
}

static void scrapers_get_what_they_like_best(void **state)
{
    static const struct accept_case cases[] = {
        // Prometheus 2.42
        {"application/openmetrics-text;version=1.0.0,"
         "application/openmetrics-text;version=0.0.1;q=0.75,"
         "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
         OM_1_0},
        // Prometheus 2.53
        {"application/openmetrics-text;version=1.0.0;q=0.5,"
         "application/openmetrics-text;version=0.0.1;q=0.4,"
         "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
         OM_1_0},
        // Prometheus 3.5
        {"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
         "application/openmetrics-text;version=0.0.1;q=0.5,"
         "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
         "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
         OM_1_0 "; escaping=allow-utf-8"},
        // Prometheus 3.5 that prefers protobuf
        {"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
         "encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;"
         "escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
         "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
         OM_1_0 "; escaping=allow-utf-8"},
        // Prometheus 3.5 that is told to use text
        {"text/plain;version=0.0.4;q=0.6,*/*;q=0.2", TEXT},
        // VictoriaMetrics
        {"text/plain;version=0.0.4;q=1,*/*;q=0.1", TEXT},
        // curl, browsers, nobody in particular
        {"*/*", TEXT},
        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", TEXT},
        {"", TEXT},
        {NULL, TEXT},
    };
    (void)state;
    check(cases, COUNT(cases));
}

static void highest_quality_wins(void **state)
{
    static const struct accept_case cases[] = {
        {"application/openmetrics-text;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.5", TEXT},
        {"text/plain;version=0.0.4;q=0.5,application/openmetrics-text;version=1.0.0;q=0.501",
         OM_1_0},
        {"text/plain;version=0.0.4, application/openmetrics-text;version=1.0.0;q=0.9", TEXT},
        {"application/openmetrics-text;version=0.0.1,application/openmetrics-text;version=1.0.0;"
         "q=0.9",
         OM_0_0},
        {"application/openmetrics-text;version=1.0.0;q=0.0001,text/plain;q=0.9", TEXT},
    };
    (void)state;
    check(cases, COUNT(cases));
}

static void quality_of_zero_is_a_no(void **state)
{
    static const struct accept_case cases[] = {
        {"application/openmetrics-text;version=1.0.0;q=0", TEXT},
        {"application/openmetrics-text;version=1.0.0;q=0.000,*/*", TEXT},
        {"application/openmetrics-text;version=1.0.0;q=0,"
         "application/openmetrics-text;version=0.0.1",
         OM_0_0},
        {"text/plain;q=0", TEXT}, // there is nothing else to give
    };
    (void)state;
    check(cases, COUNT(cases));
}

static void missing_version_means_the_oldest(void **state)
{
    static const struct accept_case cases[] = {
        {"application/openmetrics-text", OM_0_0},
        {"application/openmetrics-text;charset=utf-8", OM_0_0},
        {"text/plain", TEXT},
        {"text/*", TEXT},
    };
    (void)state;
    check(cases, COUNT(cases));
}

static void unknown_versions_and_types_are_not_given(void **state)
{
    static const struct accept_case cases[] = {
        {"application/openmetrics-text;version=2.0.0", TEXT},
        {"application/openmetrics-text;version=2.0.0,"
         "application/openmetrics-text;version=1.0.0;q=0.5",
         OM_1_0},
        {"text/plain;version=1.0.0;escaping=allow-utf-8", TEXT},
        {"application/openmetrics", TEXT},
        {"application/openmetrics-textual;version=1.0.0", TEXT},
        {"application/*", TEXT},
        {"image/png", TEXT},
    };
    (void)state;
    check(cases, COUNT(cases));
}

static void spelling_may_vary(void **state)
{
    static const struct accept_case cases[] = {
        {"  application/openmetrics-text ;  version = \"1.0.0\" ; q = 0.5 , */* ; q=0.1", OM_1_0},
        {"Application/OpenMetrics-Text;Version=1.0.0;Q=0.5,*/*;Q=0.1", OM_1_0},
        {",,application/openmetrics-text;version=1.0.0,", OM_1_0},
        {"application/openmetrics-text;version=1.0.0;;", OM_1_0},
        {"application/openmetrics-text;version=1.0.0;q=abc", OM_1_0},
    };
    (void)state;
    check(cases, COUNT(cases));
}

static void garbage_gets_text(void **state)
{
    static const struct accept_case cases[] = {
        {";", TEXT},
        {"q=1", TEXT},
        {";q=0.5", TEXT},
        {"=", TEXT},
        {"/", TEXT},
        {",", TEXT},
        {"application/openmetrics-text;version=", OM_0_0},
        {"application/openmetrics-text;version=\"", TEXT},
        {"\xff\xfe", TEXT},
    };
    (void)state;
    check(cases, COUNT(cases));
}

static void only_known_escapings_go_back(void **state)
{
    static const struct accept_case cases[] = {
        {"application/openmetrics-text;version=1.0.0;escaping=underscores",
         OM_1_0 "; escaping=underscores"},
        {"application/openmetrics-text;version=1.0.0;escaping=values", OM_1_0 "; escaping=values"},
        {"application/openmetrics-text;version=1.0.0;escaping=x\r\nSet-Cookie: a", OM_1_0},
        {"application/openmetrics-text;version=1.0.0;escaping=", OM_1_0},
    };
    (void)state;
    check(cases, COUNT(cases));
}

static void gzip_is_used_where_the_client_takes_it(void **state)
{
    static const struct {
        const char *header;
        bool expected;
    } cases[] = {
        {"gzip", true},
        {"gzip, deflate, br", true},
        {"deflate, gzip;q=0.5", true},
        {"GZip", true},
        {"x-gzip", true},
        {"*", true},
        {"*;q=0.1", true},
        {"identity;q=0, gzip", true},
        {" gzip ; q=1.0 ", true},
        {NULL, false},
        {"", false},
        {"identity", false},
        {"deflate, br, zstd", false},
        {"gzip;q=0", false},
        {"gzip;q=0.000", false},
        {"gzip;q=0, *", false},
        {"*, gzip;q=0", false},
        {"*;q=0", false},
        {"gzipped", false},
        {"notgzip", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (negotiate_gzip(cases[i].header) != cases[i].expected) {
            print_error("Accept-Encoding: %s\n", cases[i].header);
            fail();
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scrapers_get_what_they_like_best),
        cmocka_unit_test(highest_quality_wins),
        cmocka_unit_test(quality_of_zero_is_a_no),
        cmocka_unit_test(missing_version_means_the_oldest),
        cmocka_unit_test(unknown_versions_and_types_are_not_given),
        cmocka_unit_test(spelling_may_vary),
        cmocka_unit_test(garbage_gets_text),
        cmocka_unit_test(only_known_escapings_go_back),
        cmocka_unit_test(gzip_is_used_where_the_client_takes_it),
    };
    return cmocka_run_group_tests_name("negotiate", tests, NULL, NULL);
}
