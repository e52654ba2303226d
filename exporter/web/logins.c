#include "web/logins.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/random.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "web/hasher.h"

enum {
    DIGEST_BYTES = 32,
    BAD_KEPT = 256, // wrong logins whose verdict is known: misconfigured scrapers come again
    QUEUE_MAX = 32,
    QUEUE_OF_CLIENT_MAX = 4,
    HASH_BYTES = 61,
};

struct digest {
    unsigned char bytes[DIGEST_BYTES];
};

struct user {
    char *name;
    char *hash;
    bool known; // `good` is set
    struct digest good;
};

// A comparison that is wanted, and who waits for it.
struct wanted {
    struct digest digest;
    char hash[HASH_BYTES];
    char *password;
    uint64_t client;
    struct request *waiting;
};

struct logins {
    unsigned char key[DIGEST_BYTES];
    struct user *user;
    size_t user_count;
    struct digest bad[BAD_KEPT]; // a ring
    size_t bad_count;            // ever noted
    struct wanted queue[QUEUE_MAX];
    size_t queue_count; // the first one is under way
    struct wanted *promised;
    struct hasher *hasher;
    uint64_t comparisons;
    bool stopped;
};

static bool digest_equals(const struct digest *a, const struct digest *b)
{
    return CRYPTO_memcmp(a->bytes, b->bytes, DIGEST_BYTES) == 0;
}

// Of name, hash and password: so that a verdict ends with the hash that it is about.
static struct digest digest_of(const struct logins *logins, const char *name, const char *hash,
                               const char *password)
{
    struct digest digest;
    struct buf text = BUF_EMPTY;
    unsigned length = DIGEST_BYTES;
    buf_reserve(&text, strlen(name) + strlen(hash) + strlen(password) + 3);
    buf_bytes(&text, name, strlen(name) + 1);
    buf_bytes(&text, hash, strlen(hash) + 1);
    buf_bytes(&text, password, strlen(password) + 1);
    CHECK(HMAC(EVP_sha256(), logins->key, DIGEST_BYTES, (const unsigned char *)text.data,
               text.length, digest.bytes, &length) != NULL);
    buf_wipe(&text);
    return digest;
}

static struct user *find_user(const struct logins *logins, const char *name)
{
    for (size_t i = 0; i < logins->user_count; i++) {
        if (strcmp(logins->user[i].name, name) == 0) {
            return &logins->user[i];
        }
    }
    return NULL;
}

// An unknown name costs what a known one costs, and always the same: it goes by the cost of a user
// that its hash chooses. No password gives this digest, and if one did, the name is still unknown.
static void make_dummy(const struct logins *logins, const char *name, char out[HASH_BYTES])
{
    enum { DIGEST_AT = 7 }; // with the salt
    static const char digest[] = "0123456789abcdefghijkl5dK3CmFdsQ4nGqk0a7ZtY2pWv1xJrUe";
    size_t chosen = hash_text(span_of(name), 1) % logins->user_count;
    _Static_assert(DIGEST_AT + sizeof(digest) == HASH_BYTES, "as long as any other");
    memcpy(out, logins->user[chosen].hash, DIGEST_AT);
    memcpy(out + DIGEST_AT, digest, sizeof(digest));
}

static bool is_known_bad(const struct logins *logins, const struct digest *digest)
{
    size_t kept = logins->bad_count < BAD_KEPT ? logins->bad_count : BAD_KEPT;
    bool found = false;
    for (size_t i = 0; i < kept; i++) {
        found |= digest_equals(&logins->bad[i], digest);
    }
    return found;
}

// --- the queue ---

static void start_first(struct logins *logins)
{
    if (logins->queue_count > 0) {
        logins->comparisons++;
        hasher_start(logins->hasher, logins->queue[0].hash, logins->queue[0].password);
    }
}

static void clear_wanted(struct wanted *wanted)
{
    explicit_bzero(wanted->password, strlen(wanted->password));
    free(wanted->password);
}

// False when it is nobody's: of an unknown name, or of a user who is no more.
static bool note_good(struct logins *logins, const struct wanted *wanted)
{
    bool noted = false;
    for (size_t i = 0; i < logins->user_count; i++) {
        struct user *user = &logins->user[i];
        if (strcmp(user->hash, wanted->hash) == 0) {
            struct digest digest = digest_of(logins, user->name, user->hash, wanted->password);
            if (digest_equals(&digest, &wanted->digest)) {
                user->good = digest;
                user->known = true;
                noted = true;
            }
        }
    }
    return noted;
}

// Requests are routed anew, and find the verdict.
static void on_compared(void *owner, bool equal)
{
    struct logins *logins = owner;
    struct wanted done = logins->queue[0];
    log_debug("compared a password", "verdict", equal ? "right" : "wrong");
    if (!equal || !note_good(logins, &done)) {
        logins->bad[logins->bad_count++ % BAD_KEPT] = done.digest;
    }
    logins->queue_count--;
    memmove(&logins->queue[0], &logins->queue[1], logins->queue_count * sizeof(done));
    clear_wanted(&done);
    start_first(logins);
    while (done.waiting != NULL) {
        struct request *request = done.waiting;
        done.waiting = request->next;
        request_retry(request);
    }
}

static struct wanted *find_wanted(struct logins *logins, const struct digest *digest)
{
    for (size_t i = 0; i < logins->queue_count; i++) {
        if (digest_equals(&logins->queue[i].digest, digest)) {
            return &logins->queue[i];
        }
    }
    return NULL;
}

static bool has_room(const struct logins *logins, uint64_t client)
{
    size_t of_client = 0;
    for (size_t i = 0; i < logins->queue_count; i++) {
        of_client += logins->queue[i].client == client ? 1 : 0;
    }
    return !logins->stopped && logins->queue_count < QUEUE_MAX && of_client < QUEUE_OF_CLIENT_MAX;
}

static enum login want(struct logins *logins, const struct digest *digest, const char *hash,
                       const char *password, uint64_t client)
{
    struct wanted *wanted = find_wanted(logins, digest);
    if (wanted == NULL && !has_room(logins, client)) {
        return LOGIN_BUSY;
    }
    if (wanted == NULL) {
        wanted = &logins->queue[logins->queue_count++];
        *wanted = (struct wanted){.digest = *digest, .client = client};
        CHECK(span_copy(span_of(hash), wanted->hash, sizeof(wanted->hash)));
        wanted->password = mem_copy(password, strlen(password));
        if (logins->queue_count == 1) {
            start_first(logins);
        }
    }
    logins->promised = wanted;
    return LOGIN_PENDING;
}

enum login logins_judge(struct logins *logins, const char *name, const char *password,
                        uint64_t client)
{
    char dummy[HASH_BYTES];
    struct user *user = find_user(logins, name);
    const char *hash = user != NULL ? user->hash : dummy;
    if (user == NULL) {
        make_dummy(logins, name, dummy);
    }
    struct digest digest = digest_of(logins, name, hash, password);
    if (user != NULL && user->known && digest_equals(&user->good, &digest)) {
        return LOGIN_GOOD;
    }
    if (is_known_bad(logins, &digest)) {
        return LOGIN_BAD;
    }
    return want(logins, &digest, hash, password, client);
}

// --- waiting ---

static void on_expired(void *owner, struct request *request)
{
    struct logins *logins = owner;
    for (size_t i = 0; i < logins->queue_count; i++) {
        struct request **link = &logins->queue[i].waiting;
        while (*link != NULL && *link != request) {
            link = &(*link)->next;
        }
        if (*link != NULL) {
            *link = request->next;
            request_resume_text(request, MHD_HTTP_SERVICE_UNAVAILABLE,
                                "The password could not be compared in time.\n");
            return;
        }
    }
}

enum MHD_Result logins_wait(struct logins *logins, struct request *request)
{
    struct wanted *wanted = logins->promised;
    CHECK(wanted != NULL);
    logins->promised = NULL;
    request->next = wanted->waiting;
    wanted->waiting = request;
    return request_suspend(request, on_expired, logins);
}

// The comparison under way goes on, and the queue with it.
void logins_stop(struct logins *logins)
{
    logins->stopped = true;
    for (size_t i = 0; i < logins->queue_count; i++) {
        struct wanted *wanted = &logins->queue[i];
        while (wanted->waiting != NULL) {
            struct request *request = wanted->waiting;
            wanted->waiting = request->next;
            request_resume_text(request, MHD_HTTP_SERVICE_UNAVAILABLE,
                                "The exporter is shutting down.\n");
        }
    }
}

// --- users ---

struct logins *logins_new(struct event_base *base)
{
    struct logins *logins = mem_new(1, sizeof(*logins));
    CHECK(getrandom(logins->key, sizeof(logins->key), 0) == (ssize_t)sizeof(logins->key));
    logins->hasher = hasher_new(base, on_compared, logins);
    return logins;
}

static void clear_users(struct user *user, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(user[i].name);
        free(user[i].hash);
    }
    free(user);
}

void logins_set(struct logins *logins, const struct web_user *user, size_t count)
{
    struct user *fresh = mem_new(count + 1, sizeof(*fresh));
    for (size_t i = 0; i < count; i++) {
        const struct user *before = find_user(logins, user[i].name);
        fresh[i].name = mem_copy(user[i].name, strlen(user[i].name));
        fresh[i].hash = mem_copy(user[i].hash, strlen(user[i].hash));
        if (before != NULL && before->known && strcmp(before->hash, user[i].hash) == 0) {
            fresh[i].good = before->good;
            fresh[i].known = true;
        }
    }
    clear_users(logins->user, logins->user_count);
    logins->user = fresh;
    logins->user_count = count;
}

void logins_free(struct logins *logins)
{
    logins_stop(logins);
    hasher_free(logins->hasher);
    for (size_t i = 0; i < logins->queue_count; i++) {
        clear_wanted(&logins->queue[i]);
    }
    clear_users(logins->user, logins->user_count);
    explicit_bzero(logins->key, sizeof(logins->key));
    free(logins);
}

uint64_t logins_comparisons(const struct logins *logins)
{
    return logins->comparisons;
}

uint64_t client_of(const struct sockaddr *address)
{
    enum { NETWORK_BYTES = 8, MAPPED_AT = 12 };
    struct span bytes = span_make(NULL, 0);
    if (address != NULL && address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)address;
        bytes = span_make((const char *)&v4->sin_addr, sizeof(v4->sin_addr));
    } else if (address != NULL && address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)address;
        bool mapped = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
        const char *at = (const char *)&v6->sin6_addr;
        bytes = mapped ? span_make(at + MAPPED_AT, sizeof(struct in_addr))
                       : span_make(at, NETWORK_BYTES);
    }
    return hash_text(bytes, 2);
}
