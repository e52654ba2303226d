// The command line. It is kept, since a reload reads it again: what flags say beats the file each
// time.
#pragma once

#include "config/given.h"

struct arguments {
    int count;
    char **text;    // copies of ours
    char **visible; // the process's own, which everybody can read; NULL once secrets are hidden
    bool password_was_visible;
};

// Copies them. `argv` must stay until the first arguments_read, which overwrites passwords in it.
struct arguments arguments_take(int argc, char **argv);
void arguments_clear(struct arguments *arguments);

// Sets what they say. NULL, or one line that names the flag: free() it.
char *arguments_read(struct arguments *arguments, struct options *out, struct given *given);

// For those who read flags from elsewhere.

// A flag by its name here, at redis_exporter or of a collector, and the value that was given for
// it.
struct argument {
    struct span name;
    const char *value; // NULL: none
};

// A flag as redis_exporter spells it becomes the one that stands for it. *out_done: nothing is left
// to do, since it asks for what is always so, or is turned off. NULL, or what the value must be.
const char *argument_resolve_alias(struct argument *argument, bool *out_done);

// --collector.NAME and --no-collector.NAME, with or without a value of true or false. False when it
// is neither; *out_problem is set for an unknown name or a bad value.
bool argument_read_collector(struct options *out, const struct argument *argument,
                             char **out_problem);

void options_choose_collector(struct options *out, enum collector collector, bool on);
char *options_complain(const char *prefix, struct span name, const char *problem);
