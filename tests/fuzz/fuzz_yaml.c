#include <stdlib.h>

#include "base/yaml.h"
#include "fuzz.h"

struct record {
    char *name;
    int64_t number;
    bool on;
    const struct yml_node *other;
};

static void take_node(struct yml *yaml, const struct yml_node *value, void *target)
{
    const struct yml_node **node = target;
    yml_expect(yaml, value, YML_LIST);
    *node = value;
}

static const struct yml_field fields[] = {
    {"name", yml_take_text, offsetof(struct record, name)},
    {"number", yml_take_number, offsetof(struct record, number)},
    {"on", yml_take_switch, offsetof(struct record, on)},
    {"list", take_node, offsetof(struct record, other)},
};

static size_t check_node(const struct yml_node *node)
{
    size_t count = 1;
    CHECK(node->kind != YML_TEXT || node->text.at[node->text.length] == '\0');
    CHECK(node->child == NULL || node->kind == YML_LIST || node->kind == YML_MAP);
    for (const struct yml_node *child = node->child; child != NULL; child = child->next) {
        CHECK(child->line > 0);
        count += check_node(child);
    }
    return count;
}

// One printable line, with the file in front.
static void check_problem(const char *problem)
{
    CHECK(strncmp(problem, "a.yml:", 6) == 0);
    for (const char *c = problem; *c != '\0'; c++) {
        CHECK(*c >= ' ' && *c <= '~');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct record record = {.name = NULL};
    struct yml *yaml = yml_parse("a.yml", fuzz_text(data, size));
    const struct yml_node *root = yml_root(yaml);
    check_node(root);
    if (root->kind == YML_MAP) {
        yml_fields(yaml, root, fields, sizeof(fields) / sizeof(fields[0]), &record);
    }
    if (yml_problem(yaml) != NULL) {
        check_problem(yml_problem(yaml));
    }
    free(record.name);
    yml_free(yaml);
    return 0;
}
