// The user and password of a cluster, from wherever they are: URL, file, flag, variable.
#pragma once

#include "config/given.h"

// Reads the password file, where one is named and no flag beats it; a file that one of the `count`
// `earlier` sets has read is not read again by this. NULL, or what is wrong: free() it.
char *login_read(struct options *options, const struct given *given, struct options *const *earlier,
                 size_t count);

// Reads the file again. Whether the login, or what is known of single servers, is another since. A
// file that cannot be read leaves everything as it is. As of cluster_options.
bool login_renew(void *options);

// Whether both would say the same to the same servers.
bool login_is_same(const struct options *a, const struct options *b);

// A file of which nothing is left to read a second time: a pipe.
bool login_is_from_pipe(const struct options *options);
