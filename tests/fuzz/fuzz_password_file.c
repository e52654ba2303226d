#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "config/password_file.h"
#include "fuzz.h"

static void check_password(struct span text, const char *password)
{
    CHECK(password[0] != '\0');
    CHECK(span_contains(text, span_of(password)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    char *password = NULL;
    struct credentials credentials = {.count = 0};
    int fd = memfd_create("password", MFD_CLOEXEC);
    CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    log_init(LOG_ERROR, LOG_LOGFMT); // it is readable by all
    char *problem = password_file_read("flag", path, false, &password, &credentials);
    CHECK(problem == NULL || (password == NULL && strchr(problem, '\n') == NULL));
    if (password != NULL) {
        check_password(fuzz_text(data, size), password);
    }
    for (size_t i = 0; i < credentials.count; i++) {
        CHECK(credentials.entry[i].password != NULL);
    }
    credentials_clear(&credentials);
    free(password);
    free(problem);
    close(fd);
    return 0;
}
