#include "config/flags.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/mem.h"

static void *field(struct options *options, size_t offset)
{
    return (char *)options + offset;
}

const char *flag_set_text(struct options *options, size_t offset, const char *value)
{
    char **text = field(options, offset);
    free(*text);
    *text = mem_copy(value, strlen(value));
    return NULL;
}

const char *flag_parse_switch(const char *value, bool *out)
{
    *out = strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
    bool off = strcmp(value, "false") == 0 || strcmp(value, "0") == 0;
    return *out || off ? NULL : "must be true or false";
}

static const char *set_switch(struct options *options, size_t offset, const char *value)
{
    return flag_parse_switch(value, field(options, offset));
}

// A switch that may have a URL.
static const char *set_healthcheck(struct options *options, size_t offset, const char *value)
{
    return flag_set_text(options, offset, strcmp(value, "true") == 0 ? "" : value);
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
    return flag_set_text(options, offset, value);
}

static const char *set_level(struct options *options, size_t offset, const char *value)
{
    char word[8] = "";
    for (size_t i = 0; i + 1 < sizeof(word) && value[i] != '\0'; i++) {
        word[i] = (char)(tolower)((unsigned char)value[i]); // redis_exporter's default is INFO
    }
    return log_level_parse(word, field(options, offset)) ? NULL
                                                         : "must be debug, info, warn or error";
}

static const char *set_format(struct options *options, size_t offset, const char *value)
{
    const char *word = strcmp(value, "txt") == 0 ? "logfmt" : value; // as redis_exporter calls it
    return log_format_parse(word, field(options, offset)) ? NULL : "must be logfmt or json";
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

// Several patterns may be separated by commas, as the environment needs it.
static const char *add_allowed(struct options *options, size_t offset, const char *value)
{
    struct span rest = span_of(value);
    struct span part;
    (void)offset;
    while (span_cut(&rest, ',', &part)) {
        part = span_trim(part);
        if (options->allowed_count == ALLOWED_MAX || part.length == 0) {
            return "must be a pattern of host:port such as 10.0.0.*:6379, at most 64 of them";
        }
        options->allowed[options->allowed_count++] = mem_copy(part.at, part.length);
    }
    return options->allowed_count > 0 ? NULL : "must be a pattern of host:port";
}

// In the environment several addresses are separated by commas.
static const char *add_listen(struct options *options, size_t offset, const char *value)
{
    struct span rest = span_of(value);
    struct span part;
    (void)offset;
    while (span_cut(&rest, ',', &part)) {
        struct address address;
        bool is_path = span_starts(part, SPAN("unix:/"));
        bool any_host = part.length > 0 && part.at[0] == ':';
        struct buf text = BUF_EMPTY;
        buf_text(&text, any_host ? "[::]" : "");
        buf_span(&text, part);
        bool valid = is_path || address_parse(buf_view(&text), 0, &address);
        buf_free(&text);
        if (!valid || options->listen_count == LISTEN_MAX) {
            return "must be host:port, [IPv6]:port, :port or unix:/path, at most 16 of them";
        }
        options->listen[options->listen_count++] = mem_copy(part.at, part.length);
    }
    return options->listen_count > 0 ? NULL : "must be host:port, [IPv6]:port, :port or unix:/path";
}

// `list` is an index into check_lists.
static const char *add_checks(struct options *options, size_t list, const char *value)
{
    return key_checks_add(&options->collect.checks, &check_lists[list], span_of(value));
}

static const char *set_full_views(struct options *options, size_t offset, const char *value)
{
    uint64_t number;
    (void)offset;
    if (!span_u64(span_of(value), &number) || number < 10 || number > 100000) {
        return "must be a number from 10 to 100000";
    }
    options->full_views = (size_t)number;
    return NULL;
}

static const char *set_max_nodes(struct options *options, size_t offset, const char *value)
{
    uint64_t number;
    (void)offset;
    if (!span_u64(span_of(value), &number) || number < 1 || number > 20000) {
        return "must be a number from 1 to 20000";
    }
    options->max_nodes = (size_t)number;
    return NULL;
}

// Those of several flags add up.
static const char *add_patterns(struct options *options, size_t offset, const char *value)
{
    char **patterns = field(options, offset);
    struct span rest = span_of(value);
    struct span part;
    struct buf all = BUF_EMPTY;
    buf_text(&all, *patterns != NULL ? *patterns : "");
    while (span_cut(&rest, ',', &part)) {
        part = span_trim(part);
        if (part.length == 0) {
            buf_free(&all);
            return "must be patterns of host:port such as 10.0.0.*:6379, separated by commas";
        }
        buf_text(&all, all.length > 0 ? "," : "");
        buf_span(&all, part);
    }
    free(*patterns);
    *patterns = buf_take(&all);
    return NULL;
}

static const char *set_check(struct options *options, size_t offset, const char *value)
{
    options->check = true;
    return flag_set_text(options, offset, value);
}

static bool parse_count(const char *value, uint32_t most, uint32_t *out)
{
    uint64_t number;
    bool fine = span_u64(span_of(value), &number) && number >= 1 && number <= most;
    if (fine) {
        *out = (uint32_t)number;
    }
    return fine;
}

static const char *set_batch_size(struct options *options, size_t offset, const char *value)
{
    bool fine = parse_count(value, 100000, field(options, offset));
    return fine ? NULL : "must be a number from 1 to 100000";
}

static const char *set_hot_slots(struct options *options, size_t offset, const char *value)
{
    bool fine = parse_count(value, 1000, field(options, offset));
    return fine ? NULL : "must be a number from 1 to 1000";
}

static const char *set_connections(struct options *options, size_t offset, const char *value)
{
    bool fine = parse_count(value, 60000, field(options, offset));
    return fine ? NULL : "must be a number from 1 to 60000";
}

// Of requests; 0 is no limit.
static const char *set_most(struct options *options, size_t offset, const char *value)
{
    uint32_t *target = field(options, offset);
    *target = 0;
    bool fine = strcmp(value, "0") == 0 || parse_count(value, 100000, target);
    return fine ? NULL : "must be a number from 1 to 100000, or 0 for no limit";
}

// Of bytes; 0 is no limit.
static const char *set_size(struct options *options, size_t offset, const char *value)
{
    static const struct {
        const char *suffix;
        uint64_t bytes;
    } units[] = {{"", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
    size_t digits = strspn(value, "0123456789");
    uint64_t number;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(value + digits, units[i].suffix) == 0 &&
            span_u64(span_make(value, digits), &number) && number <= UINT32_MAX) {
            *(uint64_t *)field(options, offset) = number * units[i].bytes;
            return NULL;
        }
    }
    return "must be a number of bytes such as 64MiB, with KiB, MiB or GiB, or 0 for no limit";
}

static const char *set_search_indexes(struct options *options, size_t offset, const char *value)
{
    (void)offset;
    if (options->has_search_indexes) {
        regfree(&options->search_indexes);
    }
    options->has_search_indexes =
        regcomp(&options->search_indexes, value, REG_EXTENDED | REG_NOSUB) == 0;
    options->collect.search_indexes = options->has_search_indexes ? &options->search_indexes : NULL;
    return options->has_search_indexes ? NULL : "must be an extended regular expression";
}

static const char *set_tls_version(struct options *options, size_t offset, const char *value)
{
    return tls_version_parse(value, field(options, offset)) ? NULL : "must be 1.2 or 1.3";
}

static const char *add_address_rules(struct options *options, size_t offset, const char *value)
{
    return address_map_add(field(options, offset), span_of(value));
}

static const char *set_expected(struct options *options, size_t offset, const char *value)
{
    uint64_t number;
    size_t *target = field(options, offset);
    if (!span_u64(span_of(value), &number) || number < 1 || number > 5000) {
        return "must be a number from 1 to 5000";
    }
    *target = (size_t)number;
    return NULL;
}

static const char *set_name(struct options *options, size_t offset, const char *value)
{
    bool printable = value[strcspn(value, "\n\r\t")] == '\0';
    return printable ? flag_set_text(options, offset, value) : "must be one line";
}

bool flag_takes_lists(const struct flag *flag)
{
    return flag->set == add_allowed || flag->set == add_listen || flag->set == add_checks ||
           flag->set == add_address_rules || flag->set == add_patterns;
}

#define AT(member) offsetof(struct options, member)

const struct flag flags[] = {
    {"redis.addr", "REDIS_ADDR", "URL[,URL...]", "redis://localhost:6379",
     "one or more nodes of the cluster, from which the others are found: "
     "redis://[user[:password]@]host:port, valkey://, rediss:// and valkeys:// for TLS, host:port, "
     "[IPv6]:port",
     flag_set_text, AT(redis_addr)},
    {"redis.cluster-name", "REDIS_EXPORTER_CLUSTER_NAME", "NAME", NULL,
     "value of the redis_cluster label (default: host:port of the first URL)", set_name,
     AT(cluster_name)},
    {"redis.user", "REDIS_USER", "NAME", NULL, "ACL user to log in as", flag_set_text, AT(user)},
    {"redis.password-file", "REDIS_PASSWORD_FILE", "FILE", NULL,
     "file that holds the password (one line end at its end is not part of it), or a JSON object "
     "that maps URLs such as redis://user@host:port to passwords",
     flag_set_text, AT(password_file)},
    {"redis.password", "REDIS_PASSWORD", "PASSWORD", NULL,
     "the password itself: use the variable or the file; on the command line it is visible to "
     "others until it has been overwritten",
     flag_set_text, AT(password)},
    {"redis.tls-ca-file", "REDIS_EXPORTER_TLS_CA_FILE", "FILE", NULL,
     "certificate authorities, in PEM form, that must have signed the servers' certificates "
     "(default: those that the system trusts)",
     flag_set_text, AT(tls.ca_file)},
    {"redis.tls-cert-file", "REDIS_EXPORTER_TLS_CERT_FILE", "FILE", NULL,
     "certificate to show to the servers, in PEM form; with --redis.tls-key-file", flag_set_text,
     AT(tls.cert_file)},
    {"redis.tls-key-file", "REDIS_EXPORTER_TLS_KEY_FILE", "FILE", NULL,
     "its private key, without a passphrase", flag_set_text, AT(tls.key_file)},
    {"redis.tls-server-name", "REDIS_EXPORTER_TLS_SERVER_NAME", "NAME", NULL,
     "name or address that the servers' certificates must be for (default: the host name that a "
     "node announces, or its address)",
     flag_set_text, AT(tls.server_name)},
    {"redis.tls-min-version", "REDIS_EXPORTER_TLS_MIN_VERSION", "1.2|1.3", "1.2",
     "oldest version of TLS that is spoken", set_tls_version, AT(tls.min_version)},
    {"redis.tls-skip-verify", "REDIS_EXPORTER_TLS_SKIP_VERIFY", NULL, NULL,
     "take any certificate: whoever can answer in a server's place then gets the password",
     set_switch, AT(tls.skip_verify)},
    {"redis.address-map", "REDIS_EXPORTER_ADDRESS_MAP", "FROM=TO[,FROM=TO...]", NULL,
     "where to connect instead of at an announced address: HOST:PORT=HOST:PORT, HOST=HOST or "
     "*:PORT=*:PORT; may be given several times",
     add_address_rules, AT(address_map)},
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
    {"cluster.full-views", "REDIS_EXPORTER_CLUSTER_FULL_VIEWS", "N", "100",
     "up to so many nodes, all are asked for their view of the cluster in each scrape; of more, "
     "half so many in turn, and those that seem to disagree",
     set_full_views, 0},
    {"cluster.max-nodes", "REDIS_EXPORTER_CLUSTER_MAX_NODES", "N", "2000",
     "further nodes that a cluster's nodes name are not asked", set_max_nodes, 0},
    {"cluster.allow-nodes", "REDIS_EXPORTER_CLUSTER_ALLOW_NODES", "PATTERN[,PATTERN...]", NULL,
     "where nodes that others name may be asked, which tells the password there: patterns of "
     "host:port, in which * stands for any text (default: anywhere)",
     add_patterns, AT(allow_nodes)},
    {"cluster.one-host", "REDIS_EXPORTER_CLUSTER_ONE_HOST", NULL, NULL,
     "all nodes share one host on purpose (a port-mapped service, a test cluster): do not judge "
     "how they are spread over hosts",
     set_switch, AT(one_host)},
    {"expect.nodes", "REDIS_EXPORTER_EXPECT_NODES", "N", NULL,
     "nodes that the cluster should know: a node that was lost for good, or has never joined, is "
     "missed by nobody else",
     set_expected, AT(expect.nodes)},
    {"expect.masters", "REDIS_EXPORTER_EXPECT_MASTERS", "N", NULL, "masters that should own slots",
     set_expected, AT(expect.masters)},
    {"expect.replicas", "REDIS_EXPORTER_EXPECT_REPLICAS", "N", NULL,
     "healthy replicas that each of these should have, at least", set_expected,
     AT(expect.replicas)},
    {"cluster.hot-slots", "REDIS_EXPORTER_CLUSTER_HOT_SLOTS", "N", "10",
     "slots of each master that the collector slot-stats exports for each figure: those with most "
     "keys, CPU time, memory, and bytes in and out",
     set_hot_slots, AT(collect.hot_slots)},
    {"scrape.timeout", "REDIS_EXPORTER_SCRAPE_TIMEOUT", "TIME", "10s",
     "limit on a scrape whose request does not carry X-Prometheus-Scrape-Timeout-Seconds",
     set_limit, AT(scrape_timeout_us)},
    {"web.listen-address", "REDIS_EXPORTER_WEB_LISTEN_ADDRESS", "HOST:PORT", ":9121",
     "where to listen, or unix:/path for a Unix socket; may be given several times", add_listen, 0},
    {"web.systemd-socket", "REDIS_EXPORTER_WEB_SYSTEMD_SOCKET", NULL, NULL,
     "serve at the sockets that systemd passes, in place of --web.listen-address", set_switch,
     AT(systemd_socket)},
    {"web.config.file", "REDIS_EXPORTER_WEB_CONFIG_FILE", "FILE", NULL,
     "TLS, users and headers of the HTTP server, in the format of Prometheus' exporters",
     flag_set_text, AT(web_config)},
    {"web.telemetry-path", "REDIS_EXPORTER_WEB_TELEMETRY_PATH", "PATH", "/metrics",
     "path of the metrics page", set_path, AT(telemetry_path)},
    {"web.timeout-offset", "REDIS_EXPORTER_WEB_TIMEOUT_OFFSET", "TIME", "0.25s",
     "how much earlier than Prometheus' own timeout a scrape ends", set_duration,
     AT(timeout_offset_us)},
    {"web.max-connections", "REDIS_EXPORTER_WEB_MAX_CONNECTIONS", "N", "1024",
     "HTTP connections to one listening address at once", set_connections,
     AT(limits.connections_max)},
    {"web.max-requests", "REDIS_EXPORTER_WEB_MAX_REQUESTS", "N", "512",
     "requests that wait for an answer at once; 0: no limit", set_most, AT(limits.requests_max)},
    {"web.max-scrape-rate", "REDIS_EXPORTER_WEB_MAX_SCRAPE_RATE", "N", "1000",
     "requests of /scrape a second; 0: no limit", set_most, AT(limits.rate_max[RATE_SCRAPE])},
    {"web.max-cluster-rate", "REDIS_EXPORTER_WEB_MAX_CLUSTER_RATE", "N", "100",
     "requests a second of the paths that ask a whole cluster each: /cluster, "
     "/discover-cluster-nodes and /api together; 0: no limit",
     set_most, AT(limits.rate_max[RATE_CLUSTER])},
    {"web.max-page-size", "REDIS_EXPORTER_WEB_MAX_PAGE_SIZE", "BYTES", "512MiB",
     "size of a page before compression; 0: no limit", set_size, AT(limits.page_size_max)},
    {"web.max-sending-size", "REDIS_EXPORTER_WEB_MAX_SENDING_SIZE", "BYTES", "1GiB",
     "size of all pages that clients have not read to the end yet; 0: no limit", set_size,
     AT(limits.sending_size_max)},
    {"web.send-timeout", "REDIS_EXPORTER_WEB_SEND_TIMEOUT", "TIME", "2m",
     "until a client must have read its answer; 0: no limit", set_duration,
     AT(limits.send_timeout_us)},
    {"scrape.allow", "REDIS_EXPORTER_SCRAPE_ALLOW", "PATTERN", NULL,
     "further targets that /scrape and /cluster serve, as host:port with * and ?; may be given "
     "several times, or separated by commas. The configured password goes to them too, except by "
     "the pattern *, which allows any target but sends it none",
     add_allowed, 0},
    {"scrape.refuse-keys", "REDIS_EXPORTER_SCRAPE_REFUSE_KEYS", NULL, NULL,
     "refuse requests of /scrape that name keys or streams: only what is configured is looked at",
     set_switch, AT(refuse_keys)},
    {"metrics.dialect", "REDIS_EXPORTER_METRICS_DIALECT", "native|redis_exporter", "native",
     "names on the metrics page: this exporter's, or those of redis_exporter", set_dialect,
     AT(dialect)},
    {"collector.disable-defaults", "REDIS_EXPORTER_COLLECTOR_DISABLE_DEFAULTS", NULL, NULL,
     "turn off all collectors that are not turned on by name", set_switch,
     AT(disable_default_collectors)},
    {"check-keys", "REDIS_EXPORTER_CHECK_KEYS", "LIST", NULL,
     "keys to export with size, memory and value, as name or dbN=name, URL-escaped, separated by "
     "commas; a name with *, ? or [] is a pattern, for which the keys of all masters are gone "
     "through",
     add_checks, 0},
    {"check-single-keys", "REDIS_EXPORTER_CHECK_SINGLE_KEYS", "LIST", NULL,
     "the same, where no name is a pattern; each is asked of the master that owns its slot",
     add_checks, 1},
    {"count-keys", "REDIS_EXPORTER_COUNT_KEYS", "LIST", NULL,
     "patterns of keys to count on all masters", add_checks, 4},
    {"check-streams", "REDIS_EXPORTER_CHECK_STREAMS", "LIST", NULL,
     "streams to export with their groups and consumers; as --check-keys", add_checks, 2},
    {"check-single-streams", "REDIS_EXPORTER_CHECK_SINGLE_STREAMS", "LIST", NULL,
     "the same, where no name is a pattern", add_checks, 3},
    {"check-keys-batch-size", "REDIS_EXPORTER_CHECK_KEYS_BATCH_SIZE", "N", "1000",
     "keys that one SCAN looks at; a walk that takes more than half of a scrape's time goes on in "
     "the next scrape",
     set_batch_size, AT(collect.batch_size)},
    {"disable-exporting-key-values", "REDIS_EXPORTER_DISABLE_EXPORTING_KEY_VALUES", NULL, NULL,
     "export no values of keys, only sizes: whoever may read the pages may read these values",
     set_switch, AT(collect.without_values)},
    {"streams-exclude-consumer-metrics", "REDIS_EXPORTER_STREAMS_EXCLUDE_CONSUMER_METRICS", NULL,
     NULL, "do not ask for the consumers of stream groups", set_switch,
     AT(collect.without_consumers)},
    {"check-search-indexes", "REDIS_EXPORTER_CHECK_SEARCH_INDEXES", "REGEX", ".*",
     "names of the indexes that the collector search exports", set_search_indexes, 0},
    {"export-client-port", "REDIS_EXPORTER_EXPORT_CLIENT_PORT", NULL, NULL,
     "a port label on redis_connected_client_info", set_switch, AT(collect.client_ports)},
    {"include-sentinel-peer-info", "REDIS_EXPORTER_INCL_SENTINEL_PEER_INFO", NULL, NULL,
     "one series for each other Sentinel of a master", set_switch, AT(collect.sentinel_peers)},
    {"config.file", "REDIS_EXPORTER_CONFIG_FILE", "FILE", NULL,
     "YAML file that says what the flags say, for any number of clusters; read again at SIGHUP and "
     "at POST /-/reload",
     flag_set_text, AT(config_file)},
    {"config.check", NULL, NULL, NULL,
     "read everything that the other flags and the environment name, print what is wrong with it, "
     "one line each, and exit with 0 when nothing is, else 2",
     set_switch, AT(config_check)},
    {"log.level", "REDIS_EXPORTER_LOG_LEVEL", "debug|info|warn|error", "info",
     "least severity that is logged", set_level, AT(log_level)},
    {"log.format", "REDIS_EXPORTER_LOG_FORMAT", "logfmt|json", "logfmt",
     "form of the log on standard error", set_format, AT(log_format)},
    {"check", NULL, "URL", NULL,
     "look at the cluster of that node once, print what is wrong with it, and exit with 0 when it "
     "is healthy, 1 for warnings, 2 when it is critical",
     set_check, AT(redis_addr)},
    {"healthcheck", NULL, NULL, NULL,
     "ask the exporter that runs here whether it is healthy, at the first listening address (by "
     "--web.listen-address, or its variable), and exit with 0 or 1; --healthcheck=URL asks at "
     "http://host:port, https://host:port or unix:/path",
     set_healthcheck, AT(healthcheck)},
    {"print-metrics", NULL, NULL, NULL, "print the reference of all metrics as Markdown",
     set_switch, AT(print_metrics)},
    {"print-acl", NULL, "VERSION", NULL,
     "print the rights that the exporter's user needs on such a server: 6.2, 7.0, valkey-8.1, ...",
     flag_set_text, AT(print_acl)},
    {"version", NULL, NULL, NULL, "print the version", set_switch, AT(show_version)},
    {"help", NULL, NULL, NULL, "print this text", set_switch, AT(show_help)},
};

const size_t flag_count = sizeof(flags) / sizeof(flags[0]);

const struct alias aliases[] = {
    {"connection-timeout", "REDIS_EXPORTER_CONNECTION_TIMEOUT", "redis.timeout", NULL, false},
    {"include-config-metrics", "REDIS_EXPORTER_INCL_CONFIG_METRICS", "collector.config-all", NULL,
     false},
    {"include-modules-metrics", "REDIS_EXPORTER_INCL_MODULES_METRICS", "collector.modules", NULL,
     false},
    {"include-search-indexes-metrics", "REDIS_EXPORTER_INCL_SEARCH_INDEXES_METRICS",
     "collector.search", NULL, false},
    {"export-client-list", "REDIS_EXPORTER_EXPORT_CLIENT_LIST", "collector.client-list", NULL,
     false},
    {"exclude-latency-histogram-metrics", "REDIS_EXPORTER_EXCLUDE_LATENCY_HISTOGRAM_METRICS",
     "no-collector.latency-histogram", NULL, false},
    {"tls-ca-cert-file", "REDIS_EXPORTER_TLS_CA_CERT_FILE", "redis.tls-ca-file", NULL, false},
    {"tls-client-cert-file", "REDIS_EXPORTER_TLS_CLIENT_CERT_FILE", "redis.tls-cert-file", NULL,
     false},
    {"tls-client-key-file", "REDIS_EXPORTER_TLS_CLIENT_KEY_FILE", "redis.tls-key-file", NULL,
     false},
    {"tls-server-name", NULL, "redis.tls-server-name", NULL, false},
    {"skip-tls-verification", "REDIS_EXPORTER_SKIP_TLS_VERIFICATION", "redis.tls-skip-verify", NULL,
     false},
    {"log-level", NULL, "log.level", NULL, false},
    {"log-format", NULL, "log.format", NULL, false},
    {"debug", "REDIS_EXPORTER_DEBUG", "log.level", "debug", false},
    {"is-cluster", "REDIS_EXPORTER_IS_CLUSTER", NULL, NULL, true},
    {"set-client-name", "REDIS_EXPORTER_SET_CLIENT_NAME", NULL, NULL, true},
    {"include-system-metrics", "REDIS_EXPORTER_INCL_SYSTEM_METRICS", NULL, NULL, true},
};

const size_t alias_count = sizeof(aliases) / sizeof(aliases[0]);

const struct alias *alias_find(struct span name)
{
    for (size_t i = 0; i < alias_count; i++) {
        if (span_is(name, aliases[i].name)) {
            return &aliases[i];
        }
    }
    return NULL;
}

const struct flag *flag_find(struct span name)
{
    for (size_t i = 0; i < flag_count; i++) {
        if (span_is(name, flags[i].name)) {
            return &flags[i];
        }
    }
    return NULL;
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
        "Flags beat the environment, which beats the file of --config.file, which beats the\n"
        "defaults.\n\n",
        out);
    for (size_t i = 0; i < flag_count; i++) {
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
    fputs("\nThese flags of redis_exporter are understood too:", out);
    for (size_t i = 0; i < alias_count; i++) {
        fprintf(out, "%s--%s", i % 2 == 0 ? "\n  " : " ", aliases[i].name);
    }
    fputs("\n\nCollectors, each turned on by --collector.NAME and off by --no-collector.NAME\n"
          "(REDIS_EXPORTER_COLLECTOR_NAME=true or false):\n\n",
          out);
    for (int i = COLLECTOR_BASE + 1; i < COLLECTOR_COUNT; i++) {
        fprintf(out, "  %-18s %-4s %s\n", collectors[i].name, collectors[i].on ? "on" : "off",
                collectors[i].help);
    }
}
