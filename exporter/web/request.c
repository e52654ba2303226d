#include "web/request.h"

#include <stdlib.h>
#include <sys/socket.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/mem.h"
#include "web/web_config.h"

struct body {
    char *bytes;
    size_t length;
};

static size_t held_size;

size_t answers_size(void)
{
    return held_size;
}

static void free_body(void *context)
{
    struct body *body = context;
    held_size -= body->length;
    free(body->bytes);
    free(body);
}

struct answer *answer_new(unsigned status, char *body, size_t length, const char *content_type)
{
    struct answer *answer = mem_new(1, sizeof(*answer));
    struct body *held = mem_new(1, sizeof(*held));
    *held = (struct body){body, length};
    held_size += length;
    answer->response =
        MHD_create_response_from_buffer_with_free_callback_cls(length, body, free_body, held);
    CHECK(answer->response != NULL);
    answer->length = length;
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

struct answer *answer_text(unsigned status, const char *text)
{
    return answer_new(status, mem_copy(text, strlen(text)), strlen(text),
                      "text/plain; charset=utf-8");
}

const char *request_header(const struct request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const char *request_argument(const struct request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

// A client that reads slowly, or not at all, holds its page and its connection.
static void on_unread(evutil_socket_t fd, short what, void *context)
{
    const struct request *request = context;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    (void)fd;
    (void)what;
    refusals_count(LIMIT_SEND_TIMEOUT);
    if (info != NULL) {
        (void)shutdown(info->connect_fd, SHUT_RDWR); // MHD sees it, and ends the request
        event_active(request->pump, EV_TIMEOUT, 0);
    }
}

static void limit_sending(struct request *request, const struct answer *answer)
{
    enum { WORTH_A_TIMER = 1 << 18 }; // less than that is in the socket's buffer at once
    int64_t limit_us = request->limits->options.send_timeout_us;
    if (answer->length < WORTH_A_TIMER || limit_us == 0 || request->expiry != NULL) {
        return;
    }
    struct timeval limit = {limit_us / SECOND_US, limit_us % SECOND_US};
    request->expiry = evtimer_new(event_get_base(request->pump), on_unread, request);
    CHECK(request->expiry != NULL);
    event_add(request->expiry, &limit);
}

// An answer may be several requests'.
static void add_headers(const struct web_header *header, struct answer *answer)
{
    for (size_t i = 0; header != NULL && !answer->has_headers && i < WEB_HEADERS; i++) {
        if (header[i].value != NULL) {
            MHD_add_response_header(answer->response, header[i].name, header[i].value);
        }
    }
    answer->has_headers = true;
}

enum MHD_Result request_answer(struct request *request, struct answer *answer)
{
    answer->users++;
    if (answer->refused_by != LIMIT_NONE) {
        refusals_count(answer->refused_by);
    }
    if (request->excess) { // its answer is nobody else's
        MHD_add_response_header(answer->response, MHD_HTTP_HEADER_CONNECTION, "close");
    }
    add_headers(request->headers, answer);
    limit_sending(request, answer);
    enum MHD_Result result =
        MHD_queue_response(request->connection, answer->status, answer->response);
    answer_release(answer);
    return result;
}

enum MHD_Result request_answer_text(struct request *request, unsigned status, const char *text)
{
    return request_answer(request, answer_text(status, text));
}

enum MHD_Result request_refuse_method(struct request *request, const char *allowed,
                                      const char *text)
{
    struct answer *answer = answer_text(MHD_HTTP_METHOD_NOT_ALLOWED, text);
    MHD_add_response_header(answer->response, MHD_HTTP_HEADER_ALLOW, allowed);
    return request_answer(request, answer);
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
    request->limits->waiting++;
    MHD_suspend_connection(request->connection);
    return MHD_YES;
}

void request_retry(struct request *request)
{
    event_free(request->expiry);
    request->expiry = NULL;
    request->limits->waiting--;
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
    request_resume(request, answer_text(status, text));
}
