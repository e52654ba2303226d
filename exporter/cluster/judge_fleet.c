// What the nodes have in common, what they should have, and what they have together.
#include <stdlib.h>

#include "base/mem.h"
#include "cluster/judgement.h"

// A failed master whose slots nobody has taken over still has its share of the data.
static bool is_master(const struct judgement *all, size_t index)
{
    const struct node_verdict *verdict = &all->health->node[index];
    return verdict->known && verdict->role == ROLE_MASTER &&
           (!verdict->failed || verdict->slots > 0);
}

static bool is_new_version(const struct judgement *all, size_t index)
{
    struct span version = all->input[index].facts->version;
    for (size_t i = 0; i < index; i++) {
        const struct facts *other = all->input[i].facts;
        if (other != NULL && span_equals(other->version, version)) {
            return false;
        }
    }
    return version.length > 0;
}

// Each against the first one that tells it.
static void compare_settings(struct judgement *all, enum config_parameter parameter)
{
    struct span first = {NULL, 0};
    for (size_t i = 0; i < all->count; i++) {
        const struct facts *facts = all->input[i].facts;
        if (facts == NULL || facts->config[parameter].at == NULL) {
            continue;
        }
        if (first.at == NULL) {
            first = facts->config[parameter];
        } else if (!span_equals(first, facts->config[parameter])) {
            all->health->config_differs[parameter] = true;
        }
    }
}

// --- data files ---

static bool is_same(const struct facts *a, const struct facts *b, enum config_parameter parameter)
{
    return a->config[parameter].length > 0 &&
           span_equals(a->config[parameter], b->config[parameter]);
}

static bool is_on(const struct facts *facts, enum config_parameter parameter, const char *off)
{
    return facts->config[parameter].length > 0 && !span_is(facts->config[parameter], off);
}

// Two nodes on one host with the same directory and file name write over each other's data. Each
// node in cluster mode locks its nodes.conf, but not its data files. They share host and directory.
static bool share_data(const struct judgement *all, size_t a, size_t b)
{
    const struct facts *left = all->input[a].facts;
    const struct facts *right = all->input[b].facts;
    bool dumps = is_same(left, right, CONFIG_DBFILENAME);
    bool logs =
        is_on(left, CONFIG_APPENDONLY, "no") && is_on(right, CONFIG_APPENDONLY, "no") &&
        is_same(left, right, CONFIG_APPENDFILENAME) &&
        span_equals(left->config[CONFIG_APPENDDIRNAME], right->config[CONFIG_APPENDDIRNAME]);
    return dumps || logs;
}

struct place {
    struct span host;
    struct span directory;
    size_t node;
};

static int by_place(const void *a, const void *b)
{
    const struct place *left = a;
    const struct place *right = b;
    int hosts = span_order(left->host, right->host);
    return hosts != 0 ? hosts : span_order(left->directory, right->directory);
}

static size_t list_places(const struct judgement *all, struct place *place)
{
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++) {
        const struct facts *facts = all->input[i].facts;
        const struct node_verdict *verdict = &all->health->node[i];
        if (facts != NULL && verdict->known && facts->config[CONFIG_DIR].length > 0 &&
            verdict->host.length > 0) {
            place[count++] = (struct place){verdict->host, facts->config[CONFIG_DIR], i};
        }
    }
    return count;
}

// Twins stand side by side, sorted by host and directory.
static void find_data_twins(struct judgement *all)
{
    struct node_verdict *verdict = all->health->node;
    struct place *place = mem_new(all->count, sizeof(place[0]));
    size_t count = list_places(all, place);
    qsort(place, count, sizeof(place[0]), by_place);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count && by_place(&place[i], &place[j]) == 0; j++) {
            size_t a = place[i].node;
            size_t b = place[j].node;
            if (!(verdict[a].shares_data && verdict[b].shares_data) && share_data(all, a, b)) {
                verdict[a].shares_data = true;
                verdict[b].shares_data = true;
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        all->health->shared_data += verdict[place[i].node].shares_data;
    }
    free(place);
}

// --- sums over masters ---

static int64_t sum_over_masters(const struct judgement *all, int64_t (*value)(const struct facts *))
{
    int64_t sum = 0;
    size_t masters = 0;
    for (size_t i = 0; i < all->count; i++) {
        const struct facts *facts = all->input[i].facts;
        if (!is_master(all, i)) {
            continue;
        }
        if (facts == NULL || value(facts) < 0) {
            return -1;
        }
        sum = value(facts) < INT64_MAX - sum ? sum + value(facts) : INT64_MAX;
        masters++;
    }
    return masters > 0 ? sum : -1;
}

static int64_t keys_of(const struct facts *facts)
{
    return facts->keys;
}

static int64_t memory_of(const struct facts *facts)
{
    return facts->memory_used_bytes;
}

static int64_t limit_of(const struct facts *facts)
{
    return facts->memory_max_bytes > 0 ? facts->memory_max_bytes : -1;
}

// Of the masters that own slots: the largest over the mean.
static double skew(const struct judgement *all, int64_t (*value)(const struct facts *))
{
    double sum = 0;
    double largest = 0;
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++) {
        const struct facts *facts = all->input[i].facts;
        if (!is_master(all, i) || all->health->node[i].slots == 0) {
            continue;
        }
        int64_t number = (int64_t)all->health->node[i].slots;
        if (value != NULL) {
            number = facts != NULL ? value(facts) : -1;
        }
        if (number < 0) {
            return 0;
        }
        sum += (double)number;
        largest = (double)number > largest ? (double)number : largest;
        count++;
    }
    return sum > 0 ? largest * (double)count / sum : 0;
}

void judge_fleet(struct judgement *all)
{
    struct health *health = all->health;
    for (size_t i = 0; i < all->count; i++) {
        const struct facts *facts = all->input[i].facts;
        if (facts == NULL) {
            continue;
        }
        bool settings = facts->config[CONFIG_NODE_TIMEOUT].length > 0;
        health->versions += is_new_version(all, i);
        health->config_readable += settings;
    }
    find_data_twins(all);
    for (int parameter = 0; parameter < CONFIG_COMPARED; parameter++) {
        compare_settings(all, (enum config_parameter)parameter);
    }
    health->keys = sum_over_masters(all, keys_of);
    health->memory_used_bytes = sum_over_masters(all, memory_of);
    health->memory_max_bytes = sum_over_masters(all, limit_of);
    health->slot_skew = skew(all, NULL);
    health->key_skew = skew(all, keys_of);
    health->memory_skew = skew(all, memory_of);
}
