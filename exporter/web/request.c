#include "web/request.h"

#include <stdlib.h>

#include <event2/event.h>

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

enum MHD_Result request_suspend(struct request *request)
{
    MHD_suspend_connection(request->connection);
    return MHD_YES;
}

void request_retry(struct request *request)
{
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
