// One HTTP request, from MHD's first call of the handler to its completion, and the answers.
#pragma once

#include <microhttpd.h>

#include "base/span.h"
#include "web/limits.h"

// A finished answer that several requests can share; freed with its last user.
struct answer {
    struct MHD_Response *response;
    unsigned status;
    size_t users;
    size_t length;         // of the body, bytes
    enum limit refused_by; // what it tells of
    bool has_headers;      // those of the web configuration
};

struct web_header;

struct request {
    struct MHD_Connection *connection;
    struct event *pump;    // to be made active whenever the request was resumed; borrowed
    struct limits *limits; // borrowed
    bool admitted;         // by these
    bool excess;           // its connection is one too many, and ends with the answer
    bool counted;          // by the rate of the web configuration
    bool trusted;          // its user and password are right
    const struct web_header *headers; // of every answer; NULL: none; borrowed
    struct answer *answer;            // what it gets when it is resumed
    struct request *next;             // of those that wait for the same thing; the waiting side's
    int64_t deadline_us;              // by which it wants its answer; see request_deadline_us
    struct event *expiry; // at that time, while it is suspended; then when it must have been read
    void (*expired)(void *owner, struct request *request);
    void *owner; // of `expired`
};

// Gives an answer without users. Takes `body` (malloc'd).
struct answer *answer_new(unsigned status, char *body, size_t length, const char *content_type);
struct answer *answer_text(unsigned status, const char *text);
void answer_release(struct answer *answer);

// Bytes of all bodies that are held, also after their answer was released, until the last client
// has read them.
size_t answers_size(void);

const char *request_header(const struct request *request, const char *name);

// A query argument, decoded; NULL when it is absent.
const char *request_argument(const struct request *request, const char *name);

// When its answer is due, on the monotonic clock: what Prometheus allows, less the offset, or else
// the timeout, counted from the first call.
int64_t request_deadline_us(struct request *request, int64_t scrape_timeout_us,
                            int64_t timeout_offset_us);

// Each of these ends the handler's call with what it returns.
enum MHD_Result request_answer(struct request *request, struct answer *answer);
enum MHD_Result request_answer_text(struct request *request, unsigned status, const char *text);
enum MHD_Result request_refuse_method(struct request *request, const char *allowed,
                                      const char *text);

// `expired` comes once at the request's deadline if it has not been resumed by then, which is up to
// the owner also afterwards.
enum MHD_Result request_suspend(struct request *request,
                                void (*expired)(void *owner, struct request *request), void *owner);

// Answers a suspended request; from anywhere in the loop.
void request_resume(struct request *request, struct answer *answer);

// Routes a suspended request anew.
void request_retry(struct request *request);
void request_resume_text(struct request *request, unsigned status, const char *text);
