// What an operator may say, and perhaps did not mean.
#pragma once

#include "config/config.h"

// One line for each, whenever a configuration takes effect.
void warnings_log(const struct config *config);
