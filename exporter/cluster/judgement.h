// The parts of a judgement; of use to health.c only.
#pragma once

#include "cluster/health.h"
#include "cluster/ids.h"

struct tally;

struct judgement {
    struct health_input *input; // those given, then nodes that only the views know
    size_t count;
    size_t capacity;
    struct ids *ids;
    struct tally *tally;
    struct health *health;
};

static inline bool is_majority(size_t votes, size_t voters)
{
    return votes * 2 > voters;
}

static inline int span_order(struct span a, struct span b)
{
    size_t common = a.length < b.length ? a.length : b.length;
    int order = common > 0 ? memcmp(a.at, b.at, common) : 0;
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

// In this order: each reads what those before it have found.
void judge_slots(struct judgement *all);
void judge_agreement(struct judgement *all);
void judge_replication(struct judgement *all);
void judge_redundancy(struct judgement *all);
void judge_fleet(struct judgement *all);
