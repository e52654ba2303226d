#include "web/metrics_page.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "metrics/gzip.h"
#include "web/negotiate.h"

struct metrics_page {
    struct metrics_page_options options;
    struct pass *pass; // under way
    struct request *waiting;
    int64_t making_us; // what it took to render and compress the last page
};

// The page for one format and encoding.
struct variant {
    struct answer *answer;
    struct negotiated format;
    bool gzip;
    struct span text; // of a plain one, the answer's; empty where there is no page
};

// The different answers that one pass is asked for: usually one.
struct edition {
    struct render_options options;
    const struct snapshot *const *snapshot;
    size_t count;
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

void metrics_page_configure(struct metrics_page *page, const struct metrics_page_options *options)
{
    CHECK(page->pass == NULL);
    page->options = *options;
}

// Whether the pages that clients have not read yet take all the room there is for such.
static bool is_full(const struct limits *limits)
{
    uint64_t max = limits->options.sending_size_max;
    return max > 0 && answers_size() > max;
}

static struct variant *find_variant(const struct edition *edition, const struct variant *wanted,
                                    bool gzip)
{
    for (size_t i = 0; i < edition->variant_count; i++) {
        struct variant *known = &edition->variant[i];
        if (known->gzip == gzip &&
            strcmp(known->format.content_type, wanted->format.content_type) == 0) {
            return known;
        }
    }
    return NULL;
}

static char *compress(struct span text, size_t *out_length)
{
    struct gzip *gzip = gzip_begin();
    gzip_add(gzip, text);
    return gzip_end(gzip, out_length);
}

// Compressed, a page is never there as a whole: it is large. NULL when it is too large.
static char *write_page(struct edition *edition, bool gzip, size_t *out_length)
{
    struct buf page = BUF_EMPTY;
    edition->options.gzip = gzip ? gzip_begin() : NULL;
    bool fits = render_page(&page, &edition->options, edition->snapshot, edition->count);
    char *body = page.data;
    *out_length = page.length;
    if (gzip) {
        buf_free(&page);
        body = gzip_end(edition->options.gzip, out_length);
    }
    if (!fits) {
        free(body);
        return NULL;
    }
    return mem_resize(body, *out_length, 1);
}

static struct answer *make_answer(const struct variant *variant, char *body, size_t length)
{
    struct answer *answer = answer_new(MHD_HTTP_OK, body, length, variant->format.content_type);
    if (variant->gzip) {
        MHD_add_response_header(answer->response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    }
    MHD_add_response_header(answer->response, MHD_HTTP_HEADER_VARY, "Accept, Accept-Encoding");
    return answer;
}

// The page, or why there is none. The same text as the plain one's, where there is one.
static void write_within(struct edition *edition, const struct limits *limits,
                         struct variant *variant)
{
    size_t length = 0;
    const struct variant *plain = find_variant(edition, variant, false);
    edition->options.format = variant->format.format;
    edition->options.size_max = limits->options.page_size_max;
    char *body = plain != NULL && plain->text.length > 0
                     ? compress(plain->text, &length)
                     : write_page(edition, variant->gzip, &length);
    if (body == NULL) {
        variant->answer = limits_answer(LIMIT_PAGE_SIZE);
        return;
    }
    variant->answer = make_answer(variant, body, length);
    if (is_full(limits)) {
        variant->answer->users++;
        answer_release(variant->answer);
        variant->answer = limits_answer(LIMIT_SENDING_SIZE);
    } else if (!variant->gzip) {
        variant->text = span_make(body, length);
    }
}

// The dialect of redis_exporter is text only, as its original.
static struct negotiated format_for(const struct request *request, enum dialect dialect)
{
    return negotiate_format(dialect == DIALECT_RX ? NULL : request_header(request, "Accept"));
}

static bool wants_gzip(const struct request *request)
{
    return negotiate_gzip(request_header(request, "Accept-Encoding"));
}

static struct answer *edition_answer(struct edition *edition, const struct request *request)
{
    struct variant added = {
        .format = format_for(request, edition->options.dialect),
        .gzip = wants_gzip(request),
    };
    const struct variant *known = find_variant(edition, &added, added.gzip);
    if (known != NULL) {
        return known->answer;
    }
    write_within(edition, request->limits, &added);
    edition->variant = mem_grow(edition->variant, edition->variant_count,
                                &edition->variant_capacity, sizeof(added));
    edition->variant[edition->variant_count++] = added;
    return added.answer;
}

// Requests that get the same page.
struct readers {
    struct metrics_page *page;
    struct request *first;
};

static void answer_some(struct edition *edition, struct request **waiting, bool gzip)
{
    while (*waiting != NULL) {
        struct request *request = *waiting;
        if (wants_gzip(request) == gzip) {
            *waiting = request->next;
            request_resume(request, edition_answer(edition, request));
        } else {
            waiting = &request->next;
        }
    }
}

// Those who want the page plain come first, so that it is written once for all.
static void answer_readers(void *owner, const struct snapshot *const *snapshot, size_t count)
{
    const struct readers *readers = owner;
    const struct metrics_page_options *options = &readers->page->options;
    int64_t began_us = clock_monotonic_us();
    struct request *waiting = readers->first;
    struct edition edition = {
        .options = {.dialect = options->dialect,
                    .collectors = options->collectors,
                    .with_process = options->with_process},
        .snapshot = snapshot,
        .count = count,
    };
    answer_some(&edition, &waiting, false);
    answer_some(&edition, &waiting, true);
    free(edition.variant);
    readers->page->making_us = clock_monotonic_us() - began_us;
}

static void on_pass_done(void *owner, const struct snapshot *const *snapshot, size_t count)
{
    struct metrics_page *page = owner;
    struct readers all = {page, page->waiting};
    page->pass = NULL;
    page->waiting = NULL;
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

// A page of a thousand nodes takes longer to make than the offset leaves: nodes that hang then have
// less time. Twice as long as last, since the judgement comes before the page and sending after it.
enum MHD_Result metrics_page_serve(struct metrics_page *page, struct request *request)
{
    const struct metrics_page_options *options = &page->options;
    int64_t deadline_us = request_deadline_us(request, options->scrape_timeout_us,
                                              options->timeout_offset_us + 2 * page->making_us);
    if (is_full(request->limits)) { // before anything is asked for it
        return request_answer(request, limits_answer(LIMIT_SENDING_SIZE));
    }
    request->next = page->waiting;
    page->waiting = request;
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
