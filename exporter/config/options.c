// Reads the command line, then the environment, then what these name: the password file and the
// seeds.
#include "config/options.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/mem.h"
#include "config/flags.h"
#include "config/password_file.h"

static char *complain(const char *prefix, struct span name, const char *problem)
{
    struct buf text = BUF_EMPTY;
    buf_text(&text, prefix);
    buf_span(&text, name);
    buf_format(&text, ": %s", problem);
    return buf_take(&text);
}

static char *apply(struct options *options, const struct flag *flag, const char *prefix,
                   const char *name, const char *value)
{
    const char *problem = flag->set(options, flag->offset, value);
    return problem != NULL ? complain(prefix, span_of(name), problem) : NULL;
}

static size_t flag_index(const char *name)
{
    const struct flag *flag = flag_find(span_of(name));
    CHECK(flag != NULL);
    return (size_t)(flag - flags);
}

// Everybody can read a process's arguments: a password, or a URL with one, is overwritten.
static void hide_secret(struct options *options, const struct flag *flag, char *text)
{
    bool is_password = strcmp(flag->name, "redis.password") == 0;
    bool is_url = strcmp(flag->name, "redis.addr") == 0 || strcmp(flag->name, "check") == 0;
    bool has_password = is_url && strchr(text, '@') != NULL;
    if (is_password || has_password) {
        options->password_was_visible = true;
        memset(text, 'x', strlen(text));
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

static void choose_collector(struct options *out, enum collector collector, bool on)
{
    collector_set bit = collector_bit(collector);
    out->chosen |= bit;
    out->collectors = on ? out->collectors | bit : out->collectors & ~bit;
}

struct argument {
    struct span name;
    const char *value; // NULL: none was given with '='
    char *visible;     // where the value stands in argv; NULL as above
};

static bool split_argument(char *text, struct argument *out)
{
    if (text[0] != '-' || text[1] == '\0') {
        return false;
    }
    char *name = text[1] == '-' ? text + 2 : text + 1;
    char *equals = strchr(name, '=');
    out->name = span_make(name, equals != NULL ? (size_t)(equals - name) : strlen(name));
    out->visible = equals != NULL ? equals + 1 : NULL;
    out->value = out->visible;
    return true;
}

// --collector.NAME and --no-collector.NAME, with or without a value of true or false. False when it
// is neither; *out_problem is set for an unknown name or a bad value.
static bool read_collector(struct options *out, const struct argument *argument, char **out_problem)
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
        choose_collector(out, (enum collector)collector, on != negated);
    } else {
        *out_problem = complain("--", name, problem);
    }
    return true;
}

// A flag as redis_exporter spells it becomes the one that stands for it. *out_done: nothing is left
// to do, since it asks for what is always so, or is turned off.
static const char *resolve_alias(struct argument *argument, bool *out_done)
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

static char *apply_argument(struct options *out, const struct flag *flag,
                            const struct argument *argument, bool *given)
{
    if (argument->value == NULL && flag->argument != NULL) {
        return complain("--", span_of(flag->name), "a value is missing");
    }
    if (says_nothing(flag, argument->value)) {
        return NULL;
    }
    given[flag - flags] = true;
    char *problem =
        apply(out, flag, "--", flag->name, argument->value != NULL ? argument->value : "true");
    if (argument->visible != NULL) {
        hide_secret(out, flag, argument->visible);
    }
    return problem;
}

// One flag, whose value may be the next argument.
static char *read_argument(int argc, char **argv, int *i, struct options *out, bool *given)
{
    struct argument argument;
    bool done = false;
    char *collector_problem = NULL;
    if (!split_argument(argv[*i], &argument)) {
        struct buf problem = BUF_EMPTY; // without the text: it may be a password
        buf_format(&problem, "argument %d is no flag; --help lists all of them", *i);
        return buf_take(&problem);
    }
    const char *problem = resolve_alias(&argument, &done);
    if (problem != NULL || done) {
        return problem != NULL ? complain("--", argument.name, problem) : NULL;
    }
    const struct flag *flag = flag_find(argument.name);
    if (flag == NULL && read_collector(out, &argument, &collector_problem)) {
        return collector_problem;
    }
    if (flag == NULL) {
        return complain("--", argument.name, "unknown flag; --help lists all of them");
    }
    if (flag->argument != NULL && argument.value == NULL && *i + 1 < argc) {
        argument.visible = argv[++*i];
        argument.value = argument.visible;
    }
    return apply_argument(out, flag, &argument, given);
}

static char *read_arguments(int argc, char **argv, struct options *out, bool *given)
{
    char *problem = NULL;
    for (int i = 1; problem == NULL && i < argc; i++) {
        problem = read_argument(argc, argv, &i, out, given);
    }
    return problem;
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
    char *variable = collector_variable(collector);
    const char *value = getenv(variable);
    bool given = value != NULL && value[0] != '\0';
    char *problem = NULL;
    bool on = false;
    if (given && !(out->chosen & collector_bit(collector))) {
        const char *reason = flag_parse_switch(value, &on);
        problem = reason != NULL ? complain("", span_of(variable), reason) : NULL;
        choose_collector(out, collector, on);
    }
    free(variable);
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

// A variable as redis_exporter spells it; what is said in our own spelling beats it.
static char *read_alias_variable(struct options *out, const struct alias *alias, bool *given)
{
    const char *value = alias->variable != NULL ? getenv(alias->variable) : NULL;
    struct argument argument = {.name = span_of(alias->name), .value = value};
    bool done = false;
    char *problem = NULL;
    if (value == NULL || value[0] == '\0') {
        return NULL;
    }
    const char *reason = resolve_alias(&argument, &done);
    const struct flag *flag = flag_find(argument.name);
    const char *own = flag != NULL && flag->variable != NULL ? getenv(flag->variable) : NULL;
    if (reason != NULL || done) {
        problem = reason != NULL ? complain("", span_of(alias->variable), reason) : NULL;
    } else if (flag == NULL) {
        collector_set chosen = out->chosen;
        collector_set collectors_before = out->collectors;
        read_collector(out, &argument, &problem);
        out->collectors = (out->collectors & ~chosen) | (collectors_before & chosen);
    } else if (!given[flag - flags] && (own == NULL || own[0] == '\0')) {
        problem = apply_argument(out, flag, &argument, given);
    }
    return problem;
}

static char *read_environment(struct options *out, bool *given)
{
    given[flag_index("redis.addr")] |= out->check;
    char *problem = read_collector_variables(out);
    for (size_t i = 0; problem == NULL && i < alias_count; i++) {
        problem = read_alias_variable(out, &aliases[i], given);
    }
    for (size_t i = 0; problem == NULL && i < flag_count; i++) {
        const struct flag *flag = &flags[i];
        const char *value = flag->variable != NULL ? getenv(flag->variable) : NULL;
        if (given[i]) {
            continue;
        }
        if (value != NULL && value[0] != '\0') {
            problem = apply(out, flag, "", flag->variable, value);
        } else if (flag->preset != NULL) {
            CHECK(flag->set(out, flag->offset, flag->preset) == NULL);
        }
    }
    return problem;
}

static void clear_secret(char *text)
{
    if (text != NULL) {
        explicit_bzero(text, strlen(text));
    }
    free(text);
}

// `source` is the flag or variable that they are from.
static char *read_seeds(struct options *options, struct span source)
{
    struct span rest = span_of(options->redis_addr);
    struct span part;
    size_t capacity = 0;
    while (span_cut(&rest, ',', &part)) {
        struct seed seed;
        const char *problem = seed_parse(span_trim(part), &seed);
        if (problem != NULL) {
            return complain("", source, problem);
        }
        options->seed = mem_grow(options->seed, options->seed_count, &capacity, sizeof(seed));
        options->seed[options->seed_count++] = seed;
    }
    return options->seed_count > 0 ? NULL : complain("", source, "names no address");
}

// The password that a map has for a seed is for the whole cluster, where none was given for it.
static void derive_login(struct options *options)
{
    for (size_t i = 0; options->password == NULL && i < options->seed_count; i++) {
        struct login none = {NULL, NULL};
        struct login login =
            credentials_find(&options->credentials, &options->seed[i].address, none);
        if (login.password != NULL) {
            flag_set_text(options, offsetof(struct options, password), login.password);
        }
        if (login.user != NULL) {
            flag_set_text(options, offsetof(struct options, user), login.user);
        }
    }
}

// Credentials of a URL are for the whole cluster, and beat the flags, which are less specific.
static void derive(struct options *options)
{
    for (size_t i = 0; i < options->seed_count; i++) {
        const struct seed *seed = &options->seed[i];
        if (seed->user != NULL) {
            flag_set_text(options, offsetof(struct options, user), seed->user);
        }
        if (seed->password != NULL) {
            flag_set_text(options, offsetof(struct options, password), seed->password);
        }
        if (seed->user != NULL || seed->password != NULL) {
            break;
        }
    }
    derive_login(options);
    if (options->cluster_name == NULL || options->cluster_name[0] == '\0') {
        struct buf name = BUF_EMPTY;
        address_add(&name, options->seed[0].address.host, options->seed[0].address.port);
        free(options->cluster_name);
        options->cluster_name = buf_take(&name);
    }
}

// Naming keys or streams turns their collector on, unless it was turned off by name.
static char *choose_by_checks(struct options *options)
{
    const bool *has = options->collect.checks.has_kind;
    const struct {
        enum collector collector;
        bool named;
    } by_checks[] = {{COLLECTOR_KEYS, has[CHECK_KEY] || has[CHECK_COUNT]},
                     {COLLECTOR_STREAMS, has[CHECK_STREAM]}};
    for (size_t i = 0; i < sizeof(by_checks) / sizeof(by_checks[0]); i++) {
        enum collector collector = by_checks[i].collector;
        bool chosen = (options->chosen & collector_bit(collector)) != 0;
        bool on = (options->collectors & collector_bit(collector)) != 0;
        if (chosen && on && !by_checks[i].named && options->print_acl == NULL) {
            return complain("--collector.", span_of(collectors[collector].name),
                            "needs something to check, such as --check-keys or --check-streams");
        }
        if (!chosen && by_checks[i].named) {
            choose_collector(options, collector, true);
        }
    }
    return NULL;
}

// A password by flag beats a file by variable.
static char *read_password_file(struct options *options, const bool *given)
{
    char *password = NULL;
    bool flag_wins =
        given[flag_index("redis.password")] && !given[flag_index("redis.password-file")];
    if (options->password_file == NULL || flag_wins) {
        return NULL;
    }
    char *problem = password_file_read(options->password_file, &password, &options->credentials);
    if (password != NULL) {
        clear_secret(options->password);
        options->password = password;
    }
    return problem;
}

char *options_read(int argc, char **argv, struct options *out)
{
    bool given[FLAGS_MAX] = {false};
    CHECK(flag_count <= FLAGS_MAX);
    *out = (struct options){.collectors = collectors_by_default()};
    char *problem = read_arguments(argc, argv, out, given);
    if (problem == NULL) {
        problem = read_environment(out, given);
    }
    if (problem == NULL) {
        problem = choose_by_checks(out);
    }
    if (out->disable_default_collectors) {
        out->collectors &= out->chosen | collector_bit(COLLECTOR_BASE);
    }
    bool only_prints =
        out->show_help || out->show_version || out->print_metrics || out->print_acl != NULL;
    if (problem != NULL || only_prints) {
        return problem;
    }
    log_init(out->check ? LOG_ERROR : out->log_level, out->log_format);
    struct span addr = given[flag_index("redis.addr")] ? SPAN("--redis.addr") : SPAN("REDIS_ADDR");
    problem = read_seeds(out, out->check ? SPAN("--check") : addr);
    if (problem == NULL) {
        problem = read_password_file(out, given);
    }
    if (problem == NULL) {
        derive(out);
    }
    return problem;
}

void options_clear(struct options *options)
{
    key_checks_clear(&options->collect.checks);
    if (options->has_search_indexes) {
        regfree(&options->search_indexes);
    }
    clear_secret(options->redis_addr);
    clear_secret(options->password);
    credentials_clear(&options->credentials);
    free(options->tls.ca_file);
    free(options->tls.cert_file);
    free(options->tls.key_file);
    free(options->tls.server_name);
    address_map_clear(&options->address_map);
    free(options->cluster_name);
    free(options->user);
    free(options->password_file);
    free(options->telemetry_path);
    for (size_t i = 0; i < options->listen_count; i++) {
        free(options->listen[i]);
    }
    for (size_t i = 0; i < options->allowed_count; i++) {
        free(options->allowed[i]);
    }
    free(options->print_acl);
    free(options->healthcheck);
    for (size_t i = 0; i < options->seed_count; i++) {
        seed_clear(&options->seed[i]);
    }
    free(options->seed);
}
