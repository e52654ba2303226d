// The command line, an argument a line; lines NAME=VALUE in front of it are the environment.
#include <stdlib.h>

#include "config/config.h"
#include "fuzz.h"

enum { ARGUMENTS_MAX = 32 };

struct invocation {
    char *argument[ARGUMENTS_MAX + 1];
    int count;
    char *variable[ARGUMENTS_MAX];
    size_t variable_count;
};

// Only those of the exporter: others steer the C library.
static bool is_variable(const char *text)
{
    const char *equals = strchr(text, '=');
    return equals != NULL && (strncmp(text, "RED", 3) == 0 || strncmp(text, "WEB_", 4) == 0 ||
                              strncmp(text, "LOG_", 4) == 0 || strncmp(text, "SCRAPE_", 7) == 0);
}

static void read_line(struct span text, struct invocation *line)
{
    struct span part;
    line->argument[line->count++] = mem_copy("exporter", 8);
    while (line->count < ARGUMENTS_MAX && span_cut(&text, '\n', &part)) {
        const char *nul = part.length > 0 ? memchr(part.at, '\0', part.length) : NULL;
        char *copy = mem_copy(part.at, nul != NULL ? (size_t)(nul - part.at) : part.length);
        if (line->count == 1 && line->variable_count < ARGUMENTS_MAX && is_variable(copy)) {
            putenv(copy);
            line->variable[line->variable_count++] = copy;
        } else {
            line->argument[line->count++] = copy;
        }
    }
}

static void clear_line(struct invocation *line)
{
    for (size_t i = 0; i < line->variable_count; i++) {
        char *name = mem_copy(line->variable[i], strcspn(line->variable[i], "="));
        unsetenv(name); // it points into the text
        free(name);
        free(line->variable[i]);
    }
    for (int i = 0; i < line->count; i++) {
        free(line->argument[i]);
    }
}

// Files are another target's matter, and a regular expression is the C library's.
static bool is_out_of_scope(struct span text)
{
    return span_contains(text, SPAN("file")) || span_contains(text, SPAN("FILE")) ||
           span_contains(text, SPAN("search"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct invocation line = {.count = 0};
    struct problems problems = {.count = 0};
    if (is_out_of_scope(fuzz_text(data, size))) {
        return 0;
    }
    setenv("SSL_CERT_FILE", "/dev/null", 1); // the system's authorities take long to read
    setenv("SSL_CERT_DIR", "/dev/null", 1);
    read_line(fuzz_text(data, size), &line);
    struct arguments arguments = arguments_take(line.count, line.argument);
    struct config *config = config_load(&arguments, NULL, &problems);
    CHECK((config != NULL) == (problems.count == 0));
    if (config != NULL) {
        const struct options *options = &config->common;
        bool asks_nobody = options->show_help || options->show_version || options->print_metrics ||
                           options->print_acl != NULL || options->healthcheck != NULL;
        CHECK(asks_nobody || (options->seed_count > 0 && options->cluster_name != NULL));
        CHECK(options->scrape_timeout_us > 0 && options->reply_timeout_us > 0);
        CHECK(options->listen_count > 0 && options->listen_count <= LISTEN_MAX);
    }
    config_free(config);
    problems_clear(&problems);
    arguments_clear(&arguments);
    clear_line(&line);
    return 0;
}
