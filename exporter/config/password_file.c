#include "config/password_file.h"

#include <stdlib.h>

#include <cjson/cJSON.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

enum { FILE_MAX = 1024 * 1024 };

static char *complain(const char *source, const char *path, const char *problem)
{
    struct buf text = BUF_EMPTY;
    buf_format(&text, "%s: %s: %s", source, path, problem);
    return buf_take(&text);
}

// --- a map ---

static const char *add_entry(const cJSON *item, struct credentials *credentials)
{
    struct seed seed;
    const char *problem = seed_parse(span_of(item->string), &seed);
    if (problem != NULL) {
        return problem;
    }
    if (!cJSON_IsString(item) || seed.password != NULL) {
        seed_clear(&seed);
        return "must map URLs without a password to passwords";
    }
    seed.password = mem_copy(item->valuestring, strlen(item->valuestring));
    credentials_add(credentials, &seed);
    return NULL;
}

static void wipe(cJSON *map)
{
    for (cJSON *item = map->child; item != NULL; item = item->next) {
        if (item->valuestring != NULL) {
            explicit_bzero(item->valuestring, strlen(item->valuestring));
        }
    }
    cJSON_Delete(map);
}

// The parser's texts end at a NUL: what comes behind would be lost.
static bool has_nul(struct span text)
{
    return memchr(text.at, '\0', text.length) != NULL || span_contains(text, SPAN("\\u0000"));
}

static const char *read_map(struct span text, struct credentials *credentials)
{
    const char *problem = NULL;
    const char *end = NULL;
    cJSON *map = cJSON_ParseWithLengthOpts(text.at, text.length, &end, false);
    if (map == NULL || has_nul(text) ||
        span_trim(span_make(end, (size_t)(text.at + text.length - end))).length > 0) {
        problem = "is no JSON, or holds a NUL";
    }
    for (const cJSON *item = map != NULL ? map->child : NULL; problem == NULL && item != NULL;
         item = item->next) {
        problem = add_entry(item, credentials);
    }
    if (map != NULL) {
        wipe(map);
    }
    return problem;
}

// --- one password ---

static const char *read_password(struct span text, char **out_password)
{
    text.length -= text.length > 0 && text.at[text.length - 1] == '\n' ? 1 : 0;
    text.length -= text.length > 0 && text.at[text.length - 1] == '\r' ? 1 : 0;
    if (text.length == 0 || memchr(text.at, '\0', text.length) != NULL) {
        return "must hold one password, or a JSON object that maps URLs to passwords";
    }
    *out_password = mem_copy(text.at, text.length);
    return NULL;
}

// A password that begins with { can stand in a map.
static const char *understand(struct span text, char **out_password,
                              struct credentials *credentials)
{
    struct span trimmed = span_trim(text);
    return trimmed.length > 0 && trimmed.at[0] == '{' ? read_map(trimmed, credentials)
                                                      : read_password(text, out_password);
}

char *password_file_read(const char *source, const char *path, bool again, char **out_password,
                         struct credentials *credentials)
{
    struct buf text = BUF_EMPTY;
    bool exposed = false;
    const char *problem = file_read(path, FILE_MAX, &text, &exposed);
    if (problem == NULL) {
        problem = understand(buf_view(&text), out_password, credentials);
    }
    if (problem == NULL && !again && exposed) {
        log_warn("the password file can be read by others", "file", path);
    }
    buf_wipe(&text);
    return problem != NULL ? complain(source, path, problem) : NULL;
}
