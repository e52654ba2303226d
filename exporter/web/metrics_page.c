#include "web/metrics_page.h"

#include <stdlib.h>

#include "base/mem.h"
#include "metrics/gzip.h"
#include "web/negotiate.h"

enum { WAITING_MAX = 256 }; // requests that wait for one page

struct metrics_page {
    struct metrics_page_options options;
    struct pass *pass; // under way
    struct request *waiting;
    size_t waiting_count;
};

// The page for one format and encoding.
struct variant {
    struct answer *answer;
    struct negotiated format;
    bool gzip;
};

// The different answers that one pass is asked for: usually one.
struct edition {
    struct render_options options;
    const struct snapshot *const *snapshot;
    size_t count;
    struct buf page[PAGE_FORMAT_COUNT];
    struct variant *variant;
    size_t variant_count;
    size_t variant_capacity;
};

struct metrics_page *metrics_page_new(const struct metrics_page_options *options)
{
    struct metrics_page *page = mem_new(1, sizeof(*page));
    page->options = *options;
    return page;
}

static struct answer *compress(struct span page, const char *content_type, bool gzip)
{
    size_t length = 0;
    char *body = gzip ? gzip_compress(page, &length) : NULL;
    bool compressed = body != NULL;
    if (!compressed) {
        body = mem_copy(page.at, page.length);
        length = page.length;
    }
    struct answer *answer = answer_new(MHD_HTTP_OK, body, length, content_type);
    if (compressed) {
        MHD_add_response_header(answer->response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    }
    MHD_add_response_header(answer->response, MHD_HTTP_HEADER_VARY, "Accept, Accept-Encoding");
    return answer;
}

// The dialect of redis_exporter is text only, as its original.
static struct negotiated format_for(const struct request *request, enum dialect dialect)
{
    return negotiate_format(dialect == DIALECT_RX ? NULL : request_header(request, "Accept"));
}

static struct answer *edition_answer(struct edition *edition, const struct request *request)
{
    struct variant added = {
        .format = format_for(request, edition->options.dialect),
        .gzip = negotiate_gzip(request_header(request, "Accept-Encoding")),
    };
    for (size_t i = 0; i < edition->variant_count; i++) {
        const struct variant *known = &edition->variant[i];
        if (known->gzip == added.gzip &&
            strcmp(known->format.content_type, added.format.content_type) == 0) {
            return known->answer;
        }
    }
    struct buf *page = &edition->page[added.format.format];
    if (page->length == 0) {
        edition->options.format = added.format.format;
        render_page(page, &edition->options, edition->snapshot, edition->count);
    }
    added.answer = compress(buf_view(page), added.format.content_type, added.gzip);
    edition->variant = mem_grow(edition->variant, edition->variant_count,
                                &edition->variant_capacity, sizeof(added));
    edition->variant[edition->variant_count++] = added;
    return added.answer;
}

// Requests that get the same page.
struct readers {
    const struct metrics_page *page;
    struct request *first;
};

static void answer_readers(void *owner, const struct snapshot *const *snapshot, size_t count)
{
    const struct readers *readers = owner;
    const struct metrics_page_options *options = &readers->page->options;
    struct request *request = readers->first;
    struct edition edition = {
        .options = {.dialect = options->dialect,
                    .collectors = options->collectors,
                    .with_process = options->with_process},
        .snapshot = snapshot,
        .count = count,
    };
    while (request != NULL) {
        struct request *next = request->next;
        request_resume(request, edition_answer(&edition, request));
        request = next;
    }
    for (int format = 0; format < PAGE_FORMAT_COUNT; format++) {
        buf_free(&edition.page[format]);
    }
    free(edition.variant);
}

static void on_pass_done(void *owner, const struct snapshot *const *snapshot, size_t count)
{
    struct metrics_page *page = owner;
    struct readers all = {page, page->waiting};
    page->pass = NULL;
    page->waiting = NULL;
    page->waiting_count = 0;
    answer_readers(&all, snapshot, count);
}

// Takes those that are due no later than at that time.
static struct request *take_due(struct metrics_page *page, int64_t deadline_us)
{
    struct request **link = &page->waiting;
    struct request *due = NULL;
    while (*link != NULL) {
        struct request *request = *link;
        if (request->deadline_us > deadline_us) {
            link = &request->next;
            continue;
        }
        *link = request->next;
        request->next = due;
        due = request;
        page->waiting_count--;
    }
    return due;
}

static void on_expired(void *owner, struct request *request)
{
    struct metrics_page *page = owner;
    if (!pass_ends_by(page->pass, request->deadline_us)) {
        struct readers hasty = {page, take_due(page, request->deadline_us)};
        pass_peek(page->pass, answer_readers, &hasty);
    }
}

enum MHD_Result metrics_page_serve(struct metrics_page *page, struct request *request)
{
    const struct metrics_page_options *options = &page->options;
    int64_t deadline_us =
        request_deadline_us(request, options->scrape_timeout_us, options->timeout_offset_us);
    if (page->waiting_count >= WAITING_MAX) {
        return request_answer_text(request, MHD_HTTP_SERVICE_UNAVAILABLE,
                                   "Too many requests are waiting for a scrape.\n");
    }
    request->next = page->waiting;
    page->waiting = request;
    page->waiting_count++;
    if (page->pass != NULL) {
        pass_extend(page->pass, deadline_us);
    } else {
        page->pass =
            pass_start(options->cluster, options->cluster_count, deadline_us, on_pass_done, page);
    }
    return request_suspend(request, on_expired, page);
}

bool metrics_page_is_idle(const struct metrics_page *page)
{
    return page->pass == NULL;
}

void metrics_page_free(struct metrics_page *page)
{
    pass_cancel(page->pass);
    while (page->waiting != NULL) {
        struct request *request = page->waiting;
        page->waiting = request->next;
        request_resume_text(request, MHD_HTTP_SERVICE_UNAVAILABLE,
                            "The exporter is shutting down.\n");
    }
    free(page);
}
