// A byte through a pipe hands the comparison over, and a byte through another one gives it back.
#include "web/hasher.h"

#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/mem.h"

enum { HASH_LENGTH = 60, DIGEST_AT = 29, STACK_BYTES = 512 * 1024 }; // of bcrypt

struct hasher {
    void (*done)(void *owner, bool equal);
    void *owner;
    int to_thread[2]; // reading end, writing end
    int to_loop[2];
    struct event *back;
    pthread_t thread;
    bool has_thread;
    char hash[HASH_LENGTH + 1]; // the comparison
    char *password;
    bool equal;
};

static void wipe(char *password)
{
    if (password != NULL) {
        explicit_bzero(password, strlen(password));
    }
    free(password);
}

static void compare(struct hasher *hasher)
{
    struct crypt_data *data = mem_new(1, sizeof(*data));
    char *password = hasher->password;
    const char *result = crypt_r(password, hasher->hash, data);
    // The last letter of the salt has spare bits, which crypt clears.
    hasher->equal =
        result != NULL && strlen(result) == HASH_LENGTH &&
        CRYPTO_memcmp(result + DIGEST_AT, hasher->hash + DIGEST_AT, HASH_LENGTH - DIGEST_AT) == 0;
    explicit_bzero(data, sizeof(*data));
    wipe(password);
    free(data);
    hasher->password = NULL;
}

static ssize_t take_byte(int fd)
{
    char byte;
    ssize_t got;
    do {
        got = read(fd, &byte, 1);
    } while (got < 0 && errno == EINTR);
    return got;
}

static void give_byte(int fd)
{
    CHECK(write(fd, "", 1) == 1); // the pipe is empty: nothing to wait for
}

static void *run(void *context)
{
    struct hasher *hasher = context;
    while (take_byte(hasher->to_thread[0]) == 1) {
        compare(hasher);
        give_byte(hasher->to_loop[1]);
    }
    return NULL;
}

static void on_back(evutil_socket_t fd, short what, void *context)
{
    struct hasher *hasher = context;
    (void)what;
    if (take_byte(fd) == 1) {
        hasher->done(hasher->owner, hasher->equal);
    }
}

// Signals are the loop's.
static bool start_thread(struct hasher *hasher)
{
    sigset_t all;
    sigset_t before;
    pthread_attr_t attributes;
    sigfillset(&all);
    CHECK(pthread_attr_init(&attributes) == 0);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    hasher->has_thread = pthread_create(&hasher->thread, &attributes, run, hasher) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return hasher->has_thread;
}

struct hasher *hasher_new(struct event_base *base, void (*done)(void *owner, bool equal),
                          void *owner)
{
    struct hasher *hasher = mem_new(1, sizeof(*hasher));
    hasher->done = done;
    hasher->owner = owner;
    CHECK(pipe2(hasher->to_thread, O_CLOEXEC) == 0 && pipe2(hasher->to_loop, O_CLOEXEC) == 0);
    CHECK(evutil_make_socket_nonblocking(hasher->to_loop[0]) == 0);
    hasher->back = event_new(base, hasher->to_loop[0], EV_READ | EV_PERSIST, on_back, hasher);
    CHECK(hasher->back != NULL);
    event_add(hasher->back, NULL);
    return hasher;
}

// Where no thread can be had, the loop has to wait.
void hasher_start(struct hasher *hasher, const char *hash, const char *password)
{
    CHECK(hasher->password == NULL);
    CHECK(strlen(hash) == HASH_LENGTH);
    memcpy(hasher->hash, hash, HASH_LENGTH + 1);
    hasher->password = mem_copy(password, strlen(password));
    if (hasher->has_thread || start_thread(hasher)) {
        give_byte(hasher->to_thread[1]);
    } else {
        compare(hasher);
        give_byte(hasher->to_loop[1]);
    }
}

void hasher_free(struct hasher *hasher)
{
    event_free(hasher->back);
    close(hasher->to_thread[1]);
    if (hasher->has_thread) {
        pthread_join(hasher->thread, NULL);
    }
    close(hasher->to_thread[0]);
    close(hasher->to_loop[0]);
    close(hasher->to_loop[1]);
    free(hasher);
}
