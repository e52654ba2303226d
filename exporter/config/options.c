// Each flag is one row; --help, the environment and the defaults follow from the rows.
#include "config/options.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

struct flag {
    const char *name;
    const char *variable; // environment
    const char *argument; // NULL: a switch
    const char *preset;   // the default, as text; NULL: none
    const char *help;
    // Returns NULL, or what the value must be. `value` is "true" for a switch.
    const char *(*set)(struct options *options, size_t offset, const char *value);
    size_t offset; // of the field
};

static void *field(struct options *options, size_t offset)
{
    return (char *)options + offset;
}

static const char *set_text(struct options *options, size_t offset, const char *value)
{
    char **text = field(options, offset);
    free(*text);
    *text = mem_copy(value, strlen(value));
    return NULL;
}

static const char *parse_switch(const char *value, bool *out)
{
    *out = strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
    bool off = strcmp(value, "false") == 0 || strcmp(value, "0") == 0;
    return *out || off ? NULL : "must be true or false";
}

static const char *set_switch(struct options *options, size_t offset, const char *value)
{
    return parse_switch(value, field(options, offset));
}

struct unit {
    const char *suffix;
    double microseconds;
};

static const char *set_duration(struct options *options, size_t offset, const char *value)
{
    static const struct unit units[] = {{"ms", 1e3}, {"s", 1e6}, {"m", 60e6}, {"", 1e6}};
    static const char complaint[] = "must be a time such as 500ms, 2s or 1m, at most 1h";
    int64_t *target = field(options, offset);
    size_t digits = strspn(value, "0123456789.");
    double number;
    if (!span_f64(span_make(value, digits), &number)) {
        return complaint;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(value + digits, units[i].suffix) == 0) {
            double microseconds = number * units[i].microseconds;
            *target = microseconds <= 3600e6 ? (int64_t)microseconds : -1;
            return *target >= 0 ? NULL : complaint;
        }
    }
    return complaint;
}

// A limit of nothing would fail every node.
static const char *set_limit(struct options *options, size_t offset, const char *value)
{
    const char *problem = set_duration(options, offset, value);
    const int64_t *target = field(options, offset);
    return problem == NULL && *target < 1000 ? "must be at least 1ms" : problem;
}

static const char *set_node_label(struct options *options, size_t offset, const char *value)
{
    static const char *const words[] = {"auto", "hostname", "address", "id"};
    enum node_label *target = field(options, offset);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(value, words[i]) == 0) {
            *target = (enum node_label)i;
            return NULL;
        }
    }
    return "must be auto, hostname, address or id";
}

static const char *set_path(struct options *options, size_t offset, const char *value)
{
    if (value[0] != '/' || value[1] == '\0' || strpbrk(value, "?# ") != NULL) {
        return "must be a path such as /metrics";
    }
    return set_text(options, offset, value);
}

static const char *set_level(struct options *options, size_t offset, const char *value)
{
    return log_level_parse(value, field(options, offset)) ? NULL
                                                          : "must be debug, info, warn or error";
}

static const char *set_format(struct options *options, size_t offset, const char *value)
{
    return log_format_parse(value, field(options, offset)) ? NULL : "must be logfmt or json";
}

static const char *set_dialect(struct options *options, size_t offset, const char *value)
{
    enum dialect *target = field(options, offset);
    bool native = strcmp(value, "native") == 0;
    if (!native && strcmp(value, "redis_exporter") != 0) {
        return "must be native or redis_exporter";
    }
    *target = native ? DIALECT_NATIVE : DIALECT_RX;
    return NULL;
}

static const char *add_allowed(struct options *options, size_t offset, const char *value)
{
    (void)offset;
    if (options->allowed_count == ALLOWED_MAX || value[0] == '\0') {
        return "must be a pattern of host:port such as 10.0.0.*:6379, at most 64 of them";
    }
    options->allowed[options->allowed_count++] = mem_copy(value, strlen(value));
    return NULL;
}

// In the environment several addresses are separated by commas.
static const char *add_listen(struct options *options, size_t offset, const char *value)
{
    struct span rest = span_of(value);
    struct span part;
    (void)offset;
    while (span_cut(&rest, ',', &part)) {
        struct address address;
        bool any_host = part.length > 0 && part.at[0] == ':';
        struct buf text = BUF_EMPTY;
        buf_text(&text, any_host ? "[::]" : "");
        buf_span(&text, part);
        bool valid = address_parse(buf_view(&text), 0, &address);
        buf_free(&text);
        if (!valid || options->listen_count == LISTEN_MAX) {
            return "must be host:port, [IPv6]:port or :port, at most 16 of them";
        }
        options->listen[options->listen_count++] = mem_copy(part.at, part.length);
    }
    return options->listen_count > 0 ? NULL : "must be host:port, [IPv6]:port or :port";
}

#define AT(member) offsetof(struct options, member)

static const struct flag flags[] = {
    {"redis.addr", "REDIS_ADDR", "URL[,URL...]", "redis://localhost:6379",
     "one or more nodes of the cluster, from which the others are found: "
     "redis://[user[:password]@]host:port, valkey://, host:port, [IPv6]:port",
     set_text, AT(redis_addr)},
    {"redis.cluster-name", "REDIS_EXPORTER_CLUSTER_NAME", "NAME", NULL,
     "value of the redis_cluster label (default: host:port of the first URL)", set_text,
     AT(cluster_name)},
    {"redis.user", "REDIS_USER", "NAME", NULL, "ACL user to log in as", set_text, AT(user)},
    {"redis.password-file", "REDIS_PASSWORD_FILE", "FILE", NULL,
     "file that holds the password; one line end at its end is not part of it", set_text,
     AT(password_file)},
    {"redis.password", "REDIS_PASSWORD", "PASSWORD", NULL,
     "the password itself: use the variable or the file; on the command line it is visible to "
     "others until it has been overwritten",
     set_text, AT(password)},
    {"redis.timeout", "REDIS_EXPORTER_TIMEOUT", "TIME", "2s", "limit on the replies of one node",
     set_limit, AT(reply_timeout_us)},
    {"redis.connect-timeout", "REDIS_EXPORTER_CONNECT_TIMEOUT", "TIME", "1s",
     "limit on connecting to one node, look-up of its name included", set_limit,
     AT(connect_timeout_us)},
    {"redis.node-label", "REDIS_EXPORTER_NODE_LABEL", "auto|hostname|address|id", "auto",
     "value of the redis_node label: the announced host name with the port, where there is one, "
     "else address and port (auto); the announced host name alone; always address and port; the "
     "node id",
     set_node_label, AT(node_label)},
    {"scrape.timeout", "REDIS_EXPORTER_SCRAPE_TIMEOUT", "TIME", "10s",
     "limit on a scrape whose request does not carry X-Prometheus-Scrape-Timeout-Seconds",
     set_limit, AT(scrape_timeout_us)},
    {"web.listen-address", "REDIS_EXPORTER_WEB_LISTEN_ADDRESS", "HOST:PORT", ":9121",
     "where to listen; may be given several times", add_listen, 0},
    {"web.telemetry-path", "REDIS_EXPORTER_WEB_TELEMETRY_PATH", "PATH", "/metrics",
     "path of the metrics page", set_path, AT(telemetry_path)},
    {"web.timeout-offset", "REDIS_EXPORTER_WEB_TIMEOUT_OFFSET", "TIME", "0.25s",
     "how much earlier than Prometheus' own timeout a scrape ends", set_duration,
     AT(timeout_offset_us)},
    {"scrape.allow", "REDIS_EXPORTER_SCRAPE_ALLOW", "PATTERN", NULL,
     "further targets that /scrape and /cluster serve, as host:port with * and ?; may be given "
     "several times. The configured password goes to them too, except by the pattern *, which "
     "allows any target but sends it none",
     add_allowed, 0},
    {"metrics.dialect", "REDIS_EXPORTER_METRICS_DIALECT", "native|redis_exporter", "native",
     "names on the metrics page: this exporter's, or those of redis_exporter", set_dialect,
     AT(dialect)},
    {"collector.disable-defaults", "REDIS_EXPORTER_COLLECTOR_DISABLE_DEFAULTS", NULL, NULL,
     "turn off all collectors that are not turned on by name", set_switch,
     AT(disable_default_collectors)},
    {"log.level", "REDIS_EXPORTER_LOG_LEVEL", "debug|info|warn|error", "info",
     "least severity that is logged", set_level, AT(log_level)},
    {"log.format", "REDIS_EXPORTER_LOG_FORMAT", "logfmt|json", "logfmt",
     "form of the log on standard error", set_format, AT(log_format)},
    {"print-metrics", NULL, NULL, NULL, "print the reference of all metrics as Markdown",
     set_switch, AT(print_metrics)},
    {"print-acl", NULL, "VERSION", NULL,
     "print the rights that the exporter's user needs on such a server: 6.2, 7.0, valkey-8.1, ...",
     set_text, AT(print_acl)},
    {"version", NULL, NULL, NULL, "print the version", set_switch, AT(show_version)},
    {"help", NULL, NULL, NULL, "print this text", set_switch, AT(show_help)},
};

enum { FLAG_COUNT = sizeof(flags) / sizeof(flags[0]) };

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

// One dash or two, as Go programs take them.
static const struct flag *find_flag(struct span name)
{
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        if (span_is(name, flags[i].name)) {
            return &flags[i];
        }
    }
    return NULL;
}

static size_t flag_index(const char *name)
{
    const struct flag *flag = find_flag(span_of(name));
    CHECK(flag != NULL);
    return (size_t)(flag - flags);
}

// Everybody can read a process's arguments: a password, or a URL with one, is overwritten.
static void hide_secret(struct options *options, const struct flag *flag, char *text)
{
    bool is_password = strcmp(flag->name, "redis.password") == 0;
    bool has_password = strcmp(flag->name, "redis.addr") == 0 && strchr(text, '@') != NULL;
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
    char *value; // NULL: none was given with '='
};

static bool split_argument(char *text, struct argument *out)
{
    if (text[0] != '-' || text[1] == '\0') {
        return false;
    }
    char *name = text[1] == '-' ? text + 2 : text + 1;
    char *equals = strchr(name, '=');
    out->name = span_make(name, equals != NULL ? (size_t)(equals - name) : strlen(name));
    out->value = equals != NULL ? equals + 1 : NULL;
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
        problem = parse_switch(argument->value, &on);
    }
    if (problem == NULL) {
        choose_collector(out, (enum collector)collector, on != negated);
    } else {
        *out_problem = complain("--", name, problem);
    }
    return true;
}

// One flag, whose value may be the next argument.
static char *read_argument(int argc, char **argv, int *i, struct options *out, bool *given)
{
    struct argument argument;
    if (!split_argument(argv[*i], &argument)) {
        struct buf problem = BUF_EMPTY; // without the text: it may be a password
        buf_format(&problem, "argument %d is no flag; --help lists all of them", *i);
        return buf_take(&problem);
    }
    const struct flag *flag = find_flag(argument.name);
    char *collector_problem = NULL;
    if (flag == NULL && read_collector(out, &argument, &collector_problem)) {
        return collector_problem;
    }
    if (flag == NULL) {
        return complain("--", argument.name, "unknown flag; --help lists all of them");
    }
    if (flag->argument == NULL && argument.value == NULL) {
        return apply(out, flag, "--", flag->name, "true");
    }
    if (argument.value == NULL && *i + 1 < argc) {
        argument.value = argv[++*i];
    }
    if (argument.value == NULL) {
        return complain("--", argument.name, "a value is missing");
    }
    char *problem = apply(out, flag, "--", flag->name, argument.value);
    hide_secret(out, flag, argument.value);
    given[flag - flags] = true;
    return problem;
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
        const char *reason = parse_switch(value, &on);
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

static char *read_environment(struct options *out, const bool *given)
{
    char *problem = read_collector_variables(out);
    for (size_t i = 0; problem == NULL && i < FLAG_COUNT; i++) {
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

enum { PASSWORD_FILE_MAX = 64 * 1024 };

static char *read_password_file(struct options *options)
{
    char bytes[PASSWORD_FILE_MAX];
    struct stat status;
    int fd = open(options->password_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = fd >= 0 ? read(fd, bytes, sizeof(bytes)) : -1;
    int error = errno;
    bool shared = fd >= 0 && fstat(fd, &status) == 0 && (status.st_mode & (S_IRGRP | S_IROTH));
    if (fd >= 0) {
        close(fd);
    }
    if (got < 0) {
        struct buf problem = BUF_EMPTY;
        buf_format(&problem, "--redis.password-file: %s: %s", options->password_file,
                   strerror(error));
        return buf_take(&problem);
    }
    size_t length = (size_t)got;
    length -= length > 0 && bytes[length - 1] == '\n' ? 1 : 0;
    length -= length > 0 && bytes[length - 1] == '\r' ? 1 : 0;
    if (length == 0 || length == sizeof(bytes) || memchr(bytes, '\0', length) != NULL) {
        return complain("--", SPAN("redis.password-file"), "the file must hold one password");
    }
    if (shared) {
        log_warn("the password file can be read by others", "file", options->password_file);
    }
    free(options->password);
    options->password = mem_copy(bytes, length);
    explicit_bzero(bytes, sizeof(bytes));
    return NULL;
}

static char *read_seeds(struct options *options)
{
    struct span rest = span_of(options->redis_addr);
    struct span part;
    size_t capacity = 0;
    while (span_cut(&rest, ',', &part)) {
        struct seed seed;
        const char *problem = seed_parse(span_trim(part), &seed);
        if (problem != NULL) {
            return complain("--", SPAN("redis.addr"), problem);
        }
        options->seed = mem_grow(options->seed, options->seed_count, &capacity, sizeof(seed));
        options->seed[options->seed_count++] = seed;
    }
    return options->seed_count > 0 ? NULL : complain("--", SPAN("redis.addr"), "names no address");
}

// Credentials of a URL are for the whole cluster, and beat the flags, which are less specific.
static void derive(struct options *options)
{
    for (size_t i = 0; i < options->seed_count; i++) {
        const struct seed *seed = &options->seed[i];
        if (seed->user != NULL) {
            set_text(options, AT(user), seed->user);
        }
        if (seed->password != NULL) {
            set_text(options, AT(password), seed->password);
        }
        if (seed->user != NULL || seed->password != NULL) {
            break;
        }
    }
    if (options->cluster_name == NULL || options->cluster_name[0] == '\0') {
        struct buf name = BUF_EMPTY;
        address_add(&name, options->seed[0].address.host, options->seed[0].address.port);
        free(options->cluster_name);
        options->cluster_name = buf_take(&name);
    }
}

char *options_read(int argc, char **argv, struct options *out)
{
    bool given[FLAG_COUNT] = {false};
    *out = (struct options){.collectors = collectors_by_default()};
    char *problem = read_arguments(argc, argv, out, given);
    if (problem == NULL) {
        problem = read_environment(out, given);
    }
    if (out->disable_default_collectors) {
        out->collectors &= out->chosen | collector_bit(COLLECTOR_BASE);
    }
    bool only_prints =
        out->show_help || out->show_version || out->print_metrics || out->print_acl != NULL;
    if (problem != NULL || only_prints) {
        return problem;
    }
    log_init(out->log_level, out->log_format);
    problem = read_seeds(out);
    // A password by flag beats a file by variable.
    bool flag_wins =
        given[flag_index("redis.password")] && !given[flag_index("redis.password-file")];
    if (problem == NULL && out->password_file != NULL && !flag_wins) {
        problem = read_password_file(out);
    }
    if (problem == NULL) {
        derive(out);
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

void options_clear(struct options *options)
{
    clear_secret(options->redis_addr);
    clear_secret(options->password);
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
    for (size_t i = 0; i < options->seed_count; i++) {
        seed_clear(&options->seed[i]);
    }
    free(options->seed);
}

enum { HELP_INDENT = 6, HELP_WIDTH = 78 };

static void print_wrapped(FILE *out, const char *text)
{
    size_t column = 0;
    struct span rest = span_of(text);
    struct span word;
    while (span_cut(&rest, ' ', &word)) {
        if (column == 0 || column + 1 + word.length > HELP_WIDTH) {
            fprintf(out, "%s%*s", column > 0 ? "\n" : "", HELP_INDENT, "");
            column = HELP_INDENT;
        } else {
            fputc(' ', out);
            column++;
        }
        fprintf(out, "%.*s", (int)word.length, word.at);
        column += word.length;
    }
    fputc('\n', out);
}

void options_print_help(FILE *out)
{
    fputs(
        "Usage: redis_cluster_exporter [flags]\n\n"
        "Prometheus exporter for Redis Cluster and Valkey Cluster: finds every node from one\n"
        "address, asks all of them at once, and serves one metrics page for the whole cluster.\n\n"
        "Flags beat the environment, which beats the defaults.\n\n",
        out);
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        const struct flag *flag = &flags[i];
        fprintf(out, "  --%s", flag->name);
        if (flag->argument != NULL) {
            fprintf(out, "=%s", flag->argument);
        }
        if (flag->variable != NULL) {
            fprintf(out, "  (%s)", flag->variable);
        }
        if (flag->preset != NULL) {
            fprintf(out, "  default %s", flag->preset);
        }
        fputc('\n', out);
        print_wrapped(out, flag->help);
    }
    fputs("\nCollectors, each turned on by --collector.NAME and off by --no-collector.NAME\n"
          "(REDIS_EXPORTER_COLLECTOR_NAME=true or false):\n\n",
          out);
    for (int i = COLLECTOR_BASE + 1; i < COLLECTOR_COUNT; i++) {
        fprintf(out, "  %-18s %-4s %s\n", collectors[i].name, collectors[i].on ? "on" : "off",
                collectors[i].help);
    }
}
