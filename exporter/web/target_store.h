// What is kept of targets between requests: for each a cluster of its own, of one node or of all,
// with its connections, and the page of it. Targets that nobody has asked for lately are let go.
#pragma once

#include "web/metrics_page.h"

struct target_options {
    struct cluster *const *cluster; // the configured ones; borrowed, as everything here
    size_t cluster_count;
    char *const *allowed; // patterns of host:port
    size_t allowed_count;
    bool refuse_keys;                      // that requests name
    const struct cluster_options *foreign; // for targets of no configured cluster; without seeds
    const struct tls *tls;                 // for those of these that are spoken to with TLS
    int64_t scrape_timeout_us;
    int64_t timeout_offset_us;
};

enum target_kind { TARGET_NODE, TARGET_CLUSTER };

// What a request asks for, and how it may be answered.
struct question {
    enum target_kind kind;
    struct address address;
    const struct cluster *of; // the configured cluster that it belongs to; NULL: none
    enum scheme scheme;       // as it came
    bool tls;                 // is spoken
    const char *server_name;  // that its certificate must be for; NULL: as configured
    char *checks;             // the parameters that name keys, as they came; NULL: none
    bool with_password;       // the target may be told the configured one
};

struct target_store;

// Borrows `options`, which outlive it.
struct target_store *target_store_new(const struct target_options *options);
void target_store_free(struct target_store *store); // requests that wait are told

// What is configured for targets of that cluster, or of none.
const struct cluster_options *target_base(const struct target_options *options,
                                          const struct cluster *of);

// The page of the target that was added for this question, or NULL. One that was added under
// another permission is not it, and goes as soon as nobody waits for it.
struct metrics_page *target_store_find(struct target_store *store, const struct question *question);

// Takes what `checks` holds, where the question has checks of its own. NULL, and nothing taken,
// when there is no room: all that are kept are being scraped.
struct metrics_page *target_store_add(struct target_store *store, const struct question *question,
                                      const struct key_checks *checks);

// Lets go of those that nobody has asked for in the ten minutes before `now_us`.
void target_store_drop_idle(struct target_store *store, int64_t now_us);

size_t target_store_count(const struct target_store *store);

// How many of them are being scraped.
size_t target_store_busy(const struct target_store *store);
void target_store_hurry(struct target_store *store); // see scrape_hurry

// The options have changed: so do the targets, but for those of clusters that are not there any
// more, which are let go. Not while one is scraped.
void target_store_configure(struct target_store *store);
