// /api/v1/clusters: the judgement about all configured clusters as JSON.
#pragma once

#include "scrape/pass.h"
#include "web/request.h"

struct api_options {
    struct cluster *const *cluster; // borrowed
    size_t cluster_count;
    int64_t scrape_timeout_us;
    int64_t timeout_offset_us;
};

struct api;

struct api *api_new(const struct api_options *options);
void api_free(struct api *api); // who waits is told that the exporter stops

enum MHD_Result api_serve(struct api *api, struct request *request);
