#include "base/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "support.h"

// --- the tree as one line ---

static void add_node(struct buf *out, const struct yml_node *node)
{
    const char *ends = node->kind == YML_LIST ? "[]" : "{}";
    if (node->key.length > 0) {
        buf_span(out, node->key);
        buf_char(out, '=');
    }
    if (node->kind == YML_NOTHING) {
        buf_text(out, "nothing");
    } else if (node->kind == YML_TEXT) {
        buf_text(out, node->quoted ? "'" : "");
        buf_span(out, node->text);
        buf_text(out, node->quoted ? "'" : "");
    } else {
        buf_char(out, ends[0]);
        for (const struct yml_node *child = node->child; child != NULL; child = child->next) {
            buf_text(out, child != node->child ? " " : "");
            add_node(out, child);
        }
        buf_char(out, ends[1]);
    }
}

static void check_tree(const char *text, const char *expected)
{
    struct buf out = BUF_EMPTY;
    struct yml *yaml = yml_parse("a.yml", guarded_text(text));
    if (yml_problem(yaml) != NULL) {
        print_error("%s\n%s\n", text, yml_problem(yaml));
    }
    assert_null(yml_problem(yaml));
    add_node(&out, yml_root(yaml));
    assert_span(buf_view(&out), expected);
    buf_free(&out);
    yml_free(yaml);
    guards_release();
}

static void document_becomes_a_tree(void **state)
{
    (void)state;
    check_tree("", "nothing");
    check_tree("# nothing here\n", "nothing");
    check_tree("---\n...\n", "nothing");
    check_tree("~", "nothing");
    check_tree("a: 1\nb: [x, 'y', \"z\\n\", ~, \"\"]\n", "{a=1 b=[x 'y' 'z\n' nothing '']}");
    check_tree("a:\n- b: c\n  d:\n- {}\n- []\n", "{a=[{b=c d=nothing} {} []]}");
    check_tree("a: |\n  one\n  two\n", "{a='one\ntwo\n'}");
}

static void aliases_and_merge_keys_are_resolved(void **state)
{
    (void)state;
    check_tree("a: &x {b: 1}\nc: *x\n", "{a={b=1} c={b=1}}");
    check_tree("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\n", "{a={b=1 c=2} d={c=3 b=1}}");
    check_tree("a: &x {b: 1}\nd:\n  <<: [*x, {b: 2, c: 3}]\n", "{a={b=1} d={b=1 c=3}}");
    check_tree("'<<': a\n", "{<<=a}");
}

// --- problems ---

static void check_problem(const char *text, const char *expected)
{
    struct yml *yaml = yml_parse("a.yml", guarded_text(text));
    assert_non_null(yml_problem(yaml));
    assert_string_equal(yml_problem(yaml), expected);
    assert_int_equal(yml_root(yaml)->kind, YML_NOTHING);
    yml_free(yaml);
    guards_release();
}

static void problems_tell_file_and_line(void **state)
{
    (void)state;
    check_problem("a: 1\na: 2\n", "a.yml:2: a: is given twice, in line 1 as well");
    check_problem("a: [\n", "a.yml:2: is no YAML: did not find expected node content");
    check_problem("a: 1\n\tb: 2\n",
                  "a.yml:2: is no YAML: found a tab character that violates indentation");
    check_problem("a: *b\n", "a.yml:1: is no YAML: found undefined alias");
    check_problem("a: \x01\n", "a.yml: is no YAML: control characters are not allowed");
    check_problem("a: \xff\n", "a.yml: is no YAML: invalid leading UTF-8 octet");
    check_problem("a: 1\n---\nb: 2\n", "a.yml:3: must be one document, and here is another");
    check_problem("a: 1\n...\n[\n", "a.yml:3: is no YAML: did not find expected <document start>");
    check_problem("\n[a]: 1\n", "a.yml:2: a key must be a text");
    check_problem("<<: 1\n", "a.yml:1: <<: must be a map, or a list of maps");
    check_problem("<<: [[{}]]\n", "a.yml:1: <<: must be a map, or a list of maps");
}

static void endless_and_huge_trees_are_refused(void **state)
{
    struct buf text = BUF_EMPTY;
    (void)state;
    check_problem("a: &x\n  b: *x\n", "a.yml:1: is nested too deeply");
    check_problem("a: &x [*x, *x]\n", "a.yml:1: is nested too deeply");
    buf_text(&text, "a0: &a0 [x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 12; i++) {
        buf_format(&text, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1, i - 1, i - 1, i - 1);
    }
    char *bomb = buf_take(&text);
    check_problem(bomb, "a.yml:1: is too large");
    free(bomb);
}

static void damaged_text_breaks_nothing(void **state)
{
    static const char sample[] = "a: &x {b: 1, c: [d, 'e', \"f\\x00\"]}\n? g\n: |\n  h\n"
                                 "i: {<<: *x, j: ~}\nk: !!binary aGk=\n";
    uint64_t sequence = 7;
    (void)state;
    for (int i = 0; i < 3000; i++) {
        size_t length;
        char *text = damaged(sample, sizeof(sample) - 1, &sequence, &length);
        yml_free(yml_parse("a.yml", span_make(text, length)));
        free(text);
    }
}

// --- fields ---

struct record {
    char *name;
    bool on;
    int64_t number;
    char *inner;
};

static void read_inner(struct yml *yaml, const struct yml_node *value, void *target)
{
    static const struct yml_field fields[] = {{"inner", yml_take_text, 0}};
    yml_fields(yaml, value, fields, 1, target);
}

static const struct yml_field record_fields[] = {
    {"name", yml_take_text, offsetof(struct record, name)},
    {"on", yml_take_switch, offsetof(struct record, on)},
    {"number", yml_take_number, offsetof(struct record, number)},
    {"deep", read_inner, offsetof(struct record, inner)},
};

static char *read_record(const char *text, struct record *out)
{
    struct yml *yaml = yml_parse("a.yml", span_of(text));
    yml_fields(yaml, yml_root(yaml), record_fields, COUNT(record_fields), out);
    const char *problem = yml_problem(yaml);
    char *copy = problem != NULL ? strdup(problem) : NULL;
    yml_free(yaml);
    return copy;
}

static void fields_are_read_into_a_record(void **state)
{
    struct record record = {.number = 5};
    (void)state;
    assert_null(read_record("name: 007\non: Yes\ndeep:\n  inner: 'x'\nnumber: ~\n", &record));
    assert_string_equal(record.name, "007");
    assert_true(record.on);
    assert_int_equal(record.number, 5);
    assert_string_equal(record.inner, "x");
    assert_null(read_record("{name: other, on: off, number: -3, deep: }", &record));
    assert_string_equal(record.name, "other");
    assert_false(record.on);
    assert_int_equal(record.number, -3);
    assert_null(read_record("", &record));
    free(record.name);
    free(record.inner);
}

static void wrong_fields_are_named(void **state)
{
    static const char *const cases[][2] = {
        {"on: false\nnmae: x\n", "a.yml:2: nmae: is no known key here; did you mean name?"},
        {"deep:\n  innner: 1\n", "a.yml:2: innner: is no known key here; did you mean inner?"},
        {"zebra: 1\n", "a.yml:1: zebra: is no known key here; known are name, on, number, deep"},
        {"\"z\\n\xc3\xa4\": 1\n",
         "a.yml:1: z???: is no known key here; known are name, on, number, deep"},
        {"name: [a]\n", "a.yml:1: name: must be a text or number, not a list"},
        {"name: \"a\\0b\"\n", "a.yml:1: name: must not hold a NUL"},
        {"on: 'true'\n", "a.yml:1: on: must be true or false"},
        {"on: tRUE\n", "a.yml:1: on: must be true or false"},
        {"on: 1\n", "a.yml:1: on: must be true or false"},
        {"\nnumber: 1.5\n", "a.yml:2: number: must be a whole number"},
        {"number: '1'\n", "a.yml:1: number: must be a whole number"},
        {"deep: 1\n", "a.yml:1: deep: must be a map, not a text or number"},
        {"- a\n", "a.yml:1: must be a map, not a list"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct record record = {.number = 0};
        char *problem = read_record(cases[i][0], &record);
        assert_non_null(problem);
        assert_string_equal(problem, cases[i][1]);
        free(problem);
        free(record.name);
        free(record.inner);
    }
}

static void first_problem_stays(void **state)
{
    struct yml *yaml = yml_parse("a.yml", SPAN("a: 1\n\nb: 2\n"));
    const struct yml_node *first = yml_root(yaml)->child;
    (void)state;
    assert_null(yml_problem(yaml));
    yml_fail(yaml, first->next, "must be %d", 3);
    yml_fail(yaml, first, "must be less");
    assert_string_equal(yml_problem(yaml), "a.yml:3: b: must be 3");
    yml_free(yaml);
}

// --- files ---

static void files_are_read_and_missing_ones_told(void **state)
{
    char path[] = "/tmp/unit-yaml-XXXXXX";
    int fd = mkstemp(path);
    char expected[128];
    (void)state;
    assert_int_equal(write(fd, "a: b\n", 5), 5);
    close(fd);
    struct yml *yaml = yml_read(path);
    assert_null(yml_problem(yaml));
    assert_span(yml_root(yaml)->child->text, "b");
    yml_free(yaml);
    unlink(path);
    yaml = yml_read(path);
    snprintf(expected, sizeof(expected), "%s: No such file or directory", path);
    assert_string_equal(yml_problem(yaml), expected);
    yml_free(yaml);
    yaml = yml_read("/tmp");
    assert_string_equal(yml_problem(yaml), "/tmp: Is a directory");
    yml_free(yaml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(document_becomes_a_tree),
        cmocka_unit_test(aliases_and_merge_keys_are_resolved),
        cmocka_unit_test(problems_tell_file_and_line),
        cmocka_unit_test(endless_and_huge_trees_are_refused),
        cmocka_unit_test(damaged_text_breaks_nothing),
        cmocka_unit_test(fields_are_read_into_a_record),
        cmocka_unit_test(wrong_fields_are_named),
        cmocka_unit_test(first_problem_stays),
        cmocka_unit_test(files_are_read_and_missing_ones_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
