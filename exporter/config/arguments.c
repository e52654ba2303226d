#include "config/arguments.h"

#include <stdlib.h>

#include "base/mem.h"

char *options_complain(const char *prefix, struct span name, const char *problem)
{
    struct buf text = BUF_EMPTY;
    buf_text(&text, prefix);
    buf_span(&text, name);
    buf_format(&text, ": %s", problem);
    return buf_take(&text);
}

struct arguments arguments_take(int argc, char **argv)
{
    struct arguments arguments = {.count = argc, .visible = argv};
    arguments.text = mem_new((size_t)argc, sizeof(arguments.text[0]));
    for (int i = 0; i < argc; i++) {
        arguments.text[i] = mem_copy(argv[i], strlen(argv[i]));
    }
    return arguments;
}

void arguments_clear(struct arguments *arguments)
{
    for (int i = 0; i < arguments->count; i++) {
        explicit_bzero(arguments->text[i], strlen(arguments->text[i]));
        free(arguments->text[i]);
    }
    free(arguments->text);
    *arguments = (struct arguments){.count = 0};
}

// Everybody can read a process's arguments: a password, or a URL with one, is overwritten. `value`
// stands in argument `i`.
static void hide_secret(struct arguments *arguments, const struct flag *flag, int i,
                        const char *value)
{
    bool is_password = strcmp(flag->name, "redis.password") == 0;
    bool is_url = strcmp(flag->name, "redis.addr") == 0 || strcmp(flag->name, "check") == 0;
    bool has_password = is_url && strchr(value, '@') != NULL;
    bool is_secret = (is_password && value[0] != '\0') || has_password;
    if (arguments->visible != NULL && is_secret) {
        arguments->password_was_visible = true;
        memset(arguments->visible[i] + (value - arguments->text[i]), 'x', strlen(value));
    }
}

static int find_collector(struct span name)
{
    for (int i = COLLECTOR_BASE + 1; i < COLLECTOR_COUNT; i++) {
        if (span_is(name, collectors[i].name)) {
            return i;
        }
    }
    return -1;
}

void options_choose_collector(struct options *out, enum collector collector, bool on)
{
    collector_set bit = collector_bit(collector);
    out->chosen |= bit;
    out->collectors = on ? out->collectors | bit : out->collectors & ~bit;
}

static bool split_argument(const char *text, struct argument *out)
{
    if (text[0] != '-' || text[1] == '\0') {
        return false;
    }
    const char *name = text[1] == '-' ? text + 2 : text + 1;
    const char *equals = strchr(name, '=');
    out->name = span_make(name, equals != NULL ? (size_t)(equals - name) : strlen(name));
    out->value = equals != NULL ? equals + 1 : NULL;
    return true;
}

bool argument_read_collector(struct options *out, const struct argument *argument,
                             char **out_problem)
{
    struct span name = argument->name;
    bool negated = span_starts(name, SPAN("no-collector."));
    if (!negated && !span_starts(name, SPAN("collector."))) {
        return false;
    }
    bool on = true;
    const char *problem = NULL;
    size_t prefix = negated ? strlen("no-collector.") : strlen("collector.");
    int collector = find_collector(span_skip(name, prefix));
    if (collector < 0) {
        problem = "unknown collector; --help lists all of them";
    } else if (argument->value != NULL) {
        problem = flag_parse_switch(argument->value, &on);
    }
    if (problem == NULL) {
        options_choose_collector(out, (enum collector)collector, on != negated);
    } else {
        *out_problem = options_complain("--", name, problem);
    }
    return true;
}

const char *argument_resolve_alias(struct argument *argument, bool *out_done)
{
    const struct alias *alias = alias_find(argument->name);
    bool on = true;
    if (alias == NULL) {
        return NULL;
    }
    if (alias->needless || alias->value != NULL) {
        const char *problem =
            argument->value != NULL ? flag_parse_switch(argument->value, &on) : NULL;
        *out_done = alias->needless || !on;
        if (problem != NULL || *out_done) {
            return problem;
        }
        argument->value = alias->value;
    }
    argument->name = span_of(alias->flag);
    return NULL;
}

// As an empty variable: of a flag with a default it is a bad value, though.
static bool says_nothing(const struct flag *flag, const char *value)
{
    return value != NULL && value[0] == '\0' && flag->variable != NULL && flag->argument != NULL &&
           flag->preset == NULL;
}

static char *apply(const struct flag *flag, const char *value, struct options *out,
                   struct given *given)
{
    if (value == NULL && flag->argument != NULL) {
        return options_complain("--", span_of(flag->name), "a value is missing");
    }
    if (says_nothing(flag, value)) {
        return NULL;
    }
    given->by[flag - flags] = GIVEN_BY_FLAG;
    const char *problem = flag->set(out, flag->offset, value != NULL ? value : "true");
    return problem != NULL ? options_complain("--", span_of(flag->name), problem) : NULL;
}

// One flag, whose value may be the next argument.
static char *read_argument(struct arguments *arguments, int *i, struct options *out,
                           struct given *given)
{
    struct argument argument;
    bool done = false;
    char *collector_problem = NULL;
    if (!split_argument(arguments->text[*i], &argument)) {
        struct buf problem = BUF_EMPTY; // without the text: it may be a password
        buf_format(&problem, "argument %d is no flag; --help lists all of them", *i);
        return buf_take(&problem);
    }
    const char *written = argument.value;
    const char *problem = argument_resolve_alias(&argument, &done);
    if (problem != NULL || done) {
        return problem != NULL ? options_complain("--", argument.name, problem) : NULL;
    }
    const struct flag *flag = flag_find(argument.name);
    if (flag == NULL && argument_read_collector(out, &argument, &collector_problem)) {
        return collector_problem;
    }
    if (flag == NULL) {
        return options_complain("--", argument.name, "unknown flag; --help lists all of them");
    }
    if (flag->argument != NULL && argument.value == NULL && *i + 1 < arguments->count) {
        argument.value = arguments->text[++*i];
        written = argument.value;
    }
    if (written != NULL) {
        hide_secret(arguments, flag, *i, written);
    }
    return apply(flag, argument.value, out, given);
}

char *arguments_read(struct arguments *arguments, struct options *out, struct given *given)
{
    char *problem = NULL;
    for (int i = 1; problem == NULL && i < arguments->count; i++) {
        problem = read_argument(arguments, &i, out, given);
    }
    arguments->visible = NULL;
    return problem;
}
