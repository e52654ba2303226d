// The Authorization header of HTTP's basic authentication (RFC 7617).
#pragma once

#include "base/buf.h"

// Decodes "Basic BASE64" into name and password, which are terminated and in `out`: end with
// buf_wipe. False when it is anything else, or holds a NUL.
bool basic_auth_parse(const char *header, struct buf *out, const char **out_name,
                      const char **out_password);
