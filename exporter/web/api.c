#include "web/api.h"

#include <stdlib.h>

#include "base/mem.h"
#include "scrape/report.h"

struct api {
    struct api_options options;
    struct pass *pass; // under way
    struct request *waiting;
};

struct api *api_new(const struct api_options *options)
{
    struct api *api = mem_new(1, sizeof(*api));
    api->options = *options;
    return api;
}

static struct request *take_first(struct request **list)
{
    struct request *first = *list;
    if (first != NULL) {
        *list = first->next;
    }
    return first;
}

static void answer_all(struct request **list, const struct snapshot *const *snapshot, size_t count)
{
    struct request *request;
    char *json = report_json(snapshot, count);
    struct answer *answer = answer_new(MHD_HTTP_OK, json, strlen(json), "application/json");
    answer->users++; // it may be that nobody waits any more
    while ((request = take_first(list)) != NULL) {
        request_resume(request, answer);
    }
    answer_release(answer);
}

static void on_pass(void *owner, const struct snapshot *const *snapshot, size_t count)
{
    struct api *api = owner;
    api->pass = NULL;
    answer_all(&api->waiting, snapshot, count);
}

static void answer_one(void *owner, const struct snapshot *const *snapshot, size_t count)
{
    struct request *request = owner;
    answer_all(&request, snapshot, count);
}

// Who has less time than the others gets what there is by now.
static void on_expired(void *owner, struct request *request)
{
    struct api *api = owner;
    struct request **link = &api->waiting;
    if (pass_ends_by(api->pass, request->deadline_us)) {
        return;
    }
    while (*link != request) {
        link = &(*link)->next;
    }
    *link = request->next;
    request->next = NULL;
    pass_peek(api->pass, answer_one, request);
}

enum MHD_Result api_serve(struct api *api, struct request *request)
{
    const struct api_options *options = &api->options;
    int64_t deadline_us =
        request_deadline_us(request, options->scrape_timeout_us, options->timeout_offset_us);
    request->next = api->waiting;
    api->waiting = request;
    if (api->pass == NULL) {
        api->pass = pass_start(options->cluster, options->cluster_count, deadline_us, on_pass, api);
    } else {
        pass_extend(api->pass, deadline_us);
    }
    return request_suspend(request, on_expired, api);
}

void api_free(struct api *api)
{
    struct request *request;
    pass_cancel(api->pass);
    while ((request = take_first(&api->waiting)) != NULL) {
        request_resume_text(request, MHD_HTTP_SERVICE_UNAVAILABLE,
                            "The exporter is shutting down.\n");
    }
    free(api);
}
