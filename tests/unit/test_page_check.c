// The checker of the fuzz targets has to refuse what is wrong.
#include "../fuzz/page_check.h"
#include "support.h"

#define HEAD "# HELP a_total Help.\n# TYPE a_total counter\n"
#define OM   "# HELP a Help.\n# TYPE a counter\n"
#define HIST "# HELP h Help.\n# TYPE h histogram\n"
#define SUM  "# HELP s Help.\n# TYPE s summary\n"

struct example {
    enum page_format format;
    const char *page;
    const char *problem; // NULL: it is right
};

static const struct example examples[] = {
    {PAGE_TEXT, "", NULL},
    {PAGE_TEXT, HEAD "a_total 1\n", NULL},
    {PAGE_TEXT, HEAD "a_total{x=\"1\",y=\"\\\\\\\"\\n\xc3\xa9\"} 1e5\n", NULL},
    {PAGE_OPENMETRICS, OM "a_total 1\n# EOF\n", NULL},
    {PAGE_TEXT, HIST "h_bucket{le=\"1.0\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 1\nh_count 2\n", NULL},
    {PAGE_TEXT, SUM "s{quantile=\"0.5\"} 1\ns_sum 2\ns_count 2\n", NULL},
    {PAGE_TEXT, HEAD "a_total 1", "no line end at the end"},
    {PAGE_TEXT, HEAD "a_total{x=\"\xff\"} 1\n", "no UTF-8"},
    {PAGE_TEXT, HEAD "a_total{x=\"1\",y=\"2\"} 1\na_total{y=\"2\",x=\"1\"} 1\n", "series twice"},
    {PAGE_TEXT, HEAD "a_total{x=\"1\",x=\"2\"} 1\n", "label twice"},
    {PAGE_TEXT, HEAD "a_total{x=\"\\t\"} 1\n", "bad label"},
    {PAGE_TEXT, HEAD "a_total{x=\"1\" 1\n", "labels have no end"},
    {PAGE_TEXT, HEAD "a_total{} 1\n", "bad label"},
    {PAGE_TEXT, HEAD "a_total 0x5\n", "bad value"},
    {PAGE_TEXT, HEAD "a_total 1 2\n", "bad value"},
    {PAGE_TEXT, HEAD "a_total\n", "no sample"},
    {PAGE_TEXT, HEAD "a_total -1\n", "bad counter"},
    {PAGE_TEXT, HEAD "a_total NaN\n", "bad counter"},
    {PAGE_TEXT, "# HELP a Help.\n# TYPE a counter\na 1\n", "bad counter"},
    {PAGE_TEXT, HEAD "b 1\n", "bad counter"},
    {PAGE_TEXT, "a 1\n", "sample without TYPE"},
    {PAGE_TEXT, "# HELP a Help.\na 1\n", "sample without TYPE"},
    {PAGE_TEXT, HEAD "# HELP b B.\n# TYPE b gauge\nb 1\n" HEAD, "bad HELP, or family twice"},
    {PAGE_TEXT, "# TYPE a gauge\n", "bad TYPE"},
    {PAGE_TEXT, "# HELP a Help.\n# TYPE a info\n", "bad TYPE"},
    {PAGE_TEXT, HEAD "# EOF\n", "bad comment"},
    {PAGE_TEXT, HIST "h_bucket{le=\"1.0\"} 3\nh_bucket{le=\"+Inf\"} 2\n",
     "buckets are not cumulative"},
    {PAGE_TEXT, HIST "h_bucket 3\n", "bucket without bound"},
    {PAGE_TEXT, HIST "h_bucket{le=\"+Inf\"} 3\nh_count 3\n", "no part of its histogram"},
    {PAGE_TEXT, HIST "h 3\n", "no part of its histogram"},
    {PAGE_TEXT, SUM "s{quantile=\"50\"} 3\n", "no part of its summary"},
    {PAGE_OPENMETRICS, OM "a_total 1\n", "no end"},
    {PAGE_OPENMETRICS, OM "a 1\n# EOF\n", "bad counter"},
    {PAGE_OPENMETRICS, "# EOF\n" OM, "something behind the end"},
    {PAGE_OPENMETRICS, OM "# UNIT a seconds\n# EOF\n", "bad comment"},
    {PAGE_OPENMETRICS, "# HELP a A.\n# TYPE a info\na_info 2\n# EOF\n", "bad info"},
};

static void a_page_is_right_or_has_its_problem(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        const struct example *example = &examples[i];
        struct span line;
        const char *problem = page_check(span_of(example->page), example->format, true, &line);
        assert_string_equal(problem != NULL ? problem : "right",
                            example->problem != NULL ? example->problem : "right");
    }
}

static void the_other_dialect_may_have_its_names(void **state)
{
    struct span line;
    (void)state;
    assert_null(
        page_check(SPAN("# HELP a A.\n# TYPE a counter\na 1\n" SUM "s{quantile=\"50\"} 3\n"),
                   PAGE_TEXT, false, &line));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_right_or_has_its_problem),
        cmocka_unit_test(the_other_dialect_may_have_its_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
