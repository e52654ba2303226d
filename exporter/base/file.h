// Small files that operators write: passwords, certificates, configuration.
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

// Adds what the file holds, at most `bytes_max` bytes. A pipe is read as well, for up to ten
// seconds, which keeps the caller waiting; a regular file comes at once. `out_mode` (may be NULL)
// gets the permissions. NULL, or why it cannot be had, not to be freed: then what was read so far
// is in `out`. Ends with buf_wipe where the file holds a secret.
const char *file_read(const char *path, size_t bytes_max, struct buf *out, mode_t *out_mode);
