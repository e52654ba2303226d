// Small files that operators write: passwords, certificates, configuration.
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "base/buf.h"

// Adds what the file holds, at most `bytes_max` bytes. A pipe is read as well, for up to ten
// seconds, which keeps the caller waiting; a regular file comes at once. `out_exposed` (may be
// NULL) gets what file_is_exposed says. NULL, or why it cannot be had, not to be freed: then what
// was read so far is in `out`. Ends with buf_wipe where the file holds a secret.
const char *file_read(const char *path, size_t bytes_max, struct buf *out, bool *out_exposed);

// Whether others can read it who need not: everybody, or a group though it belongs to this user.
// What belongs to another user is there to be read by its group: so are systemd's credentials, and
// secrets in a pod of Kubernetes.
bool file_is_exposed(const struct stat *status);
