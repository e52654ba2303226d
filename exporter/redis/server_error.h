// What error replies to INFO, AUTH and CLIENT SETNAME tell.
#pragma once

#include "base/span.h"
#include "redis/outcome.h"

// Of a server that answers INFO with it.
enum outcome server_error_outcome(struct span text);

// Makes it printable, cut to `size`. A server can repeat what it was sent, the password included
// and perhaps cut ("unknown command 'AUTH', with args beginning with: ..."): a text with as much as
// its beginning is not passed on. `password` may be NULL.
void server_error_print(struct span text, const char *password, char *out, size_t size);
