#include "config/environment.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "config/arguments.h"

enum { VALUE_MAX = 64 * 1024 };

static const char *variable(const char *name)
{
    const char *value = name != NULL ? getenv(name) : NULL;
    return value != NULL && value[0] != '\0' ? value : NULL;
}

// REDIS_EXPORTER_COLLECTOR_LATENCY_HISTOGRAM and the like.
static char *collector_variable(enum collector collector)
{
    struct buf name = BUF_EMPTY;
    buf_text(&name, "REDIS_EXPORTER_COLLECTOR_");
    for (const char *c = collectors[collector].name; *c != '\0'; c++) {
        int upper = *c == '-' ? '_' : (toupper)((unsigned char)*c);
        buf_char(&name, (char)upper);
    }
    return buf_take(&name);
}

// A flag beats it.
static char *read_collector_variable(struct options *out, enum collector collector)
{
    char *name = collector_variable(collector);
    const char *value = variable(name);
    char *problem = NULL;
    bool on = false;
    if (value != NULL && !(out->chosen & collector_bit(collector))) {
        const char *reason = flag_parse_switch(value, &on);
        problem = reason != NULL ? options_complain("", span_of(name), reason) : NULL;
        options_choose_collector(out, collector, on);
    }
    free(name);
    return problem;
}

static char *read_collector_variables(struct options *out)
{
    char *problem = NULL;
    for (int i = COLLECTOR_BASE + 1; problem == NULL && i < COLLECTOR_COUNT; i++) {
        problem = read_collector_variable(out, (enum collector)i);
    }
    return problem;
}

static char *set(struct options *out, struct given *given, const struct flag *flag,
                 const char *name, const char *value)
{
    given->by[flag - flags] = GIVEN_BY_VARIABLE;
    const char *problem = flag->set(out, flag->offset, value);
    return problem != NULL ? options_complain("", span_of(name), problem) : NULL;
}

// A variable as redis_exporter spells it; what is said in our own spelling beats it.
static char *read_alias_variable(struct options *out, const struct alias *alias,
                                 struct given *given)
{
    struct argument argument = {.name = span_of(alias->name), .value = variable(alias->variable)};
    bool done = false;
    char *problem = NULL;
    if (argument.value == NULL) {
        return NULL;
    }
    const char *reason = argument_resolve_alias(&argument, &done);
    if (reason != NULL || done) {
        return reason != NULL ? options_complain("", span_of(alias->variable), reason) : NULL;
    }
    const struct flag *flag = flag_find(argument.name);
    if (flag == NULL) {
        collector_set chosen = out->chosen;
        collector_set collectors_before = out->collectors;
        argument_read_collector(out, &argument, &problem);
        out->collectors = (out->collectors & ~chosen) | (collectors_before & chosen);
        return problem;
    }
    bool said = given->by[flag - flags] != GIVEN_BY_NOBODY || variable(flag->variable) != NULL;
    return said ? NULL : set(out, given, flag, alias->variable, argument.value);
}

// The value of REDIS_USER may stand in a file that REDIS_USER_FILE names; one line end at its end
// is not part of it. The password's is a flag of its own.
static char *read_file_variable(struct options *out, const struct flag *flag, struct given *given)
{
    struct buf name = BUF_EMPTY;
    struct buf value = BUF_EMPTY;
    char *problem = NULL;
    buf_format(&name, "%s_FILE", flag->variable);
    char *file_variable = buf_take(&name);
    const char *path = variable(file_variable);
    const char *reason = path != NULL ? file_read(path, VALUE_MAX, &value, NULL) : NULL;
    if (path != NULL && reason == NULL) {
        value.length -= value.length > 0 && value.data[value.length - 1] == '\n' ? 1 : 0;
        value.length -= value.length > 0 && value.data[value.length - 1] == '\r' ? 1 : 0;
        bool whole = value.length > 0 && memchr(value.data, '\0', value.length) == NULL;
        buf_char(&value, '\0');
        reason = whole ? NULL : "is empty, or holds a NUL";
        problem = whole ? set(out, given, flag, file_variable, value.data) : NULL;
    }
    if (reason != NULL) {
        struct buf text = BUF_EMPTY;
        buf_format(&text, "%s: %s: %s", file_variable, path, reason);
        problem = buf_take(&text);
    }
    buf_wipe(&value);
    free(file_variable);
    return problem;
}

static char *read_variable(struct options *out, const struct flag *flag, struct given *given)
{
    bool has_file = strcmp(flag->name, "redis.addr") == 0 || strcmp(flag->name, "redis.user") == 0;
    const char *value = variable(flag->variable);
    if (given->by[flag - flags] != GIVEN_BY_NOBODY) {
        return NULL;
    }
    if (value != NULL) {
        return set(out, given, flag, flag->variable, value);
    }
    return has_file ? read_file_variable(out, flag, given) : NULL;
}

char *environment_read(struct options *out, struct given *given)
{
    if (out->check) { // which names the address
        given->by[flag_index("redis.addr")] = GIVEN_BY_FLAG;
    }
    char *problem = read_collector_variables(out);
    for (size_t i = 0; problem == NULL && i < alias_count; i++) {
        problem = read_alias_variable(out, &aliases[i], given);
    }
    for (size_t i = 0; problem == NULL && i < flag_count; i++) {
        problem = read_variable(out, &flags[i], given);
    }
    return problem;
}
