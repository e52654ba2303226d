// The table of flags: each is one row; --help, the environment and the defaults follow from it.
#pragma once

#include "config/options.h"

struct flag {
    const char *name;
    const char *variable; // environment
    const char *argument; // NULL: a switch
    const char *preset;   // the default, as text; NULL: none
    const char *help;
    // Returns NULL, or what the value must be. `value` is "true" for a switch.
    const char *(*set)(struct options *options, size_t offset, const char *value);
    size_t offset; // of the field
};

enum { FLAGS_MAX = 32 }; // room for arrays by flag

extern const struct flag flags[];
extern const size_t flag_count; // at most FLAGS_MAX

// NULL for a name that no flag has.
const struct flag *flag_find(struct span name);

// Setters that options.c needs for what is not in the table.
const char *flag_set_text(struct options *options, size_t offset, const char *value);
const char *flag_parse_switch(const char *value, bool *out);
