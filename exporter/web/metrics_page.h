// A metrics page: the clusters it is about, and the requests that wait for the pass under way.
// Requests that come while a pass runs share it; its page is rendered at most once per format and
// encoding. A request that has less time than the pass takes gets a page of what is there by then.
#pragma once

#include "scrape/pass.h"
#include "scrape/render.h"
#include "web/request.h"

struct metrics_page_options {
    struct cluster *const *cluster; // borrowed
    size_t cluster_count;
    enum dialect dialect;
    collector_set collectors;
    bool with_process; // the exporter's own metrics too
    int64_t scrape_timeout_us;
    int64_t timeout_offset_us;
};

struct metrics_page;

struct metrics_page *metrics_page_new(const struct metrics_page_options *options);

// Requests that wait get an answer that says so.
void metrics_page_free(struct metrics_page *page);

// Ends the handler's call: the request is suspended until the page is ready.
enum MHD_Result metrics_page_serve(struct metrics_page *page, struct request *request);

// Not while a pass is under way.
void metrics_page_configure(struct metrics_page *page, const struct metrics_page_options *options);

bool metrics_page_is_idle(const struct metrics_page *page);
