#include "web/targets.h"

#include <stdlib.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/glob.h"
#include "base/mem.h"
#include "scrape/computed.h"
#include "web/node_list.h"

enum {
    TOPOLOGY_AGE_MAX_US = 5 * SECOND_US,
    SWEEP_S = 60, // how often targets that are not used any more are looked for
    NONE = -1,
};

enum permission { REFUSED, WITHOUT_PASSWORD, WITH_PASSWORD };

struct targets {
    struct target_options options;
    struct metrics_page **page; // of each configured cluster
    struct target_store *store; // of all other targets
    struct event *sweep;
    struct pass *discovery;    // under way
    struct request *listing;   // wait for the list of nodes
    struct request *undecided; // name a target that may turn out to be a node
};

static void on_sweep(evutil_socket_t fd, short what, void *context)
{
    struct targets *targets = context;
    (void)fd;
    (void)what;
    target_store_drop_idle(targets->store, clock_monotonic_us());
}

static void make_pages(struct targets *targets)
{
    const struct target_options *options = &targets->options;
    targets->page = mem_new(options->cluster_count, sizeof(targets->page[0]));
    for (size_t i = 0; i < options->cluster_count; i++) {
        struct metrics_page_options page = {
            .cluster = &options->cluster[i],
            .cluster_count = 1,
            .dialect = DIALECT_NATIVE,
            .collectors = options->cluster[i]->options.collectors,
            .scrape_timeout_us = options->scrape_timeout_us,
            .timeout_offset_us = options->timeout_offset_us,
        };
        targets->page[i] = metrics_page_new(&page);
    }
}

static void free_pages(struct targets *targets)
{
    for (size_t i = 0; i < targets->options.cluster_count; i++) {
        metrics_page_free(targets->page[i]);
    }
    free(targets->page);
}

struct targets *targets_new(const struct target_options *options)
{
    const struct timeval interval = {SWEEP_S, 0};
    struct targets *targets = mem_new(1, sizeof(*targets));
    targets->options = *options;
    targets->store = target_store_new(&targets->options);
    make_pages(targets);
    targets->sweep = event_new(options->foreign->conn.base, -1, EV_PERSIST, on_sweep, targets);
    CHECK(targets->sweep != NULL);
    event_add(targets->sweep, &interval);
    return targets;
}

// --- which are allowed ---

static bool is_member(const struct member *member, const struct address *address)
{
    bool by_name =
        strcmp(member->hostname, address->host) == 0 && member->address.port == address->port;
    return by_name || address_equal(&member->address, address);
}

static bool belongs_to(const struct cluster *cluster, const struct address *address)
{
    for (size_t i = 0; i < cluster->options.seed_count; i++) {
        if (address_equal(&cluster->options.seed[i].address, address)) {
            return true;
        }
    }
    for (size_t i = 0; i < cluster->count; i++) {
        if (is_member(cluster->member[i], address)) {
            return true;
        }
    }
    return false;
}

// The index of the configured cluster that the address belongs to, or NONE.
static int find_configured(const struct target_options *options, const struct address *address)
{
    for (size_t i = 0; i < options->cluster_count; i++) {
        if (belongs_to(options->cluster[i], address)) {
            return (int)i;
        }
    }
    return NONE;
}

static enum permission judge(const struct target_options *options, const struct address *address)
{
    enum permission permission = REFUSED;
    struct buf name = BUF_EMPTY;
    address_add(&name, address->host, address->port);
    char *text = buf_take(&name);
    for (size_t i = 0; i < options->allowed_count; i++) {
        if (strcmp(options->allowed[i], "*") == 0) {
            permission = permission == REFUSED ? WITHOUT_PASSWORD : permission;
        } else if (glob_matches(options->allowed[i], text)) {
            permission = WITH_PASSWORD;
        }
    }
    free(text);
    return permission;
}

// Whether what is known of the clusters' nodes is recent enough to refuse a target by it: a node
// may have joined since. It also bounds how often a stranger can make the clusters be asked.
static bool topology_is_recent(const struct target_options *options)
{
    int64_t now_us = clock_monotonic_us();
    for (size_t i = 0; i < options->cluster_count; i++) {
        int64_t scraped_us = options->cluster[i]->scraped_us;
        if (scraped_us == 0 || now_us - scraped_us >= TOPOLOGY_AGE_MAX_US) {
            return false;
        }
    }
    return true;
}

// Whether each cluster has told its nodes when it was last asked.
static bool topology_is_known(const struct target_options *options)
{
    bool known = true;
    for (size_t i = 0; i < options->cluster_count; i++) {
        known = known && options->cluster[i]->members_known;
    }
    return known;
}

static enum MHD_Result refuse(struct request *request, unsigned status, const char *reason)
{
    struct buf text = BUF_EMPTY;
    buf_format(&text, "%s.\n", reason);
    buf_char(&text, '\0');
    enum MHD_Result result = request_answer_text(request, status, text.data);
    buf_free(&text);
    process_count_target_error();
    return result;
}

static char *read_checks(const struct request *request, const struct key_checks *configured,
                         struct key_checks *out)
{
    for (size_t i = 0; i < CHECK_LISTS; i++) {
        const char *text = request_argument(request, check_lists[i].name);
        const char *problem = NULL;
        if (text == NULL) {
            key_checks_copy(out, &check_lists[i], configured);
        } else {
            problem = key_checks_add(out, &check_lists[i], span_of(text));
        }
        if (problem != NULL) {
            struct buf reason = BUF_EMPTY;
            buf_format(&reason, "the parameter %s %s", check_lists[i].name, problem);
            return buf_take(&reason);
        }
    }
    return NULL;
}

static enum MHD_Result serve_new(struct targets *targets, struct request *request,
                                 const struct question *question)
{
    struct key_checks checks = {.count = 0};
    char *problem =
        question->checks != NULL
            ? read_checks(request, &target_base(&targets->options, question->of)->collect->checks,
                          &checks)
            : NULL;
    if (problem != NULL) {
        enum MHD_Result result = refuse(request, MHD_HTTP_BAD_REQUEST, problem);
        key_checks_clear(&checks);
        free(problem);
        return result;
    }
    struct metrics_page *page = target_store_add(targets->store, question, &checks);
    if (page == NULL) {
        key_checks_clear(&checks);
        return request_answer(request, limits_answer(LIMIT_TARGETS));
    }
    return metrics_page_serve(page, request);
}

static enum MHD_Result serve_allowed(struct targets *targets, struct request *request,
                                     const struct question *question)
{
    struct metrics_page *page = target_store_find(targets->store, question);
    return page != NULL ? metrics_page_serve(page, request) : serve_new(targets, request, question);
}

// --- discovery ---

static struct request *take_first(struct request **list)
{
    struct request *first = *list;
    if (first != NULL) {
        *list = first->next;
    }
    return first;
}

// The index of the configured cluster of that name, or NONE.
static int find_named(const struct target_options *options, const char *name)
{
    for (size_t i = 0; i < options->cluster_count; i++) {
        if (strcmp(options->cluster[i]->options.name, name) == 0) {
            return (int)i;
        }
    }
    return NONE;
}

static bool any_is_known(const struct target_options *options)
{
    bool known = false;
    for (size_t i = 0; i < options->cluster_count; i++) {
        known = known || options->cluster[i]->members_known;
    }
    return known;
}

// Prometheus keeps its old list on an error, so where nothing is known an error is the better
// answer. But one of several clusters must not hold up the others: of it those nodes are listed
// that were known before.
static void answer_listing(const struct targets *targets, struct request *request,
                           const struct snapshot *const *snapshot, size_t count)
{
    const struct target_options *options = &targets->options;
    const char *name = request_argument(request, "cluster");
    int index = name != NULL ? find_named(options, name) : NONE;
    bool known = index != NONE ? options->cluster[index]->members_known : any_is_known(options);
    if (!known) {
        request_resume_text(request, MHD_HTTP_SERVICE_UNAVAILABLE,
                            "No node of the cluster could be asked for the others.\n");
    } else if (index != NONE) {
        request_resume(request, node_list_answer(&snapshot[index], 1));
    } else {
        request_resume(request, node_list_answer(snapshot, count));
    }
}

static void on_discovered(void *owner, const struct snapshot *const *snapshot, size_t count)
{
    struct targets *targets = owner;
    struct request *request;
    targets->discovery = NULL;
    while ((request = take_first(&targets->listing)) != NULL) {
        answer_listing(targets, request, snapshot, count);
    }
    while ((request = take_first(&targets->undecided)) != NULL) {
        request_retry(request);
    }
}

static void remove_request(struct request **list, const struct request *request)
{
    while (*list != NULL && *list != request) {
        list = &(*list)->next;
    }
    if (*list != NULL) {
        *list = request->next;
    }
}

static void on_expired(void *owner, struct request *request)
{
    struct targets *targets = owner;
    if (!pass_ends_by(targets->discovery, request->deadline_us)) {
        remove_request(&targets->listing, request);
        remove_request(&targets->undecided, request);
        request_resume_text(request, MHD_HTTP_SERVICE_UNAVAILABLE,
                            "The nodes of the cluster have not answered in time.\n");
    }
}

static void start_discovery(struct targets *targets, int64_t deadline_us)
{
    const struct target_options *options = &targets->options;
    if (targets->discovery != NULL) {
        pass_extend(targets->discovery, deadline_us);
        return;
    }
    targets->discovery =
        pass_start(options->cluster, options->cluster_count, deadline_us, on_discovered, targets);
}

static enum MHD_Result discover(struct targets *targets, struct request *request,
                                struct request **list)
{
    const struct target_options *options = &targets->options;
    int64_t deadline_us =
        request_deadline_us(request, options->scrape_timeout_us, options->timeout_offset_us);
    request->next = *list;
    *list = request;
    start_discovery(targets, deadline_us);
    return request_suspend(request, on_expired, targets);
}

enum MHD_Result targets_serve_discovery(struct targets *targets, struct request *request)
{
    const char *name = request_argument(request, "cluster");
    if (name != NULL && find_named(&targets->options, name) == NONE) {
        return request_answer_text(request, MHD_HTTP_NOT_FOUND,
                                   "No configured cluster has that name.\n");
    }
    return discover(targets, request, &targets->listing);
}

// --- requests ---

static const char *parse_server_name(const struct request *request, const char **out)
{
    const char *name = request_argument(request, "tls_server_name");
    name = name != NULL ? name : request_argument(request, "tls-server-name");
    *out = name != NULL && name[0] != '\0' ? name : NULL;
    return *out != NULL && strlen(*out) >= ADDRESS_HOST_SIZE
               ? "the parameter tls_server_name is too long"
               : NULL;
}

// Credentials in a target would be anybody's: they are not used.
static const char *parse_target(const struct request *request, struct question *out)
{
    const char *text = request_argument(request, "target");
    struct seed seed;
    if (text == NULL || text[0] == '\0') {
        return "the parameter target is missing";
    }
    const char *problem = seed_parse(span_of(text), &seed);
    if (problem == NULL) {
        out->address = seed.address;
        out->scheme = seed.scheme;
        seed_clear(&seed);
        problem = parse_server_name(request, &out->server_name);
    }
    return problem;
}

// The parameters that name keys, in the order of the lists; NULL when there is none.
static char *join_checks(const struct request *request)
{
    struct buf text = BUF_EMPTY;
    for (size_t i = 0; i < CHECK_LISTS; i++) {
        const char *value = request_argument(request, check_lists[i].name);
        if (value != NULL && value[0] != '\0') {
            buf_format(&text, "%s=%s&", check_lists[i].name, value);
        }
    }
    return text.length > 0 ? buf_take(&text) : NULL;
}

// It may be a node that has joined since.
static enum MHD_Result serve_unknown(struct targets *targets, struct request *request)
{
    const struct target_options *options = &targets->options;
    if (!topology_is_recent(options)) {
        return discover(targets, request, &targets->undecided);
    }
    if (!topology_is_known(options)) {
        return refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE,
                      "no node of the cluster could be asked whether this target is one of them");
    }
    return refuse(request, MHD_HTTP_FORBIDDEN,
                  "this target is not a node of a configured cluster; --scrape.allow names "
                  "further ones");
}

static enum MHD_Result serve_foreign(struct targets *targets, struct request *request,
                                     struct question *question)
{
    const struct target_options *options = &targets->options;
    enum permission permission = judge(options, &question->address);
    if (permission == REFUSED) {
        return serve_unknown(targets, request);
    }
    if (permission == WITHOUT_PASSWORD && !topology_is_recent(options)) {
        start_discovery(targets, clock_monotonic_us() + options->scrape_timeout_us);
    }
    // A request does not make a password that is kept secret by TLS go out without.
    bool tls_is_usual = options->foreign->conn.tls != NULL;
    question->tls =
        question->scheme == SCHEME_TLS || (question->scheme == SCHEME_NONE && tls_is_usual);
    question->with_password = permission == WITH_PASSWORD && (question->tls || !tls_is_usual);
    return serve_allowed(targets, request, question);
}

// A configured cluster is asked over the connections that it has, whichever of its nodes is named.
static enum MHD_Result serve_question(struct targets *targets, struct request *request,
                                      struct question *question)
{
    int index = find_configured(&targets->options, &question->address);
    if (index == NONE) {
        return serve_foreign(targets, request, question);
    }
    if (question->kind == TARGET_CLUSTER) {
        return metrics_page_serve(targets->page[index], request);
    }
    question->of = targets->options.cluster[index];
    question->tls = question->of->options.conn.tls != NULL;
    question->with_password = true;
    return serve_allowed(targets, request, question);
}

static enum MHD_Result serve(struct targets *targets, struct request *request,
                             enum target_kind kind)
{
    struct question question = {.kind = kind};
    const char *problem = parse_target(request, &question);
    if (problem != NULL) {
        return refuse(request, MHD_HTTP_BAD_REQUEST, problem);
    }
    question.checks = kind == TARGET_NODE ? join_checks(request) : NULL;
    enum MHD_Result result = question.checks != NULL && targets->options.refuse_keys
                                 ? refuse(request, MHD_HTTP_FORBIDDEN,
                                          "requests may not name keys, by --scrape.refuse-keys")
                                 : serve_question(targets, request, &question);
    free(question.checks);
    return result;
}

enum MHD_Result targets_serve_node(struct targets *targets, struct request *request)
{
    return serve(targets, request, TARGET_NODE);
}

enum MHD_Result targets_serve_cluster(struct targets *targets, struct request *request)
{
    return serve(targets, request, TARGET_CLUSTER);
}

static void turn_away(struct request **list)
{
    struct request *request;
    while ((request = take_first(list)) != NULL) {
        request_resume_text(request, MHD_HTTP_SERVICE_UNAVAILABLE,
                            "The exporter is shutting down.\n");
    }
}

void targets_free(struct targets *targets)
{
    pass_cancel(targets->discovery);
    turn_away(&targets->listing);
    turn_away(&targets->undecided);
    free_pages(targets);
    target_store_free(targets->store);
    event_free(targets->sweep);
    free(targets);
}

void targets_configure(struct targets *targets, const struct target_options *options)
{
    free_pages(targets);
    targets->options = *options;
    make_pages(targets);
    target_store_configure(targets->store);
}

bool targets_are_quiet(const struct targets *targets)
{
    return target_store_busy(targets->store) == 0;
}

void targets_hurry(struct targets *targets)
{
    target_store_hurry(targets->store);
}
