// What a client says: four lines, of Accept, Accept-Encoding, a list of key checks and a pattern.
#include <stdlib.h>

#include "base/glob.h"
#include "fuzz.h"
#include "redis/key_checks.h"
#include "web/negotiate.h"

static char *next_line(struct span *rest)
{
    struct span line = {"", 0};
    span_cut(rest, '\n', &line);
    const char *nul = line.length > 0 ? memchr(line.at, '\0', line.length) : NULL;
    return mem_copy(line.at, nul != NULL ? (size_t)(nul - line.at) : line.length);
}

static void check_format(const char *accept)
{
    struct negotiated got = negotiate_format(accept);
    const char *type =
        got.format == PAGE_TEXT ? "text/plain; version=0.0.4" : "application/openmetrics-text; ";
    CHECK(strncmp(got.content_type, type, strlen(type)) == 0);
    CHECK(strpbrk(got.content_type, "\r\n") == NULL);
}

static void check_keys(const char *text)
{
    for (size_t i = 0; i < CHECK_LISTS; i++) {
        struct key_checks checks = {.count = 0};
        const char *problem = key_checks_add(&checks, &check_lists[i], span_of(text));
        for (size_t j = 0; problem == NULL && j < checks.count; j++) {
            CHECK(checks.count <= CHECKS_MAX && checks.check[j].name.length > 0);
            CHECK(key_slot(checks.check[j].name) < 16384);
            CHECK(!checks.check[j].is_pattern || !check_lists[i].single);
        }
        key_checks_clear(&checks);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = fuzz_text(data, size);
    char *accept = next_line(&rest);
    char *encoding = next_line(&rest);
    char *keys = next_line(&rest);
    char *pattern = next_line(&rest);
    check_format(accept);
    negotiate_gzip(encoding);
    check_keys(keys);
    CHECK(glob_matches("*", keys));
    glob_matches(pattern, keys);
    free(accept);
    free(encoding);
    free(keys);
    free(pattern);
    return 0;
}
