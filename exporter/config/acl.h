// The rights that the exporter's user needs.
#pragma once

#include "metrics/collector.h"

// Prints, on standard output, the ACL line for these collectors on a server of that version ("7.0",
// "valkey-8.1"). False, with one line on standard error, for what is no version or has no ACLs.
bool acl_print(const char *version, collector_set set);
