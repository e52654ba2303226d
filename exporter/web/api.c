#include "web/api.h"

#include <stdlib.h>

#include "base/mem.h"
#include "scrape/report.h"
#include "web/metrics_page.h"

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

static struct request *take_first(struct api *api)
{
    struct request *first = api->waiting;
    if (first != NULL) {
        api->waiting = first->next;
    }
    return first;
}

static void on_pass(void *owner, const struct snapshot *const *snapshot, size_t count)
{
    struct api *api = owner;
    struct request *request;
    char *json = report_json(snapshot, count);
    struct answer *answer = answer_new(MHD_HTTP_OK, json, strlen(json), "application/json");
    api->pass = NULL;
    answer->users++; // it may be that nobody waits any more
    while ((request = take_first(api)) != NULL) {
        request_resume(request, answer);
    }
    answer_release(answer);
}

enum MHD_Result api_serve(struct api *api, struct request *request)
{
    const struct api_options *options = &api->options;
    int64_t timeout_us =
        request_timeout_us(request, options->scrape_timeout_us, options->timeout_offset_us);
    request->next = api->waiting;
    api->waiting = request;
    if (api->pass == NULL) {
        api->pass = pass_start(options->cluster, options->cluster_count, timeout_us, on_pass, api);
    } else {
        pass_hasten(api->pass, timeout_us);
    }
    return request_suspend(request);
}

void api_free(struct api *api)
{
    struct request *request;
    pass_cancel(api->pass);
    while ((request = take_first(api)) != NULL) {
        request_resume_text(request, MHD_HTTP_SERVICE_UNAVAILABLE,
                            "The exporter is shutting down.\n");
    }
    free(api);
}
