// The file of --redis.password-file: one password, or a JSON object that maps URLs to passwords.
#pragma once

#include "redis/credentials.h"

// Either sets *out_password (free() it) or adds to `credentials`. NULL, or what is wrong with the
// file, which `source` named: free() it; no part of the content is in it. `again`: no warning when
// others can read the file, since it was logged before.
char *password_file_read(const char *source, const char *path, bool again, char **out_password,
                         struct credentials *credentials);
