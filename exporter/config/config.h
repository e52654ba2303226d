// Everything that the operator said, read and checked: a value that takes the place of the one
// before it as a whole.
#pragma once

#include "config/arguments.h"

struct config {
    struct options common;    // what is said in general; the cluster of the flags, if it is used
    struct options **cluster; // each cluster's; [0] is &common where no file names clusters
    size_t cluster_count;     // at least 1
    struct options **set;     // all of them: &common, then those of a file
    size_t set_count;
};

// Each is one line that names the flag, the variable, or the file and the line.
struct problems {
    char **line;
    size_t count;
    size_t capacity;
    bool all; // are asked for, by --config.check
};

void problems_clear(struct problems *problems);

// Reads it all. Of `before`, which may be NULL, only what cannot be read a second time is used.
// NULL, with all problems, when there is one; otherwise config_free it.
struct config *config_load(struct arguments *arguments, const struct config *before,
                           struct problems *problems);
void config_free(struct config *config); // NULL is fine

// The log as it is configured; config_load does it when there is none `before`.
void config_init_log(const struct config *config);
