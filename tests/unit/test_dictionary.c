#include "metrics/dictionary.h"

#include "base/buf.h"
#include "support.h"

static int release(void **state)
{
    (void)state;
    guards_release();
    return 0;
}

static struct key *learn(enum source source, const char *text)
{
    return dictionary_learn(source, guarded_text(text));
}

static void field_of_the_catalog_is_found_by_its_source(void **state)
{
    size_t row = dictionary_row(FROM_INFO, SPAN("used_memory"));
    (void)state;
    assert_true(row < reply_metric_count);
    assert_string_equal(reply_metrics[row].field, "used_memory");
    assert_true(dictionary_row(FROM_CLUSTER_INFO, SPAN("used_memory")) == DICTIONARY_NONE);
    assert_true(dictionary_row(FROM_INFO, SPAN("no_such_field")) == DICTIONARY_NONE);
    assert_true(dictionary_row(FROM_INFO, SPAN("")) == DICTIONARY_NONE);
}

static void further_field_comes_behind_the_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < further_field_count; i++) {
        assert_int_equal(dictionary_row(FROM_INFO, span_of(further_fields[i])),
                         reply_metric_count + i);
    }
    assert_int_equal(dictionary_values(), reply_metric_count + further_field_count);
}

static void key_is_learned_once(void **state)
{
    struct key *key = learn(FROM_INFO, "something_new");
    (void)state;
    assert_true(key->kept);
    assert_int_equal(key->kind, KEY_NOTHING);
    guards_release(); // it has its own copy
    assert_ptr_equal(learn(FROM_INFO, "something_new"), key);
    assert_span(key->text, "something_new");
    assert_ptr_not_equal(learn(FROM_CLUSTER_INFO, "something_new"), key);
}

static void keys_with_a_variable_part_belong_to_a_group(void **state)
{
    static const struct {
        enum source source;
        const char *text;
        enum group group; // GROUP_NONE: it belongs to none
        const char *first;
        const char *second;
    } cases[] = {
        {FROM_INFO, "cmdstat_config|get", GROUP_COMMAND, "config|get", ""},
        {FROM_INFO, "cmdstat_", GROUP_NONE, "", ""},
        {FROM_INFO, "errorstat_MOVED", GROUP_ERROR, "MOVED", ""},
        {FROM_INFO, "latency_percentiles_usec_get", GROUP_QUANTILE, "get", ""},
        {FROM_INFO, "db0", GROUP_DB, "db0", ""},
        {FROM_INFO, "db", GROUP_NONE, "", ""},
        {FROM_INFO, "dbx", GROUP_NONE, "", ""},
        {FROM_INFO, "slave12", GROUP_REPLICA, "", ""},
        {FROM_INFO, "slave_something", GROUP_NONE, "", ""},
        {FROM_INFO, "module", GROUP_MODULE, "", ""},
        {FROM_CLUSTER_INFO, "cmdstat_get", GROUP_NONE, "", ""},
        {FROM_CLUSTER_INFO, "cluster_stats_messages_auth-req_sent", GROUP_BUS_MESSAGES, "auth-req",
         "sent"},
        {FROM_CLUSTER_INFO, "cluster_stats_messages_ping_lost", GROUP_NONE, "", ""},
        {FROM_CLUSTER_INFO, "cluster_stats_messages__sent", GROUP_NONE, "", ""},
        {FROM_CLUSTER_INFO, "cluster_stats_pubsub_bytes_received", GROUP_BUS_BYTES, "pubsub",
         "received"},
        {FROM_CLUSTER_INFO, "cluster_stats__bytes_sent", GROUP_NONE, "", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct key *key = learn(cases[i].source, cases[i].text);
        assert_int_equal(key->kind, cases[i].group != GROUP_NONE ? KEY_GROUP : KEY_NOTHING);
        assert_int_equal(key->group, cases[i].group);
        assert_span(key->label[0], cases[i].first);
        assert_span(key->label[1], cases[i].second);
    }
}

static void labels_are_rendered_once_for_each_number(void **state)
{
    struct key *key = learn(FROM_INFO, "latency_percentiles_usec_a\"b");
    struct key *bus = learn(FROM_CLUSTER_INFO, "cluster_stats_messages_ping_sent");
    (void)state;
    assert_span(dictionary_render(key, 1, SPAN("0.5")), "cmd=\"a\\\"b\",quantile=\"0.5\"");
    assert_span(dictionary_render(key, 1, SPAN("0.9")), "cmd=\"a\\\"b\",quantile=\"0.5\"");
    assert_span(dictionary_render(key, 0, SPAN("0.9")), "cmd=\"a\\\"b\",quantile=\"0.9\"");
    assert_span(dictionary_render(key, KEY_RENDERED_MAX, SPAN("0.9")), "");
    assert_span(dictionary_render(bus, 0, SPAN("")), "type=\"ping\",direction=\"sent\"");
}

static void key_that_is_too_long_is_good_for_one_line(void **state)
{
    struct buf text = BUF_EMPTY;
    (void)state;
    buf_text(&text, "cmdstat_");
    for (int i = 0; i < 1000; i++) {
        buf_char(&text, 'x');
    }
    struct key *key = dictionary_learn(FROM_INFO, guarded(buf_view(&text)));
    assert_false(key->kept);
    assert_int_equal(key->group, GROUP_COMMAND);
    assert_int_equal(key->label[0].length, 1000);
    assert_span(dictionary_render(key, 0, SPAN("")), "");
    assert_ptr_equal(dictionary_learn(FROM_INFO, SPAN("cmdstat_get"))->follower, NULL);
    buf_free(&text);
}

// The last test: the dictionary stays full.
static void full_dictionary_still_knows_what_keys_mean(void **state)
{
    enum { MORE_THAN_FIT = 20000 };
    struct key *early = learn(FROM_INFO, "cmdstat_early");
    (void)state;
    for (int i = 0; i < MORE_THAN_FIT; i++) {
        struct buf text = BUF_EMPTY;
        buf_format(&text, "junk_%d", i);
        dictionary_learn(FROM_INFO, buf_view(&text));
        buf_free(&text);
    }
    const struct key *late = learn(FROM_INFO, "cmdstat_late");
    assert_false(late->kept);
    assert_int_equal(late->group, GROUP_COMMAND);
    assert_span(late->label[0], "late");
    assert_ptr_equal(learn(FROM_INFO, "cmdstat_early"), early);
    assert_true(dictionary_row(FROM_INFO, SPAN("used_memory")) < reply_metric_count);
}

int main(void)
{
#define DICTIONARY_TEST(name) cmocka_unit_test_teardown(name, release)
    const struct CMUnitTest tests[] = {
        DICTIONARY_TEST(field_of_the_catalog_is_found_by_its_source),
        DICTIONARY_TEST(further_field_comes_behind_the_rows),
        DICTIONARY_TEST(key_is_learned_once),
        DICTIONARY_TEST(keys_with_a_variable_part_belong_to_a_group),
        DICTIONARY_TEST(labels_are_rendered_once_for_each_number),
        DICTIONARY_TEST(key_that_is_too_long_is_good_for_one_line),
        DICTIONARY_TEST(full_dictionary_still_knows_what_keys_mean),
    };
    return cmocka_run_group_tests_name("dictionary", tests, NULL, NULL);
}
