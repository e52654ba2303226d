#include "web/target_store.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

enum { IDLE_MAX_S = 600 };

struct target {
    enum target_kind kind;
    struct seed seed;
    const struct cluster *of; // as in the question
    bool tls;                 // as well
    char *server_name;        // as well
    char *checks;             // as well
    bool with_password;       // as well
    const struct target_options *options;
    struct key_checks own_checks; // by `checks`
    struct collect_options collect;
    char *user;
    char *password;
    struct login
        login;  // these: what a password file has for it, where it may not be told the common one
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

static void clear_login(struct target *target)
{
    if (target->password != NULL) {
        explicit_bzero(target->password, strlen(target->password));
    }
    free(target->user);
    free(target->password);
    target->user = NULL;
    target->password = NULL;
    target->login = (struct login){NULL, NULL};
}

static void free_target(struct target *target)
{
    metrics_page_free(target->page);
    scrape_abort(target->cluster);
    cluster_free(target->cluster);
    key_checks_clear(&target->own_checks);
    free(target->checks);
    free(target->server_name);
    clear_login(target);
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
            !is_same_text(target->server_name, question->server_name) ||
            !address_equal(&target->seed.address, &question->address)) {
            continue;
        }
        if (target->with_password == question->with_password && target->of == question->of &&
            target->tls == question->tls) {
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

const struct cluster_options *target_base(const struct target_options *options,
                                          const struct cluster *of)
{
    return of != NULL ? &of->options : options->foreign;
}

static const struct cluster_options *base_of(const struct target *target)
{
    return target_base(target->options, target->of);
}

static char *copy_text(const char *text)
{
    return text != NULL ? mem_copy(text, strlen(text)) : NULL;
}

static bool is_same_login(struct login a, struct login b)
{
    return is_same_text(a.user, b.user) && is_same_text(a.password, b.password);
}

// A password file may know this target though it may not be told the common password; what it has
// then speaks for the target's whole cluster. Whether that has changed.
static bool find_login(struct target *target)
{
    const struct conn_options *conn = &base_of(target)->conn;
    struct login nothing = {conn->login != NULL ? conn->login->user : NULL, NULL};
    struct login login = credentials_find(conn->credentials, &target->seed.address, nothing);
    bool changed = !is_same_login(login, target->login);
    if (changed) {
        clear_login(target);
        target->user = copy_text(login.user);
        target->password = copy_text(login.password);
        target->login = (struct login){target->user, target->password};
    }
    return changed;
}

static bool renew_login(void *owner)
{
    struct target *target = owner;
    const struct cluster_options *base = base_of(target);
    bool changed = base->renew_login != NULL && base->renew_login(base->login_owner);
    return target->with_password ? changed : find_login(target);
}

// What the request does not name is as configured.
static void set_collect(struct target *target)
{
    target->collect = *base_of(target)->collect;
    if (target->checks != NULL) {
        target->collect.checks = target->own_checks;
    }
}

static collector_set wanted_collectors(const struct target *target)
{
    const struct cluster_options *base = base_of(target);
    const bool *has_kind = target->collect.checks.has_kind;
    collector_set wanted = target->kind == TARGET_NODE ? base->node_collectors : base->collectors;
    if (target->checks != NULL) {
        wanted |= has_kind[CHECK_KEY] || has_kind[CHECK_COUNT] ? collector_bit(COLLECTOR_KEYS) : 0;
        wanted |= has_kind[CHECK_STREAM] ? collector_bit(COLLECTOR_STREAMS) : 0;
    }
    return wanted;
}

// One node is a cluster that is never asked for its topology.
static struct cluster_options options_for(struct target *target)
{
    struct cluster_options cluster = *base_of(target);
    set_collect(target);
    find_login(target);
    cluster.name = target->name;
    cluster.seed = &target->seed;
    cluster.seed_count = 1;
    cluster.collectors = wanted_collectors(target);
    cluster.collect = &target->collect;
    cluster.conn.login = target->with_password ? cluster.conn.login : &target->login;
    if (target->of == NULL) {
        cluster.conn.tls = target->tls ? target->options->tls : NULL;
    }
    cluster.conn.tls_server_name = target->server_name;
    cluster.renew_login = renew_login;
    cluster.login_owner = target;
    cluster.full_views = 0;
    cluster.expect = (struct expectations){.nodes = 0};
    cluster.single = target->kind == TARGET_NODE;
    return cluster;
}

static struct metrics_page_options page_options_for(const struct target *target)
{
    return (struct metrics_page_options){
        .cluster = &target->cluster,
        .cluster_count = 1,
        .dialect = target->kind == TARGET_NODE ? DIALECT_RX : DIALECT_NATIVE,
        .collectors = target->cluster->options.collectors,
        .scrape_timeout_us = target->options->scrape_timeout_us,
        .timeout_offset_us = target->options->timeout_offset_us,
    };
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
    target->options = store->options;
    target->kind = question->kind;
    target->of = question->of;
    target->tls = question->tls;
    target->server_name = copy_text(question->server_name);
    target->with_password = question->with_password;
    target->seed.address = question->address;
    target->name = buf_take(&name);
    if (question->checks != NULL) {
        target->checks = mem_copy(question->checks, strlen(question->checks));
        target->own_checks = *checks;
    }
    struct cluster_options cluster = options_for(target);
    target->cluster = cluster_new(&cluster);
    struct metrics_page_options page = page_options_for(target);
    target->page = metrics_page_new(&page);
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

size_t target_store_busy(const struct target_store *store)
{
    size_t busy = 0;
    for (size_t i = 0; i < store->count; i++) {
        busy += store->target[i]->cluster->scrape != NULL;
    }
    return busy;
}

void target_store_hurry(struct target_store *store)
{
    for (size_t i = 0; i < store->count; i++) {
        scrape_hurry(store->target[i]->cluster);
    }
}

static bool is_there(const struct target_options *options, const struct cluster *cluster)
{
    for (size_t i = 0; i < options->cluster_count; i++) {
        if (options->cluster[i] == cluster) {
            return true;
        }
    }
    return cluster == NULL;
}

// The connections are made anew: it is not looked into whether the login or the like has changed.
static void configure(struct target *target)
{
    struct cluster_options cluster = options_for(target);
    cluster_configure(target->cluster, &cluster, true);
    struct metrics_page_options page = page_options_for(target);
    metrics_page_configure(target->page, &page);
}

void target_store_configure(struct target_store *store)
{
    for (size_t i = store->count; i-- > 0;) {
        if (is_there(store->options, store->target[i]->of)) {
            configure(store->target[i]);
        } else {
            drop_target(store, i);
        }
    }
}
