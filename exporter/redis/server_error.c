#include "redis/server_error.h"

enum outcome server_error_outcome(struct span text)
{
    static const char *const auth_errors[] = {"NOAUTH", "WRONGPASS", "ERR invalid password"};
    static const char *const denials[] = {"NOPERM", "DENIED"};
    if (span_starts_any(text, auth_errors, sizeof(auth_errors) / sizeof(auth_errors[0]))) {
        return OUTCOME_AUTH;
    }
    if (span_starts(text, SPAN("BUSY "))) {
        return OUTCOME_BUSY;
    }
    bool denied = span_starts_any(text, denials, sizeof(denials) / sizeof(denials[0]));
    return denied ? OUTCOME_DENIED : OUTCOME_MALFORMED;
}

void server_error_print(struct span text, const char *password, char *out, size_t size)
{
    enum { BEGINNING = 6 };
    if (password != NULL &&
        span_contains(text, span_make(password, strnlen(password, BEGINNING)))) {
        text = SPAN("the server repeats the password");
    }
    size_t length = text.length < size - 1 ? text.length : size - 1;
    for (size_t i = 0; i < length; i++) {
        char c = text.at[i];
        out[i] = (char)(c >= ' ' && c <= '~' ? c : '?');
    }
    out[length] = '\0';
}
