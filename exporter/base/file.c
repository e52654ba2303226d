#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"

enum { PATIENCE_US = 10 * SECOND_US };

// At once for a regular file. A pipe may be written by a program that takes its time.
static bool wait_for_bytes(int fd, int64_t deadline_us)
{
    struct pollfd source = {.fd = fd, .events = POLLIN};
    int64_t left_ms = (deadline_us - clock_monotonic_us()) / 1000;
    return left_ms > 0 && poll(&source, 1, (int)left_ms) != 0;
}

static const char *read_all(int fd, size_t bytes_max, struct buf *out)
{
    int64_t deadline_us = clock_monotonic_us() + PATIENCE_US;
    size_t before = out->length;
    ssize_t got = 1;
    char *room = buf_reserve(out, bytes_max + 1); // at once: what is moved leaves a copy behind
    while (got != 0 && out->length - before <= bytes_max) {
        if (!wait_for_bytes(fd, deadline_us)) {
            return "is a pipe that was not written to its end within 10 seconds";
        }
        size_t done = out->length - before;
        got = read(fd, room + done, bytes_max + 1 - done);
        if (got < 0 && errno != EAGAIN && errno != EINTR) {
            return strerror(errno);
        }
        out->length += got > 0 ? (size_t)got : 0;
    }
    return out->length - before > bytes_max ? "is too large" : NULL;
}

const char *file_read(const char *path, size_t bytes_max, struct buf *out, bool *out_exposed)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return strerror(errno);
    }
    const char *problem = fstat(fd, &status) == 0 ? NULL : strerror(errno);
    if (problem == NULL) {
        problem = read_all(fd, bytes_max, out);
    }
    if (problem == NULL && out_exposed != NULL) {
        *out_exposed = file_is_exposed(&status);
    }
    close(fd);
    return problem;
}

bool file_is_exposed(const struct stat *status)
{
    bool ours = status->st_uid == geteuid();
    return (status->st_mode & (ours ? S_IRGRP | S_IROTH : S_IROTH)) != 0;
}
