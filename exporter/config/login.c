#include "config/login.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "config/password_file.h"

// What systemd's LoadCredential= has to call it: $CREDENTIALS_DIRECTORY/redis_password.
static const char CREDENTIAL[] = "redis_password";

static void clear_secret(char *text)
{
    if (text != NULL) {
        explicit_bzero(text, strlen(text));
    }
    free(text);
}

static char *copy(const char *text)
{
    return text != NULL ? mem_copy(text, strlen(text)) : NULL;
}

// Credentials of a URL are for the whole cluster, and beat the others, which are less specific.
// What a map has for a seed is for the whole cluster as well, where no password was given for it.
static void derive(struct options *options)
{
    struct login login = {options->user,
                          options->has_password_file ? options->file_password : options->password};
    for (size_t i = 0; i < options->seed_count; i++) {
        const struct seed *seed = &options->seed[i];
        if (seed->user != NULL || seed->password != NULL) {
            login.user = seed->user != NULL ? seed->user : login.user;
            login.password = seed->password != NULL ? seed->password : login.password;
            break;
        }
    }
    for (size_t i = 0; login.password == NULL && i < options->seed_count; i++) {
        const struct login nothing = {login.user, NULL};
        login = credentials_find(&options->credentials, &options->seed[i].address, nothing);
    }
    options->login = login;
}

// Where nothing else was said about a password.
static void find_credential(struct options *options)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    struct buf path = BUF_EMPTY;
    if (directory == NULL || options->password != NULL || options->password_file != NULL) {
        return;
    }
    buf_format(&path, "%s/%s", directory, CREDENTIAL);
    char *file = buf_take(&path);
    struct stat status;
    if (stat(file, &status) == 0) {
        options->password_file = file;
        options->password_source = copy("CREDENTIALS_DIRECTORY");
    } else {
        free(file);
    }
}

static void copy_content(struct options *to, const struct options *from)
{
    to->file_password = copy(from->file_password);
    for (size_t i = 0; i < from->credentials.count; i++) {
        const struct seed *entry = &from->credentials.entry[i];
        struct seed added = {.address = entry->address,
                             .user = copy(entry->user),
                             .password = copy(entry->password)};
        credentials_add(&to->credentials, &added);
    }
}

static const struct options *find_reader(struct options *const *sets, size_t count,
                                         const char *path)
{
    for (size_t i = 0; i < count; i++) {
        if (sets[i]->has_password_file && strcmp(sets[i]->password_file, path) == 0) {
            return sets[i];
        }
    }
    return NULL;
}

static const char *source_of(const struct options *options, const struct given *given)
{
    if (options->password_source != NULL) {
        return options->password_source;
    }
    bool by_variable = given->by[flag_index("redis.password-file")] == GIVEN_BY_VARIABLE;
    return by_variable ? "REDIS_PASSWORD_FILE" : "--redis.password-file";
}

// A password by flag beats a file by variable, and one by variable a file that the file names.
char *login_read(struct options *options, const struct given *given, struct options *const *earlier,
                 size_t count)
{
    char *problem = NULL;
    find_credential(options);
    bool beaten =
        given->by[flag_index("redis.password")] > given->by[flag_index("redis.password-file")] &&
        options->password != NULL;
    if (options->password_file != NULL && !beaten) {
        const struct options *reader = find_reader(earlier, count, options->password_file);
        if (reader != NULL) {
            copy_content(options, reader);
        } else {
            problem = password_file_read(source_of(options, given), options->password_file, false,
                                         &options->file_password, &options->credentials);
        }
        // A map takes nothing from a password that was given for all other servers.
        options->has_password_file = true;
        if (options->file_password == NULL) {
            options->file_password = copy(options->password);
        }
    }
    derive(options);
    return problem;
}

static bool is_same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool is_same_map(const struct credentials *a, const struct credentials *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++) {
        same = address_equal(&a->entry[i].address, &b->entry[i].address) &&
               is_same_text(a->entry[i].user, b->entry[i].user) &&
               is_same_text(a->entry[i].password, b->entry[i].password);
    }
    return same;
}

bool login_is_same(const struct options *a, const struct options *b)
{
    return is_same_text(a->login.user, b->login.user) &&
           is_same_text(a->login.password, b->login.password) &&
           is_same_map(&a->credentials, &b->credentials);
}

bool login_is_from_pipe(const struct options *options)
{
    struct stat status;
    return options->has_password_file && stat(options->password_file, &status) == 0 &&
           !S_ISREG(status.st_mode);
}

bool login_renew(void *context)
{
    struct options *options = context;
    struct credentials credentials = {.count = 0};
    char *password = NULL;
    if (!options->has_password_file || login_is_from_pipe(options)) {
        return false;
    }
    char *problem = password_file_read("the password cannot be read again", options->password_file,
                                       true, &password, &credentials);
    if (problem != NULL) {
        if (!options->renewal_failed) { // told once
            log_warn(problem, "cluster", options->cluster_name);
        }
        options->renewal_failed = true;
        free(problem);
        credentials_clear(&credentials);
        return false;
    }
    options->renewal_failed = false;
    if (password == NULL) {
        password = copy(options->password);
    }
    bool changed = !is_same_text(password, options->file_password) ||
                   !is_same_map(&credentials, &options->credentials);
    clear_secret(options->file_password);
    credentials_clear(&options->credentials);
    options->file_password = password;
    options->credentials = credentials;
    derive(options);
    if (changed) {
        log_info("a server refused the password, and its file holds another one now", "cluster",
                 options->cluster_name);
    }
    return changed;
}
