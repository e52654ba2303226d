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

enum { FLAGS_MAX = 128 }; // room for arrays by flag

extern const struct flag flags[];
extern const size_t flag_count; // at most FLAGS_MAX

// A flag of redis_exporter that is spelt differently here, with its variable.
struct alias {
    const char *name;
    const char *variable;
    const char *flag;  // here; "collector.NAME" too
    const char *value; // NULL: the one that was given
    bool needless;     // what it asks for is always so
};

extern const struct alias aliases[];
extern const size_t alias_count;

const struct alias *alias_find(struct span name); // NULL: none

// NULL for a name that no flag has.
const struct flag *flag_find(struct span name);

// Whether it may be given several times.
bool flag_takes_lists(const struct flag *flag);

// For what is not in the table.
const char *flag_set_text(struct options *options, size_t offset, const char *value);
const char *flag_parse_switch(const char *value, bool *out);
