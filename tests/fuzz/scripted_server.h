// Servers that live in this process and this event loop and say what a script tells them to: behind
// the connections of redis/dial.h, which this file replaces (link with --wrap for its functions).
#pragma once

#include "script.h"

// From now on each connection leads to one of these: the last digit of its port says to which. More
// than a few are refused. NULL: all are refused. Borrows the script.
void scripted_servers(struct script *script);
