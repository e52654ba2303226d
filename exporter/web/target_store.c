#include "web/target_store.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

enum { IDLE_MAX_S = 600 };

struct target {
    enum target_kind kind;
    struct seed seed;
    char *checks;       // as in the question
    bool with_password; // as well
    struct collect_options collect;
    char *name; // host:port
    struct cluster *cluster;
    struct metrics_page *page;
    int64_t used_us;
};

struct target_store {
    const struct target_options *options;
    struct target **target;
    size_t count;
    size_t capacity;
};

struct target_store *target_store_new(const struct target_options *options)
{
    struct target_store *store = mem_new(1, sizeof(*store));
    store->options = options;
    return store;
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

void target_store_free(struct target_store *store)
{
    for (size_t i = 0; i < store->count; i++) {
        free_target(store->target[i]);
    }
    free(store->target);
    free(store);
}

static bool is_same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void drop_target(struct target_store *store, size_t index)
{
    free_target(store->target[index]);
    store->target[index] = store->target[--store->count];
}

struct metrics_page *target_store_find(struct target_store *store, const struct question *question)
{
    struct target *found = NULL;
    for (size_t i = store->count; i-- > 0;) {
        struct target *target = store->target[i];
        if (target->kind != question->kind || !is_same_text(target->checks, question->checks) ||
            !address_equal(&target->seed.address, &question->address)) {
            continue;
        }
        if (target->with_password == question->with_password) {
            found = target;
        } else if (metrics_page_is_idle(target->page)) {
            drop_target(store, i);
        }
    }
    if (found != NULL) {
        found->used_us = clock_monotonic_us();
    }
    return found != NULL ? found->page : NULL;
}

// Among those with checks of their own only, or among all. False when all are busy.
static bool make_room(struct target_store *store, bool checking)
{
    size_t oldest = store->count;
    size_t alike = 0;
    for (size_t i = 0; i < store->count; i++) {
        const struct target *target = store->target[i];
        if (checking && target->checks == NULL) {
            continue;
        }
        alike++;
        if (metrics_page_is_idle(target->page) &&
            (oldest == store->count || target->used_us < store->target[oldest]->used_us)) {
            oldest = i;
        }
    }
    if (alike < (checking ? TARGETS_CHECKING_MAX : TARGETS_MAX)) {
        return true;
    }
    if (oldest == store->count) {
        return false;
    }
    drop_target(store, oldest);
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
    if (target->kind == TARGET_NODE && !(options->chosen & histogram)) {
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
        .single = target->kind == TARGET_NODE,
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
        .dialect = target->kind == TARGET_NODE ? DIALECT_RX : DIALECT_NATIVE,
        .collectors = target->cluster->options.collectors,
        .scrape_timeout_us = options->scrape_timeout_us,
        .timeout_offset_us = options->timeout_offset_us,
    };
    return metrics_page_new(&page);
}

struct metrics_page *target_store_add(struct target_store *store, const struct question *question,
                                      const struct key_checks *checks)
{
    if (!make_room(store, false) || (question->checks != NULL && !make_room(store, true))) {
        return NULL;
    }
    struct target *target = mem_new(1, sizeof(*target));
    struct buf name = BUF_EMPTY;
    address_add(&name, question->address.host, question->address.port);
    target->kind = question->kind;
    target->with_password = question->with_password;
    target->seed.address = question->address;
    target->name = buf_take(&name);
    set_collect(target, question, checks, store->options->collect);
    target->cluster = new_cluster(store->options, target);
    target->page = new_page(store->options, target);
    target->used_us = clock_monotonic_us();
    store->target =
        mem_grow(store->target, store->count, &store->capacity, sizeof(store->target[0]));
    store->target[store->count++] = target;
    return target->page;
}

void target_store_drop_idle(struct target_store *store, int64_t now_us)
{
    for (size_t i = store->count; i-- > 0;) {
        const struct target *target = store->target[i];
        if (now_us - target->used_us >= (int64_t)IDLE_MAX_S * SECOND_US &&
            metrics_page_is_idle(target->page)) {
            drop_target(store, i);
        }
    }
}

size_t target_store_count(const struct target_store *store)
{
    return store->count;
}
