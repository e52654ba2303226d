// The file of --redis.password-file: one password, or a JSON object that maps URLs to passwords.
#pragma once

#include "redis/credentials.h"

// Either sets *out_password (free() it) or adds to `credentials`. NULL, or what is wrong with the
// file: free() it; no part of the content is in it.
char *password_file_read(const char *path, char **out_password, struct credentials *credentials);
