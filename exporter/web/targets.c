#include "web/targets.h"

#include <fnmatch.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "scrape/computed.h"
#include "web/node_list.h"

enum {
    TARGETS_MAX = 1024,        // kept at once; the one unused for longest makes room
    TARGETS_CHECKING_MAX = 32, // of these, with checks of their own, which can hold many keys
    TOPOLOGY_AGE_MAX_US = 5 * SECOND_US,
};

enum kind { KIND_NODE, KIND_CLUSTER };

enum permission { REFUSED, WITHOUT_PASSWORD, WITH_PASSWORD };

// What a request asks for, and how it may be answered.
struct question {
    enum kind kind;
    struct address address;
    char *checks;       // the parameters that name keys, as they came; NULL: none
    bool with_password; // the target may be told the configured one
};

struct target {
    enum kind kind;
    struct seed seed;
    char *checks;       // as in the question
    bool with_password; // as well
    struct collect_options collect;
    char *name; // host:port
    struct cluster *cluster;
    struct metrics_page *page;
    int64_t used_us;
};

struct targets {
    struct target_options options;
    struct target **target;
    size_t count;
    size_t capacity;
    struct pass *discovery;    // under way
    struct request *listing;   // wait for the list of nodes
    struct request *undecided; // name a target that may turn out to be a node
};

struct targets *targets_new(const struct target_options *options)
{
    struct targets *targets = mem_new(1, sizeof(*targets));
    targets->options = *options;
    return targets;
}

static void free_target(struct target *target)
{
    metrics_page_free(target->page);
    scrape_abort(target->cluster);
    cluster_free(target->cluster);
    if (target->checks != NULL) {
        key_checks_clear(&target->collect.checks);
        free(target->checks);
    }
    free(target->name);
    free(target);
}

// --- which are allowed ---

static bool is_member(const struct member *member, const struct address *address)
{
    bool by_name =
        strcmp(member->hostname, address->host) == 0 && member->address.port == address->port;
    return by_name || address_equal(&member->address, address);
}

static bool is_configured(const struct cluster *cluster, const struct address *address)
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

static enum permission judge(const struct targets *targets, const struct address *address)
{
    const struct target_options *options = &targets->options;
    enum permission permission = REFUSED;
    for (size_t i = 0; i < options->cluster_count; i++) {
        if (is_configured(options->cluster[i], address)) {
            return WITH_PASSWORD;
        }
    }
    struct buf name = BUF_EMPTY;
    address_add(&name, address->host, address->port);
    char *text = buf_take(&name);
    for (size_t i = 0; i < options->allowed_count; i++) {
        if (strcmp(options->allowed[i], "*") == 0) {
            permission = permission == REFUSED ? WITHOUT_PASSWORD : permission;
        } else if (fnmatch(options->allowed[i], text, FNM_NOESCAPE) == 0) {
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

// --- what is kept ---

static bool is_same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void drop_target(struct targets *targets, size_t index)
{
    free_target(targets->target[index]);
    targets->target[index] = targets->target[--targets->count];
}

// One that was made under another permission is not the one that is asked for: the node has joined
// or left the cluster since. It goes as soon as nobody waits for it.
static struct target *find_target(struct targets *targets, const struct question *question)
{
    struct target *found = NULL;
    for (size_t i = targets->count; i-- > 0;) {
        struct target *target = targets->target[i];
        if (target->kind != question->kind || !is_same_text(target->checks, question->checks) ||
            !address_equal(&target->seed.address, &question->address)) {
            continue;
        }
        if (target->with_password == question->with_password) {
            found = target;
        } else if (metrics_page_is_idle(target->page)) {
            drop_target(targets, i);
        }
    }
    return found;
}

// Among those with checks of their own only, or among all. False when all are busy.
static bool make_room(struct targets *targets, bool checking)
{
    size_t oldest = targets->count;
    size_t alike = 0;
    for (size_t i = 0; i < targets->count; i++) {
        const struct target *target = targets->target[i];
        if (checking && target->checks == NULL) {
            continue;
        }
        alike++;
        if (metrics_page_is_idle(target->page) &&
            (oldest == targets->count || target->used_us < targets->target[oldest]->used_us)) {
            oldest = i;
        }
    }
    if (alike < (checking ? TARGETS_CHECKING_MAX : TARGETS_MAX)) {
        return true;
    }
    if (oldest == targets->count) {
        return false;
    }
    drop_target(targets, oldest);
    return true;
}

// What the request does not name is as configured.
static void set_collect(struct target *target, const struct question *question,
                        const struct key_checks *checks, const struct collect_options *configured)
{
    target->collect = *configured;
    if (question->checks != NULL) {
        target->checks = mem_copy(question->checks, strlen(question->checks));
        target->collect.checks = *checks;
    }
}

// The page of one node is that of redis_exporter, which has the histograms.
static collector_set wanted_collectors(const struct target_options *options,
                                       const struct target *target)
{
    collector_set histogram = collector_bit(COLLECTOR_LATENCY_HISTOGRAM);
    const bool *has_kind = target->collect.checks.has_kind;
    collector_set wanted = options->collectors;
    if (target->kind == KIND_NODE && !(options->chosen & histogram)) {
        wanted |= histogram;
    }
    if (target->checks != NULL) {
        wanted |= has_kind[CHECK_KEY] || has_kind[CHECK_COUNT] ? collector_bit(COLLECTOR_KEYS) : 0;
        wanted |= has_kind[CHECK_STREAM] ? collector_bit(COLLECTOR_STREAMS) : 0;
    }
    return wanted;
}

// One node is a cluster that is never asked for its topology.
static struct cluster *new_cluster(const struct target_options *options,
                                   const struct target *target)
{
    struct cluster_options cluster = {
        .name = target->name,
        .seed = &target->seed,
        .seed_count = 1,
        .node_label = options->node_label,
        .collectors = wanted_collectors(options, target),
        .collect = &target->collect,
        .conn = options->conn,
        .single = target->kind == KIND_NODE,
    };
    if (!target->with_password) {
        // The password file may know this target all the same; it then speaks for its whole
        // cluster.
        struct login nothing = {cluster.conn.login.user, NULL};
        cluster.conn.login =
            credentials_find(cluster.conn.credentials, &target->seed.address, nothing);
    }
    return cluster_new(&cluster);
}

static struct metrics_page *new_page(const struct target_options *options, struct target *target)
{
    struct metrics_page_options page = {
        .cluster = &target->cluster,
        .cluster_count = 1,
        .dialect = target->kind == KIND_NODE ? DIALECT_RX : DIALECT_NATIVE,
        .collectors = target->cluster->options.collectors,
        .scrape_timeout_us = options->scrape_timeout_us,
        .timeout_offset_us = options->timeout_offset_us,
    };
    return metrics_page_new(&page);
}

// Takes what `checks` holds, where the question has checks of its own.
static struct target *add_target(struct targets *targets, const struct question *question,
                                 const struct key_checks *checks)
{
    struct target *target = mem_new(1, sizeof(*target));
    struct buf name = BUF_EMPTY;
    address_add(&name, question->address.host, question->address.port);
    target->kind = question->kind;
    target->with_password = question->with_password;
    target->seed.address = question->address;
    target->name = buf_take(&name);
    set_collect(target, question, checks, targets->options.collect);
    target->cluster = new_cluster(&targets->options, target);
    target->page = new_page(&targets->options, target);
    targets->target =
        mem_grow(targets->target, targets->count, &targets->capacity, sizeof(targets->target[0]));
    targets->target[targets->count++] = target;
    return target;
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
    char *problem = question->checks != NULL
                        ? read_checks(request, &targets->options.collect->checks, &checks)
                        : NULL;
    enum MHD_Result result;
    if (problem != NULL) {
        result = refuse(request, MHD_HTTP_BAD_REQUEST, problem);
    } else if (!make_room(targets, false) ||
               (question->checks != NULL && !make_room(targets, true))) {
        result = request_answer_text(request, MHD_HTTP_SERVICE_UNAVAILABLE,
                                     "Too many targets are being scraped.\n");
    } else {
        struct target *target = add_target(targets, question, &checks);
        target->used_us = clock_monotonic_us();
        return metrics_page_serve(target->page, request);
    }
    key_checks_clear(&checks);
    free(problem);
    return result;
}

static enum MHD_Result serve_allowed(struct targets *targets, struct request *request,
                                     const struct question *question)
{
    struct target *target = find_target(targets, question);
    if (target == NULL) {
        return serve_new(targets, request, question);
    }
    target->used_us = clock_monotonic_us();
    return metrics_page_serve(target->page, request);
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

static void on_discovered(void *owner, const struct snapshot *const *snapshot, size_t count)
{
    struct targets *targets = owner;
    struct request *request;
    // Prometheus keeps its old list on an error, so a partial list would be the worse answer.
    bool failed = !topology_is_known(&targets->options);
    struct answer *answer =
        failed || targets->listing == NULL ? NULL : node_list_answer(snapshot, count);
    targets->discovery = NULL;
    while ((request = take_first(&targets->listing)) != NULL) {
        if (failed) {
            request_resume_text(request, MHD_HTTP_SERVICE_UNAVAILABLE,
                                "No node of the cluster could be asked for the others.\n");
        } else {
            request_resume(request, answer);
        }
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
    return discover(targets, request, &targets->listing);
}

// --- requests ---

// Credentials in a target would be anybody's: they are not used.
static const char *parse_target(const struct request *request, struct address *out)
{
    const char *text = request_argument(request, "target");
    struct seed seed;
    if (text == NULL || text[0] == '\0') {
        return "the parameter target is missing";
    }
    const char *problem = seed_parse(span_of(text), &seed);
    if (problem == NULL) {
        *out = seed.address;
        seed_clear(&seed);
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

static enum MHD_Result serve_question(struct targets *targets, struct request *request,
                                      struct question *question)
{
    const struct target_options *options = &targets->options;
    enum permission permission = judge(targets, &question->address);
    if (permission == REFUSED) {
        return serve_unknown(targets, request);
    }
    if (permission == WITHOUT_PASSWORD && !topology_is_recent(options)) {
        start_discovery(targets, clock_monotonic_us() + options->scrape_timeout_us);
    }
    question->with_password = permission == WITH_PASSWORD;
    return serve_allowed(targets, request, question);
}

static enum MHD_Result serve(struct targets *targets, struct request *request, enum kind kind)
{
    struct question question = {.kind = kind};
    const char *problem = parse_target(request, &question.address);
    if (problem != NULL) {
        return refuse(request, MHD_HTTP_BAD_REQUEST, problem);
    }
    question.checks = kind == KIND_NODE ? join_checks(request) : NULL;
    enum MHD_Result result = serve_question(targets, request, &question);
    free(question.checks);
    return result;
}

enum MHD_Result targets_serve_node(struct targets *targets, struct request *request)
{
    return serve(targets, request, KIND_NODE);
}

enum MHD_Result targets_serve_cluster(struct targets *targets, struct request *request)
{
    return serve(targets, request, KIND_CLUSTER);
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
    for (size_t i = 0; i < targets->count; i++) {
        free_target(targets->target[i]);
    }
    free(targets->target);
    free(targets);
}
