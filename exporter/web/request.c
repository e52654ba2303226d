#include "web/request.h"

#include <stdlib.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/mem.h"

struct answer *answer_new(unsigned status, char *body, size_t length, const char *content_type)
{
    struct answer *answer = mem_new(1, sizeof(*answer));
    answer->response = MHD_create_response_from_buffer(length, body, MHD_RESPMEM_MUST_FREE);
    CHECK(answer->response != NULL);
    answer->status = status;
    MHD_add_response_header(answer->response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    return answer;
}

void answer_release(struct answer *answer)
{
    if (--answer->users == 0) {
        MHD_destroy_response(answer->response);
        free(answer);
    }
}

static struct answer *new_text(unsigned status, const char *text)
{
    struct answer *answer =
        answer_new(status, mem_copy(text, strlen(text)), strlen(text), "text/plain; charset=utf-8");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        MHD_add_response_header(answer->response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    }
    return answer;
}

const char *request_header(const struct request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const char *request_argument(const struct request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

enum MHD_Result request_answer(struct request *request, struct answer *answer)
{
    answer->users++;
    enum MHD_Result result =
        MHD_queue_response(request->connection, answer->status, answer->response);
    answer_release(answer);
    return result;
}

enum MHD_Result request_answer_text(struct request *request, unsigned status, const char *text)
{
    return request_answer(request, new_text(status, text));
}

// Where the offset leaves little of what Prometheus allows, half of that.
static int64_t timeout_of(const struct request *request, int64_t scrape_timeout_us,
                          int64_t timeout_offset_us)
{
    const char *header = request_header(request, "X-Prometheus-Scrape-Timeout-Seconds");
    double seconds;
    if (header == NULL || !span_f64(span_of(header), &seconds) || seconds <= 0 || seconds > 3600) {
        return scrape_timeout_us;
    }
    int64_t allowed_us = (int64_t)(seconds * SECOND_US);
    int64_t timeout_us =
        timeout_offset_us * 2 < allowed_us ? allowed_us - timeout_offset_us : allowed_us / 2;
    return timeout_us > 1000 ? timeout_us : 1000;
}

int64_t request_deadline_us(struct request *request, int64_t scrape_timeout_us,
                            int64_t timeout_offset_us)
{
    if (request->deadline_us == 0) {
        request->deadline_us =
            clock_monotonic_us() + timeout_of(request, scrape_timeout_us, timeout_offset_us);
    }
    return request->deadline_us;
}

static void on_expiry(evutil_socket_t fd, short what, void *context)
{
    struct request *request = context;
    (void)fd;
    (void)what;
    request->expired(request->owner, request);
}

enum MHD_Result request_suspend(struct request *request,
                                void (*expired)(void *owner, struct request *request), void *owner)
{
    int64_t left_us = request->deadline_us - clock_monotonic_us();
    left_us = left_us > 0 ? left_us : 0;
    struct timeval limit = {left_us / SECOND_US, left_us % SECOND_US};
    request->expired = expired;
    request->owner = owner;
    request->expiry = evtimer_new(event_get_base(request->pump), on_expiry, request);
    CHECK(request->expiry != NULL);
    event_add(request->expiry, &limit);
    MHD_suspend_connection(request->connection);
    return MHD_YES;
}

void request_retry(struct request *request)
{
    event_free(request->expiry);
    request->expiry = NULL;
    MHD_resume_connection(request->connection);
    event_active(request->pump, EV_TIMEOUT, 0);
}

void request_resume(struct request *request, struct answer *answer)
{
    answer->users++;
    request->answer = answer;
    request_retry(request);
}

void request_resume_text(struct request *request, unsigned status, const char *text)
{
    request_resume(request, new_text(status, text));
}
