// What an operator expects of a cluster; 0: nothing was said.
#pragma once

#include <stddef.h>

struct expectations {
    size_t nodes;    // that the cluster knows, whatever their health
    size_t masters;  // that own slots
    size_t replicas; // healthy ones of each of these, at least
};
