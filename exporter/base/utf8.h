// UTF-8, as far as labels and log lines need it.
#pragma once

#include "base/span.h"

// Length of the well-formed sequence at the front of `text`, which is not empty; 0 when there is
// none (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
size_t utf8_length(struct span text);
