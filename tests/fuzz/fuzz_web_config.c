// The file of --web.config.file.
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "fuzz.h"
#include "web/web_config.h"

static void check_config(const struct web_config *config)
{
    for (size_t i = 0; i < WEB_HEADERS; i++) {
        const char *value = config->header[i].value;
        CHECK(value == NULL || strpbrk(value, "\r\n") == NULL);
    }
    for (size_t i = 0; i < config->user_count; i++) {
        CHECK(config->user[i].name != NULL && config->user[i].hash != NULL);
    }
    CHECK(config->rate_interval_us >= 0 && config->rate_burst >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    struct web_config config;
    int fd = memfd_create("web.yml", MFD_CLOEXEC);
    CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    log_init(LOG_ERROR, LOG_LOGFMT);
    char *problem = web_config_read(path, &config);
    CHECK(problem == NULL ||
          (strncmp(problem, path, strlen(path)) == 0 && strpbrk(problem, "\r\n") == NULL));
    if (problem == NULL) {
        check_config(&config);
    }
    web_config_clear(&config);
    free(problem);
    close(fd);
    return 0;
}
