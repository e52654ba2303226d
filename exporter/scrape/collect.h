// From the replies of the optional commands to samples.
#pragma once

#include "metrics/sample.h"

// Borrows the reply; what is kept of it is copied. Replies of another shape than expected give
// nothing.
void collect_reply(struct samples *samples, enum command command, const struct reply *reply);
