// What must hold of every row of the tables of metrics.
#include <stdio.h>
#include <string.h>

#include "metrics/metric.h"
#include "metrics/page.h"
#include "scrape/computed.h"
#include "support.h"

struct table {
    const char *name;
    const struct metric *row;
    const size_t *count;
};

static const struct table tables[] = {
    {"computed", computed_metrics, &computed_metric_count},
    {"merged", merged_metrics, &merged_metric_count},
    {"reply", reply_metrics, &reply_metric_count},
    {"process", process_metrics, &process_metric_count},
};

typedef void row_check(const struct metric *row);

static void for_each_row(row_check *check)
{
    for (size_t i = 0; i < COUNT(tables); i++) {
        for (size_t j = 0; j < *tables[i].count; j++) {
            check(&tables[i].row[j]);
        }
    }
}

static void complain_unless(bool condition, const struct metric *row, const char *what)
{
    if (!condition) {
        print_error("%s: %s\n", row->name, what);
        fail();
    }
}

static bool ends_in(const char *text, const char *suffix)
{
    size_t length = strlen(text);
    size_t tail = strlen(suffix);
    return length > tail && strcmp(text + length - tail, suffix) == 0;
}

static void tables_are_not_empty(void **state)
{
    (void)state;
    assert_true(computed_metric_count > 5);
    assert_true(reply_metric_count > 200);
    assert_true(process_metric_count > 5);
}

static void check_name(const struct metric *row)
{
    bool prefixed = strncmp(row->name, "redis_", 6) == 0 || strncmp(row->name, "process_", 8) == 0;
    complain_unless(prefixed, row, "the prefix");
    size_t plain = strspn(row->name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    complain_unless(row->name[plain] == '\0', row, "the characters");
    complain_unless(strstr(row->name, "__") == NULL && !ends_in(row->name, "_"), row,
                    "the underscores");
}

static void names_are_lower_case_words_behind_a_prefix(void **state)
{
    (void)state;
    for_each_row(check_name);
}

static void check_suffix(const struct metric *row)
{
    static const char *const reserved[] = {"_count", "_sum", "_bucket", "_created"};
    complain_unless(ends_in(row->name, "_total") == (row->type == COUNTER), row,
                    "_total is for counters, and all of them");
    complain_unless(ends_in(row->name, "_info") == (row->type == INFO), row,
                    "_info is for info metrics");
    for (size_t i = 0; i < COUNT(reserved); i++) {
        complain_unless(!ends_in(row->name, reserved[i]), row, "the suffix has a meaning");
    }
}

static void suffixes_say_the_type(void **state)
{
    (void)state;
    for_each_row(check_suffix);
}

static void check_words(const struct metric *row)
{
    static const char *const short_units[] = {"ms",           "us", "usec", "msec",         "sec",
                                              "secs",         "kb", "mb",   "perc",         "pct",
                                              "milliseconds", "ns", "mins", "microseconds", "kbps"};
    struct span rest = span_of(row->name);
    struct span word;
    while (span_cut(&rest, '_', &word)) {
        for (size_t i = 0; i < COUNT(short_units); i++) {
            complain_unless(!span_is(word, short_units[i]), row, short_units[i]);
        }
    }
}

static void names_have_base_units_in_full(void **state)
{
    (void)state;
    for_each_row(check_words);
}

static void check_help(const struct metric *row)
{
    size_t length = strlen(row->help);
    complain_unless(length > 4, row, "no help");
    complain_unless(row->help[length - 1] == '.', row, "no full stop");
    complain_unless(strpbrk(row->help, "\\\"\n|") == NULL, row, "a character to escape");
    complain_unless(strstr(row->help, row->name) == NULL, row, "the help repeats the name");
    complain_unless(row->help[0] != ' ' && strstr(row->help, "  ") == NULL, row, "blanks");
    complain_unless((row->help[0] >= 'A' && row->help[0] <= 'Z') || row->help[0] == '1', row,
                    "begins with a capital, or with 1");
}

static void help_is_plain_text_with_a_full_stop(void **state)
{
    (void)state;
    for_each_row(check_help);
}

static void check_sentence(const struct metric *row)
{
    for (const char *stop = strstr(row->help, ". "); stop != NULL; stop = strstr(stop + 1, ". ")) {
        complain_unless(stop[2] < 'A' || stop[2] > 'Z', row, "two sentences");
    }
}

static void help_is_one_sentence(void **state)
{
    (void)state;
    for_each_row(check_sentence);
}

static bool is_version(struct span text)
{
    bool plain = text.length > 0;
    for (size_t i = 0; i < text.length; i++) {
        plain = plain && (text.at[i] == '.' || (text.at[i] >= '0' && text.at[i] <= '9'));
    }
    return plain && span_contains(text, SPAN("."));
}

// "Redis 7.0", "Redis up to 6.2", "Valkey 9.0", or a name alone.
static bool is_server(struct span part)
{
    static const char *const versioned[] = {"Redis up to ", "Redis ", "Valkey ", "RediSearch ",
                                            "RediSearch of Redis Stack "};
    static const char *const others[] = {
        "KeyDB", "Sentinel", "Azure", "RediSearch", "valkey-search", "valkey-bloom", "valkey-json"};
    for (size_t i = 0; i < COUNT(versioned); i++) {
        struct span prefix = span_of(versioned[i]);
        if (span_starts(part, prefix) && is_version(span_skip(part, prefix.length))) {
            return true;
        }
    }
    for (size_t i = 0; i < COUNT(others); i++) {
        if (span_is(part, others[i])) {
            return true;
        }
    }
    return false;
}

static void check_since(const struct metric *row)
{
    static const char *const servers[] = {"(Redis", "(Valkey", "(KeyDB", "(before"};
    struct span rest = span_of(row->since != NULL ? row->since : "");
    struct span part;
    while (span_cut(&rest, ',', &part)) {
        complain_unless(is_server(span_trim(part)), row, "no server is named so");
    }
    for (size_t i = 0; i < COUNT(servers); i++) {
        complain_unless(strstr(row->help, servers[i]) == NULL, row, "the help tells the servers");
    }
}

static void servers_that_have_a_metric_are_named_in_one_way(void **state)
{
    (void)state;
    for_each_row(check_since);
}

// Each name in the order of the page, once for each run of rows.
static size_t families(const struct metric **out, size_t capacity)
{
    size_t count = 0;
    const struct metric *before = NULL;
    for (size_t i = 0; i < COUNT(tables); i++) {
        for (size_t j = 0; j < *tables[i].count; j++) {
            const struct metric *row = &tables[i].row[j];
            if (before == NULL || strcmp(before->name, row->name) != 0) {
                assert_true(count < capacity);
                out[count++] = row;
            } else {
                complain_unless(before->type == row->type, row, "two types");
                complain_unless(strcmp(before->help, row->help) == 0, row, "two helps");
            }
            before = row;
        }
    }
    return count;
}

static struct span family_name(const struct metric *row)
{
    struct span name = span_of(row->name);
    name.length -= row->type == COUNTER ? strlen("_total") : 0;
    name.length -= row->type == INFO ? strlen("_info") : 0;
    return name;
}

// In OpenMetrics, whose names are without suffix, as well.
static void rows_of_one_family_stand_together(void **state)
{
    static const struct metric *family[2048];
    size_t count = families(family, COUNT(family));
    (void)state;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            complain_unless(!span_equals(family_name(family[i]), family_name(family[j])), family[j],
                            "the family stands at two places");
        }
    }
}

static void each_field_has_one_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < reply_metric_count; i++) {
        for (size_t j = i + 1; j < reply_metric_count; j++) {
            const struct metric *a = &reply_metrics[i];
            const struct metric *b = &reply_metrics[j];
            bool same = a->source == b->source && a->group == b->group && a->field[0] != '\0' &&
                        strcmp(a->field, b->field) == 0;
            complain_unless(!same, b, "the field has a row already");
        }
    }
}

static void reply_rows_name_a_field_and_compute_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < reply_metric_count; i++) {
        const struct metric *row = &reply_metrics[i];
        complain_unless(row->source != FROM_EXPORTER && row->cluster == NULL && row->node == NULL &&
                            row->process == NULL,
                        row, "computed");
        bool labelled = source_is_labelled(row->source);
        complain_unless(row->group != GROUP_NONE || labelled || row->field[0] != '\0', row,
                        "no field");
        complain_unless(strpbrk(row->field, ": ,=") == NULL, row, "no field can be named so");
        complain_unless(row->match == NULL || (row->shift == 0 && !row->percent), row,
                        "a text has no unit");
        complain_unless(!row->percent || row->shift == -2, row, "a percentage is a ratio");
        complain_unless(labelled || (row->type == INFO) == (row->group == GROUP_MODULE), row,
                        "an info metric from a field");
    }
}

static void computed_rows_have_one_function(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(tables); i++) {
        for (size_t j = 0; j < *tables[i].count && tables[i].row != reply_metrics; j++) {
            const struct metric *row = &tables[i].row[j];
            int functions = (row->cluster != NULL) + (row->node != NULL) + (row->process != NULL);
            complain_unless(functions == 1 && row->source == FROM_EXPORTER, row, "no function");
            complain_unless(row->field[0] == '\0' && row->shift == 0 && row->match == NULL, row,
                            "computed and read");
            complain_unless((row->process != NULL) == (tables[i].row == process_metrics), row,
                            "the table");
        }
    }
}

struct unit_case {
    const char *field;
    int shift; // of the decimal point
};

// The fields of INFO and CLUSTER INFO that are not in the base unit, by the servers' sources.
static const struct unit_case converted[] = {
    {"paused_timeout_milliseconds", -3},
    {"expire_cycle_cpu_milliseconds", -3},
    {"total_eviction_exceeded_time", -3},
    {"current_eviction_exceeded_time", -3},
    {"latest_fork_usec", -6},
    {"total_active_defrag_time", -3},
    {"current_active_defrag_time", -3},
    {"eventloop_duration_sum", -6},
    {"eventloop_duration_cmd_sum", -6},
    {"instantaneous_eventloop_duration_usec", -6},
    {"avg_ttl", -3},
    {"used_memory_dataset_perc", -2},
    {"current_fork_perc", -2},
    {"usec", -6},
    {"search_total_indexing_time", -3},
    {"search_total_ms_run", -3},
    {"search_gc_total_ms_run", -3},
    {"search_total_query_execution_time_ms", -3},
};

static const struct unit_case *conversion_of(const struct metric *row)
{
    for (size_t i = 0; i < COUNT(converted); i++) {
        if (strcmp(row->field, converted[i].field) == 0) {
            return &converted[i];
        }
    }
    return NULL;
}

static void values_are_converted_to_the_base_unit(void **state)
{
    size_t seen = 0;
    (void)state;
    for (size_t i = 0; i < reply_metric_count; i++) {
        const struct metric *row = &reply_metrics[i];
        const struct unit_case *conversion = conversion_of(row);
        bool info = row->source == FROM_INFO || row->source == FROM_CLUSTER_INFO;
        if (!info || row->field[0] == '\0') {
            continue;
        }
        if (conversion == NULL) {
            bool small = strstr(row->field, "usec") != NULL || strstr(row->field, "_ms") != NULL ||
                         strstr(row->field, "millisec") != NULL;
            complain_unless(!small || row->shift != 0, row, "not converted");
            complain_unless(row->shift == 0 || small, row, "converted from what is in base units");
            continue;
        }
        complain_unless(row->shift == conversion->shift, row, "the conversion");
        const char *unit = metric_unit(row);
        complain_unless(unit != NULL &&
                            strcmp(unit, conversion->shift == -2 ? "ratio" : "seconds") == 0,
                        row, "the unit");
        seen++;
    }
    assert_int_equal(seen, COUNT(converted));
}

static void groups_have_labels(void **state)
{
    (void)state;
    assert_null(group_labels[GROUP_NONE].name[0]);
    for (size_t i = 0; i < reply_metric_count; i++) {
        const struct group_labels *labels = &group_labels[reply_metrics[i].group];
        for (size_t j = 0; j < GROUP_LABELS_MAX && labels->name[j] != NULL; j++) {
            size_t plain = strspn(labels->name[j], "abcdefghijklmnopqrstuvwxyz_");
            complain_unless(labels->name[j][plain] == '\0', &reply_metrics[i], "a label's name");
        }
    }
    assert_string_equal(group_labels[GROUP_DB].name[0], "db");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_not_empty),
        cmocka_unit_test(names_are_lower_case_words_behind_a_prefix),
        cmocka_unit_test(suffixes_say_the_type),
        cmocka_unit_test(names_have_base_units_in_full),
        cmocka_unit_test(help_is_plain_text_with_a_full_stop),
        cmocka_unit_test(help_is_one_sentence),
        cmocka_unit_test(servers_that_have_a_metric_are_named_in_one_way),
        cmocka_unit_test(rows_of_one_family_stand_together),
        cmocka_unit_test(each_field_has_one_row),
        cmocka_unit_test(reply_rows_name_a_field_and_compute_nothing),
        cmocka_unit_test(computed_rows_have_one_function),
        cmocka_unit_test(values_are_converted_to_the_base_unit),
        cmocka_unit_test(groups_have_labels),
    };
    return cmocka_run_group_tests_name("catalog", tests, NULL, NULL);
}
