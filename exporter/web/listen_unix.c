#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "web/listen.h"

// Whether somebody listens at it; a socket that is left over refuses.
static bool is_served(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool refused = fd >= 0 &&
                   connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 &&
                   errno == ECONNREFUSED;
    if (fd >= 0) {
        close(fd);
    }
    return !refused;
}

// NULL when the path is free now.
static const char *make_room(const struct sockaddr_un *address)
{
    struct stat status;
    if (lstat(address->sun_path, &status) != 0) {
        return errno == ENOENT ? NULL : strerror(errno);
    }
    if (!S_ISSOCK(status.st_mode)) {
        return "there is a file that is no socket";
    }
    if (is_served(address)) {
        return "another program listens there";
    }
    return unlink(address->sun_path) == 0 || errno == ENOENT ? NULL : strerror(errno);
}

int listen_unix(const char *path, struct socket_file *out_file, const char **out_problem)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat status;
    if (strlen(path) >= sizeof(address.sun_path)) {
        *out_problem = "the path is too long";
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    *out_problem = make_room(&address);
    int fd =
        *out_problem == NULL ? socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) : -1;
    if (fd < 0) {
        return -1;
    }
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, LISTEN_BACKLOG) != 0 || stat(path, &status) != 0) {
        *out_problem = strerror(errno);
        close(fd);
        return -1;
    }
    memcpy(out_file->path, path, strlen(path) + 1);
    out_file->device = status.st_dev;
    out_file->inode = status.st_ino;
    return fd;
}

void listen_remove(struct socket_file *file)
{
    struct stat status;
    if (file->path[0] != '\0' && stat(file->path, &status) == 0 && status.st_dev == file->device &&
        status.st_ino == file->inode) {
        (void)unlink(file->path);
    }
    file->path[0] = '\0';
}
