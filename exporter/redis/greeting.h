// AUTH and CLIENT SETNAME, which go out in front of the first commands of a connection, in the same
// write.
#pragma once

#include "redis/credentials.h"

struct greeting {
    bool auth_awaited;    // its reply comes next,
    bool setname_awaited; // then the one to CLIENT SETNAME
};

void greeting_add(struct greeting *greeting, struct buf *out, struct login login);

// Whether the next reply belongs to the greeting, which then goes one on.
bool greeting_takes(struct greeting *greeting);
