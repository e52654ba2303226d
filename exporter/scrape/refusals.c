#include "scrape/refusals.h"

#include "metrics/page.h"

static const char *const names[LIMIT_COUNT] = {
    [LIMIT_REQUESTS] = "requests",         [LIMIT_SCRAPE_RATE] = "scrape_rate",
    [LIMIT_CLUSTER_RATE] = "cluster_rate", [LIMIT_CONNECTIONS] = "connections",
    [LIMIT_TARGETS] = "targets",           [LIMIT_PAGE_SIZE] = "page_size",
    [LIMIT_SENDING_SIZE] = "sending_size", [LIMIT_SEND_TIMEOUT] = "send_timeout",
    [LIMIT_WEB_RATE] = "rate_limit",       [LIMIT_LOGINS] = "logins",
};

static uint64_t counts[LIMIT_COUNT];

void refusals_count(enum limit limit)
{
    counts[limit]++;
}

// All of them from the start, so that an increase is seen from the first one on.
void refusals_emit(struct emitter *to)
{
    for (int i = LIMIT_NONE + 1; i < LIMIT_COUNT; i++) {
        const struct label label = {"limit", span_of(names[i])};
        emit_labelled(to, &label, 1, (double)counts[i]);
    }
}
