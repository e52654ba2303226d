#include "config/config.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "config/config_file.h"
#include "config/environment.h"
#include "config/login.h"

struct loading {
    struct config *config;
    const struct config *before;
    struct problems *problems;
    struct config_file file; // without a path: none
    struct options **reader; // sets that have read their password files, the new ones first
    size_t reader_count;
    size_t reader_capacity;
};

// --- problems ---

// Takes `line`; NULL is none. The same may turn up for each cluster.
static bool note(struct problems *problems, char *line)
{
    bool known = line == NULL;
    for (size_t i = 0; !known && i < problems->count; i++) {
        known = strcmp(problems->line[i], line) == 0;
    }
    if (known) {
        free(line);
        return false;
    }
    problems->line =
        mem_grow(problems->line, problems->count, &problems->capacity, sizeof(problems->line[0]));
    problems->line[problems->count++] = line;
    return true;
}

void problems_clear(struct problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        free(problems->line[i]);
    }
    free(problems->line);
    *problems = (struct problems){.count = 0};
}

// --- one set of options ---

size_t flag_index(const char *name)
{
    const struct flag *flag = flag_find(span_of(name));
    CHECK(flag != NULL);
    return (size_t)(flag - flags);
}

static void apply_presets(struct options *out, const struct given *given)
{
    for (size_t i = 0; i < flag_count; i++) {
        if (given->by[i] == GIVEN_BY_NOBODY && flags[i].preset != NULL) {
            CHECK(flags[i].set(out, flags[i].offset, flags[i].preset) == NULL);
        }
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
            return options_complain(
                "--collector.", span_of(collectors[collector].name),
                "needs something to check, such as --check-keys or --check-streams");
        }
        if (!chosen && by_checks[i].named) {
            options_choose_collector(options, collector, true);
        }
    }
    return NULL;
}

// The flag, the variable, or the cluster's place in the file.
static struct span source_of_seeds(const struct options *options, const struct given *given)
{
    if (options->place != NULL) {
        return span_of(options->place);
    }
    enum giver giver = given->by[flag_index("redis.addr")];
    return options->check           ? SPAN("--check")
           : giver == GIVEN_BY_FLAG ? SPAN("--redis.addr")
                                    : SPAN("REDIS_ADDR");
}

static char *read_seeds(struct options *options, struct span source)
{
    struct span rest = span_of(options->redis_addr);
    struct span part;
    size_t capacity = 0;
    while (span_cut(&rest, ',', &part)) {
        struct seed seed;
        const char *problem = seed_parse(span_trim(part), &seed);
        if (problem != NULL) {
            return options_complain("", source, problem);
        }
        options->seed = mem_grow(options->seed, options->seed_count, &capacity, sizeof(seed));
        options->seed[options->seed_count++] = seed;
    }
    const char *problem = options->seed_count > 0
                              ? seeds_use_tls(options->seed, options->seed_count, &options->use_tls)
                              : "names no address";
    return problem != NULL ? options_complain("", source, problem) : NULL;
}

static void derive_name(struct options *options)
{
    if (options->cluster_name == NULL || options->cluster_name[0] == '\0') {
        struct buf name = BUF_EMPTY;
        address_add(&name, options->seed[0].address.host, options->seed[0].address.port);
        free(options->cluster_name);
        options->cluster_name = buf_take(&name);
    }
}

// Flags and variables.
static char *read_said(struct arguments *arguments, struct options *out, struct given *given)
{
    *out = (struct options){.collectors = collectors_by_default()};
    char *problem = arguments_read(arguments, out, given);
    return problem != NULL ? problem : environment_read(out, given);
}

static char *finish_general(struct options *out, const struct given *given)
{
    apply_presets(out, given);
    char *problem = choose_by_checks(out);
    if (out->disable_default_collectors) {
        out->collectors &= out->chosen | collector_bit(COLLECTOR_BASE);
    }
    return problem;
}

static void add_reader(struct loading *loading, struct options *options)
{
    loading->reader = mem_grow(loading->reader, loading->reader_count, &loading->reader_capacity,
                               sizeof(loading->reader[0]));
    loading->reader[loading->reader_count++] = options;
}

// What was read before a reload counts only where it cannot be read again.
static void add_earlier_readers(struct loading *loading)
{
    for (size_t i = 0; loading->before != NULL && i < loading->before->set_count; i++) {
        if (login_is_from_pipe(loading->before->set[i])) {
            add_reader(loading, loading->before->set[i]);
        }
    }
}

// Where no server can be spoken to with TLS, the system's authorities are not read: they take four
// megabytes. Files that are named are read in any case, so that a wrong one is told.
static bool needs_tls(const struct options *options)
{
    const struct tls_options *tls = &options->tls;
    return options->use_tls || options->allowed_count > 0 || tls->ca_file != NULL ||
           tls->cert_file != NULL || tls->key_file != NULL;
}

// The problem names the file; this adds whose it is.
static char *load_tls(struct options *options)
{
    char *problem = !needs_tls(options) ? NULL : tls_new(&options->tls, &options->tls_context);
    if (problem == NULL || options->place == NULL) {
        return problem;
    }
    struct buf text = BUF_EMPTY;
    buf_format(&text, "%s: tls: %s", options->place, problem);
    free(problem);
    return buf_take(&text);
}

// Seeds, login and files: what only a set that is used needs.
static void finish_cluster(struct loading *loading, struct options *out, const struct given *given)
{
    bool has_seeds = out->place != NULL || !loading->file.names_clusters || out->check;
    if (has_seeds) {
        if (note(loading->problems, read_seeds(out, source_of_seeds(out, given)))) {
            return;
        }
        derive_name(out);
    }
    note(loading->problems, login_read(out, given, loading->reader, loading->reader_count));
    note(loading->problems, load_tls(out));
    add_reader(loading, out);
}

// --- all of them ---

static void add_set(struct config *config, struct options *options)
{
    config->set = mem_resize(config->set, config->set_count + 1, sizeof(config->set[0]));
    config->set[config->set_count++] = options;
}

static void add_cluster(struct config *config, struct options *options)
{
    config->cluster =
        mem_resize(config->cluster, config->cluster_count + 1, sizeof(config->cluster[0]));
    config->cluster[config->cluster_count++] = options;
}

// Which cluster a name stands for would not be clear, and series of the same name would clash.
static void check_names(const struct config *config, struct problems *problems)
{
    for (size_t i = 0; i < config->cluster_count; i++) {
        for (size_t j = 0; j < i; j++) {
            const struct options *a = config->cluster[i];
            const struct options *b = config->cluster[j];
            if (a->cluster_name != NULL && b->cluster_name != NULL &&
                strcmp(a->cluster_name, b->cluster_name) == 0) {
                struct buf text = BUF_EMPTY;
                buf_format(&text, "%s: name: the cluster at %s is called %s as well", a->place,
                           b->place, a->cluster_name);
                note(problems, buf_take(&text));
            }
        }
    }
}

static void load_cluster(struct loading *loading, struct arguments *arguments, int number)
{
    struct options *out = mem_new(1, sizeof(*out));
    struct given given = {.by = {GIVEN_BY_NOBODY}};
    add_set(loading->config, out);
    add_cluster(loading->config, out);
    if (note(loading->problems, read_said(arguments, out, &given))) {
        return;
    }
    char *problem = config_file_apply(&loading->file, number, out, &given);
    bool broken = problem != NULL;
    note(loading->problems, problem);
    if (!broken) {
        note(loading->problems, finish_general(out, &given));
        finish_cluster(loading, out, &given);
    }
}

// An address by flag would be a cluster of its own, beside those of the file.
static void check_flags_beside(struct loading *loading, const struct given *given)
{
    static const char *const single[] = {"redis.addr", "redis.cluster-name"};
    for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++) {
        size_t index = flag_index(single[i]);
        bool flag = given->by[index] == GIVEN_BY_FLAG;
        if (given->by[index] != GIVEN_BY_NOBODY) {
            struct buf text = BUF_EMPTY;
            buf_format(&text, "%s%s: %s names the clusters already; leave one of both out",
                       flag ? "--" : "", flag ? flags[index].name : flags[index].variable,
                       loading->file.path);
            note(loading->problems, buf_take(&text));
        }
    }
}

static void warn_of_readers(const struct loading *loading)
{
    struct stat status;
    bool readable = loading->file.path != NULL && stat(loading->file.path, &status) == 0 &&
                    file_is_exposed(&status);
    for (size_t i = 0; readable && i < loading->config->cluster_count; i++) {
        const struct options *options = loading->config->cluster[i];
        for (size_t j = 0; options->place != NULL && j < options->seed_count; j++) {
            if (options->seed[j].password != NULL) {
                log_warn("the configuration file holds a password and can be read by others",
                         "file", loading->file.path);
                return;
            }
        }
    }
}

void config_init_log(const struct config *config)
{
    const struct options *options = &config->common;
    log_init(options->check ? LOG_ERROR : options->log_level, options->log_format);
}

static bool only_prints(const struct options *options)
{
    return options->show_help || options->show_version || options->print_metrics ||
           options->print_acl != NULL;
}

// Where the exporter listens is all that a health check needs. An exporter that goes on with its
// configuration of before is not unhealthy because of what the files have said since.
static void load_for_healthcheck(struct loading *loading, struct options *common,
                                 struct given *given)
{
    if (common->config_file != NULL && common->healthcheck[0] == '\0') {
        free(config_file_read(common->config_file, &loading->file));
        free(config_file_apply(&loading->file, NO_CLUSTER, common, given));
    }
    apply_presets(common, given);
}

static void load_all(struct loading *loading, struct arguments *arguments)
{
    struct options *common = &loading->config->common;
    struct given given = {.by = {GIVEN_BY_NOBODY}};
    add_set(loading->config, common);
    add_cluster(loading->config, common); // of the flags, unless a file names some
    if (note(loading->problems, read_said(arguments, common, &given))) {
        return;
    }
    if (common->healthcheck != NULL) {
        load_for_healthcheck(loading, common, &given);
        return;
    }
    loading->problems->all = common->config_check;
    if (common->config_file != NULL && !only_prints(common)) {
        if (note(loading->problems, config_file_read(common->config_file, &loading->file))) {
            return;
        }
        note(loading->problems, config_file_apply(&loading->file, NO_CLUSTER, common, &given));
    }
    bool several = loading->file.names_clusters && !common->check;
    note(loading->problems, finish_general(common, &given));
    if (only_prints(common)) {
        return;
    }
    if (loading->before == NULL) {
        config_init_log(loading->config);
    }
    if (several) {
        check_flags_beside(loading, &given);
    }
    finish_cluster(loading, common, &given);
    loading->config->cluster_count = several ? 0 : 1;
    for (int i = 0; several && i < loading->file.cluster_count; i++) {
        load_cluster(loading, arguments, i);
    }
    check_names(loading->config, loading->problems);
    warn_of_readers(loading);
}

struct config *config_load(struct arguments *arguments, const struct config *before,
                           struct problems *problems)
{
    struct loading loading = {.before = before, .problems = problems};
    loading.config = mem_new(1, sizeof(*loading.config));
    add_earlier_readers(&loading);
    load_all(&loading, arguments);
    config_file_clear(&loading.file);
    free(loading.reader);
    if (problems->count > 0) {
        config_free(loading.config);
        return NULL;
    }
    return loading.config;
}

void config_free(struct config *config)
{
    if (config == NULL) {
        return;
    }
    for (size_t i = 0; i < config->set_count; i++) {
        options_clear(config->set[i]);
        if (config->set[i] != &config->common) {
            free(config->set[i]);
        }
    }
    free(config->set);
    free(config->cluster);
    free(config);
}
