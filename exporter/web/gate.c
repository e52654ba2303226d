#include "web/gate.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "scrape/computed.h"
#include "web/basic_auth.h"
#include "web/logins.h"

enum { WATCHED = 4, LOOK_EVERY_US = SECOND_US };

// The files as they were looked at last.
struct watch {
    char *path[WATCHED]; // NULL: none
    uint64_t state;
    int64_t looked_us;
};

struct gate {
    char *path;
    struct web_config config;
    struct tls_context *tls; // NULL: plain HTTP
    struct logins *logins;
    struct watch watch;
    int64_t rate_spent_us; // until when the requests so far use the rate up
};

// --- files ---

static void clear_watch(struct watch *watch)
{
    for (size_t i = 0; i < WATCHED; i++) {
        free(watch->path[i]);
        watch->path[i] = NULL;
    }
}

static char *copy(const char *text)
{
    return text != NULL && text[0] != '\0' ? mem_copy(text, strlen(text)) : NULL;
}

static void watch_files(struct gate *gate, const struct web_config *config)
{
    clear_watch(&gate->watch);
    gate->watch.path[0] = copy(gate->path);
    gate->watch.path[1] = copy(config->tls.cert_file);
    gate->watch.path[2] = copy(config->tls.key_file);
    gate->watch.path[3] = copy(config->tls.client_ca_file);
}

// What changes when a file is written, replaced or taken away. A pipe cannot be read again.
static uint64_t state_of(const struct watch *watch)
{
    uint64_t state = 0;
    for (size_t i = 0; i < WATCHED; i++) {
        struct stat status;
        if (watch->path[i] == NULL) {
            continue;
        }
        if (stat(watch->path[i], &status) != 0 || !S_ISREG(status.st_mode)) {
            state = hash_text(SPAN("-"), state + i);
            continue;
        }
        const int64_t facts[] = {
            (int64_t)status.st_dev,          (int64_t)status.st_ino,
            (int64_t)status.st_size,         (int64_t)status.st_mtim.tv_sec,
            (int64_t)status.st_mtim.tv_nsec, (int64_t)status.st_ctim.tv_sec,
            (int64_t)status.st_ctim.tv_nsec,
        };
        state = hash_text(span_make((const char *)facts, sizeof(facts)), state + i);
    }
    return state;
}

// --- taking over ---

static char *complain(const struct gate *gate, char *problem)
{
    struct buf text = BUF_EMPTY;
    buf_format(&text, "%s: %s", gate->path, problem);
    free(problem);
    return buf_take(&text);
}

// Into `config` and `out_tls`; the files are watched from here on, whether they are good or not.
static char *load(struct gate *gate, struct web_config *config, struct tls_context **out_tls)
{
    char *problem = web_config_read(gate->path, config);
    *out_tls = NULL;
    watch_files(gate, config);
    gate->watch.state = state_of(&gate->watch); // before they are read: a change is seen later
    if (problem == NULL && config->tls.enabled) {
        *out_tls = tls_context_new(&config->tls, &problem);
        problem = problem != NULL ? complain(gate, problem) : NULL;
    }
    return problem;
}

char *gate_check(const char *path)
{
    struct gate gate = {.path = mem_copy(path, strlen(path))};
    struct tls_context *tls;
    char *problem = load(&gate, &gate.config, &tls);
    if (tls != NULL) {
        tls_context_release(tls);
    }
    web_config_clear(&gate.config);
    clear_watch(&gate.watch);
    free(gate.path);
    return problem;
}

static void note_expiry(const struct gate *gate)
{
    process_note_expiry(gate->tls != NULL ? tls_context_expiry_s(gate->tls) : 0);
}

static void take_over(struct gate *gate, struct web_config *config, struct tls_context *tls)
{
    if (config->rate_interval_us != gate->config.rate_interval_us ||
        config->rate_burst != gate->config.rate_burst) {
        gate->rate_spent_us = 0; // was reckoned by another rate
    }
    web_config_clear(&gate->config);
    if (gate->tls != NULL) {
        tls_context_release(gate->tls);
    }
    gate->config = *config;
    gate->tls = tls;
    logins_set(gate->logins, config->user, config->user_count);
    note_expiry(gate);
}

char *gate_reload(struct gate *gate)
{
    struct web_config config;
    struct tls_context *tls;
    char *problem = load(gate, &config, &tls);
    if (problem == NULL && (tls != NULL) != (gate->tls != NULL)) {
        static const char text[] = "TLS cannot be turned on or off without a restart";
        problem = complain(gate, mem_copy(text, sizeof(text) - 1));
    }
    if (problem != NULL) {
        web_config_clear(&config);
        if (tls != NULL) {
            tls_context_release(tls);
        }
        return problem;
    }
    take_over(gate, &config, tls);
    return NULL;
}

static void look_again(struct gate *gate)
{
    int64_t now_us = clock_monotonic_us();
    if (now_us - gate->watch.looked_us < LOOK_EVERY_US) {
        return;
    }
    gate->watch.looked_us = now_us;
    if (state_of(&gate->watch) == gate->watch.state) {
        return;
    }
    char *problem = gate_reload(gate);
    if (problem != NULL) {
        log_error("the web configuration has changed, but is not taken over", "reason", problem);
    } else {
        log_info("took over the changed web configuration", "file", gate->path);
    }
    free(problem);
}

struct gate *gate_new(const char *path, struct event_base *base, char **out_problem)
{
    struct gate *gate = mem_new(1, sizeof(*gate));
    gate->path = mem_copy(path, strlen(path));
    gate->logins = logins_new(base);
    *out_problem = load(gate, &gate->config, &gate->tls);
    if (*out_problem == NULL && gate->tls != NULL &&
        MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES) {
        static const char text[] = "this libmicrohttpd was built without TLS";
        *out_problem = complain(gate, mem_copy(text, sizeof(text) - 1));
    }
    if (*out_problem != NULL) {
        gate_free(gate);
        return NULL;
    }
    logins_set(gate->logins, gate->config.user, gate->config.user_count);
    note_expiry(gate);
    return gate;
}

void gate_free(struct gate *gate)
{
    logins_free(gate->logins);
    if (gate->tls != NULL) {
        tls_context_release(gate->tls);
    }
    web_config_clear(&gate->config);
    clear_watch(&gate->watch);
    free(gate->path);
    free(gate);
}

// --- connections and requests ---

bool gate_has_tls(const struct gate *gate)
{
    return gate->tls != NULL;
}

struct tls_context *gate_tls(struct gate *gate)
{
    look_again(gate);
    return gate->tls;
}

const struct web_header *gate_headers(const struct gate *gate)
{
    return gate->config.header;
}

// As limits_take, with a burst of its own.
static bool take_from_rate(struct gate *gate)
{
    int64_t interval_us = gate->config.rate_interval_us;
    int64_t now_us = clock_monotonic_us();
    int64_t from_us = gate->rate_spent_us > now_us ? gate->rate_spent_us : now_us;
    if (interval_us == 0) {
        return true;
    }
    if (from_us + interval_us > now_us + interval_us * gate->config.rate_burst) {
        return false;
    }
    gate->rate_spent_us = from_us + interval_us;
    return true;
}

static enum login judge_login(struct gate *gate, struct request *request)
{
    const char *header = request_header(request, MHD_HTTP_HEADER_AUTHORIZATION);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct buf text = BUF_EMPTY;
    const char *name;
    const char *password;
    enum login login = LOGIN_BAD;
    if (header != NULL && basic_auth_parse(header, &text, &name, &password)) {
        uint64_t client = client_of(info != NULL ? info->client_addr : NULL);
        login = logins_judge(gate->logins, name, password, client);
    }
    buf_wipe(&text);
    return login;
}

static enum MHD_Result refuse_login(struct request *request)
{
    struct answer *answer =
        answer_text(MHD_HTTP_UNAUTHORIZED, "This needs a user name and its password.\n");
    MHD_add_response_header(answer->response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
                            "Basic realm=\"redis_cluster_exporter\", charset=\"UTF-8\"");
    return request_answer(request, answer);
}

enum gate_verdict gate_judge(struct gate *gate, struct request *request,
                             enum MHD_Result *out_result)
{
    if (!request->counted) {
        request->counted = true;
        look_again(gate);
        if (!take_from_rate(gate)) {
            *out_result = request_answer(request, limits_answer(LIMIT_WEB_RATE));
            return GATE_CLOSED;
        }
    }
    enum login login = LOGIN_GOOD;
    if (!request->trusted && gate->config.user_count > 0) {
        login = judge_login(gate, request);
    }
    request->trusted |= login == LOGIN_GOOD;
    if (login == LOGIN_BAD) {
        *out_result = refuse_login(request);
    } else if (login == LOGIN_BUSY) {
        *out_result = request_answer(request, limits_answer(LIMIT_LOGINS));
    }
    return login == LOGIN_GOOD ? GATE_OPEN : login == LOGIN_PENDING ? GATE_PENDING : GATE_CLOSED;
}

enum MHD_Result gate_wait(struct gate *gate, struct request *request)
{
    return logins_wait(gate->logins, request);
}

void gate_stop(struct gate *gate)
{
    logins_stop(gate->logins);
}
