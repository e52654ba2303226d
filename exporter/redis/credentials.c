#include "redis/credentials.h"

#include <stdlib.h>

#include "base/mem.h"

void credentials_add(struct credentials *credentials, const struct seed *seed)
{
    credentials->entry = mem_grow(credentials->entry, credentials->count, &credentials->capacity,
                                  sizeof(credentials->entry[0]));
    credentials->entry[credentials->count++] = *seed;
}

void credentials_clear(struct credentials *credentials)
{
    for (size_t i = 0; i < credentials->count; i++) {
        seed_clear(&credentials->entry[i]);
    }
    free(credentials->entry);
    *credentials = (struct credentials){.count = 0};
}

struct login credentials_find(const struct credentials *credentials, const struct address *address,
                              struct login otherwise)
{
    for (size_t i = 0; credentials != NULL && i < credentials->count; i++) {
        const struct seed *entry = &credentials->entry[i];
        if (address_equal(&entry->address, address)) {
            return (struct login){entry->user != NULL ? entry->user : otherwise.user,
                                  entry->password[0] != '\0' ? entry->password : NULL};
        }
    }
    return otherwise;
}
