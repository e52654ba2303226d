// User names and passwords of single servers, where they differ from those of the whole cluster.
#pragma once

#include "redis/address.h"

struct login {
    const char *user;     // NULL: the default user
    const char *password; // NULL: no AUTH
};

struct credentials {
    struct seed *entry; // each with a password; "" says that the server has none
    size_t count;
    size_t capacity;
};

// Takes what the seed holds.
void credentials_add(struct credentials *credentials, const struct seed *seed);
void credentials_clear(struct credentials *credentials);

// What is known about that server; what is not, from `otherwise`. Borrowed. NULL credentials know
// nothing.
struct login credentials_find(const struct credentials *credentials, const struct address *address,
                              struct login otherwise);
