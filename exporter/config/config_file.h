// The file of --config.file: what flags say, in YAML, for any number of clusters.
#pragma once

#include "config/given.h"

enum { NO_CLUSTER = -1 };

struct config_file {
    char *path;
    struct buf text;
    bool names_clusters;
    int cluster_count;
};

// NULL, or what is wrong with it as YAML: free() it. To be cleared in both cases.
char *config_file_read(const char *path, struct config_file *out);
char *config_file_parse(const char *path, struct span text, struct config_file *out);
void config_file_clear(struct config_file *file);

// Sets what the file says in general, about all clusters, and about the one of that number, as far
// as `given` does not know it from elsewhere. But the login of a cluster that has one of its own is
// that of no flag. NULL, or one line that begins with FILE:LINE: free() it.
char *config_file_apply(const struct config_file *file, int cluster, struct options *out,
                        struct given *given);
