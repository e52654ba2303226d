// Certificate authorities and certificates for tests, as PEM files in a directory of their own.
#pragma once

#include <stdbool.h>

struct authority;

// Makes the directory; removed, with all that is in it, by authority_free.
struct authority *authority_new(void);
void authority_free(struct authority *authority);

enum { PATH_SIZE = 128 };

struct pair {
    char cert[PATH_SIZE];
    char key[PATH_SIZE];
};

// The authority's own certificate.
const char *authority_file(const struct authority *authority);

// Gives a new certificate for such names ("DNS:a,IP:127.0.0.1"; NULL: none), valid from and until
// so many seconds from now.
struct pair authority_issue(struct authority *authority, const char *names, long from_s,
                            long until_s);

// The same for a day.
struct pair authority_issue_good(struct authority *authority, const char *names);

// Makes the path of a file in that directory.
void authority_path(const struct authority *authority, const char *name, char *out);

// Writes the pair's key there, encrypted by a passphrase.
void authority_encrypt_key(const struct pair *pair, const char *path);
