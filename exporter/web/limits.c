#include "web/limits.h"

#include "base/clock.h"
#include "base/mem.h"
#include "web/request.h"

// A token bucket without the tokens: each request moves the time by which the rate is used up on by
// its share of a second, and that time is never more than a second ahead.
bool limits_take(struct limits *limits, enum rate rate, int64_t now_us)
{
    uint32_t max = limits->options.rate_max[rate];
    int64_t *spent_us = &limits->spent_us[rate];
    if (max == 0) {
        return true;
    }
    int64_t share_us = SECOND_US / max;
    int64_t from_us = *spent_us > now_us ? *spent_us : now_us;
    if (from_us + share_us > now_us + SECOND_US) {
        return false;
    }
    *spent_us = from_us + share_us;
    return true;
}

struct refusal {
    unsigned status;
    const char *text;
    const char *retry_s; // NULL: the same request will be refused again
};

static const struct refusal refusals[LIMIT_COUNT] = {
    [LIMIT_REQUESTS] = {MHD_HTTP_SERVICE_UNAVAILABLE,
                        "Too many requests are waiting for an answer (--web.max-requests).\n", "1"},
    [LIMIT_SCRAPE_RATE] = {MHD_HTTP_TOO_MANY_REQUESTS,
                           "Too many nodes are asked for in a second (--web.max-scrape-rate).\n",
                           "1"},
    [LIMIT_CLUSTER_RATE] = {MHD_HTTP_TOO_MANY_REQUESTS,
                            "Too many requests about clusters in a second "
                            "(--web.max-cluster-rate).\n",
                            "1"},
    [LIMIT_CONNECTIONS] = {MHD_HTTP_SERVICE_UNAVAILABLE,
                           "Too many connections are open (--web.max-connections).\n", "1"},
    [LIMIT_TARGETS] = {MHD_HTTP_SERVICE_UNAVAILABLE, "Too many targets are being scraped.\n", "1"},
    [LIMIT_PAGE_SIZE] = {MHD_HTTP_SERVICE_UNAVAILABLE,
                         "The page is larger than --web.max-page-size allows: turn collectors off, "
                         "or spread the nodes over several exporters.\n",
                         NULL},
    [LIMIT_SENDING_SIZE] = {MHD_HTTP_SERVICE_UNAVAILABLE,
                            "Too much is waiting for clients to read it "
                            "(--web.max-sending-size).\n",
                            "1"},
    [LIMIT_WEB_RATE] = {MHD_HTTP_TOO_MANY_REQUESTS,
                        "Too many requests (rate_limit in the file of --web.config.file).\n", "1"},
    [LIMIT_LOGINS] = {MHD_HTTP_TOO_MANY_REQUESTS,
                      "Too many passwords are waiting to be compared.\n", "1"},
};

struct answer *limits_answer(enum limit limit)
{
    const struct refusal *refusal = &refusals[limit];
    struct answer *answer = answer_text(refusal->status, refusal->text);
    answer->refused_by = limit;
    if (refusal->retry_s != NULL) {
        MHD_add_response_header(answer->response, MHD_HTTP_HEADER_RETRY_AFTER, refusal->retry_s);
    }
    return answer;
}
