// A configuration file: what it says in general, and about its first clusters.
#include <stdlib.h>

#include "base/mem.h"
#include "config/config_file.h"
#include "config/options.h"
#include "fuzz.h"

enum { CLUSTERS_MAX = 3 };

static void apply(const struct config_file *file, int cluster)
{
    struct options options = {.collectors = 0};
    struct given given = {.by = {GIVEN_BY_NOBODY}};
    char *problem = config_file_apply(file, cluster, &options, &given);
    CHECK(problem == NULL || (strncmp(problem, "f.yml", 5) == 0 && strchr(problem, '\n') == NULL));
    CHECK(problem != NULL || cluster == NO_CLUSTER || options.place != NULL);
    options_clear(&options);
    free(problem);
}

// A regular expression is the C library's matter.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config_file file;
    if (span_contains(fuzz_text(data, size), SPAN("search"))) {
        return 0;
    }
    char *problem = config_file_parse("f.yml", fuzz_text(data, size), &file);
    apply(&file, NO_CLUSTER);
    for (int i = 0; i < file.cluster_count && i < CLUSTERS_MAX; i++) {
        apply(&file, i);
    }
    config_file_clear(&file);
    free(problem);
    return 0;
}
