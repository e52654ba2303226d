// What an operator, or the request for one target, says about the optional collectors.
#pragma once

#include <regex.h>

#include "redis/key_checks.h"

enum { SCAN_BATCH_DEFAULT = 1000, HOT_SLOTS_DEFAULT = 10 };

struct collect_options {
    struct key_checks checks;
    uint32_t batch_size;    // COUNT of SCAN
    bool without_values;    // sizes of keys only
    bool without_consumers; // of stream groups
    bool client_ports;      // a label of each client
    bool sentinel_peers;
    uint32_t hot_slots;            // of a master and figure
    const regex_t *search_indexes; // the names of those to export; NULL: all
};
