// Whole scrapes of scripted servers (see script.h): whatever they say, the pages in both formats
// and dialects, the JSON and the text of the findings have to be right.
//
// Letters in front of the first record are options: s one server alone, h and i the labels, v few
// views, p a look at the page while the scrape runs, l no login.
#include <regex.h>
#include <signal.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "base/clock.h"
#include "base/log.h"
#include "fuzz.h"
#include "page_check.h"
#include "scrape/render.h"
#include "scrape/report.h"
#include "scrape/scrape.h"
#include "scripted_server.h"

enum { SCRAPES_MAX = 3, REPLY_BYTES_MAX = 1 << 20, DEFAULT_PORT = 7001 };

static struct event_base *base;
static struct key_checks checks;

static void check_page(const struct snapshot *snapshot, enum page_format format,
                       enum dialect dialect)
{
    const struct render_options options = {
        .format = format, .dialect = dialect, .collectors = snapshot->cluster->options.collectors};
    struct buf page = BUF_EMPTY;
    struct span line;
    render_page(&page, &options, &snapshot, 1);
    const char *problem = page_check(buf_view(&page), format, dialect == DIALECT_NATIVE, &line);
    if (problem != NULL) {
        fprintf(stderr, "%s: %.*s\n", problem, (int)line.length, line.at);
    }
    CHECK(problem == NULL);
    buf_free(&page);
}

static void check_report(const struct snapshot *snapshot)
{
    struct buf text = BUF_EMPTY;
    struct findings findings = report_findings(snapshot);
    char *json = report_json(&snapshot, 1);
    cJSON *parsed = cJSON_Parse(json);
    CHECK(parsed != NULL && page_is_utf8(span_of(json)));
    report_text(&text, snapshot, &findings);
    for (size_t i = 0; i < text.length; i++) {
        CHECK((unsigned char)text.data[i] >= ' ' || text.data[i] == '\n'); // no escape sequences
    }
    cJSON_Delete(parsed);
    free(json);
    findings_clear(&findings);
    buf_free(&text);
}

static void check_snapshot(const struct snapshot *snapshot)
{
    check_page(snapshot, PAGE_TEXT, DIALECT_NATIVE);
    check_page(snapshot, PAGE_OPENMETRICS, DIALECT_NATIVE);
    check_page(snapshot, PAGE_TEXT, DIALECT_RX);
    if (!snapshot->cluster->options.single) {
        check_report(snapshot);
    }
}

static void on_done(void *owner, struct snapshot *snapshot)
{
    bool *done = owner;
    check_snapshot(snapshot);
    *done = true;
}

static void scrape(struct cluster *cluster, bool peeks)
{
    bool done = false;
    struct scrape_wait wait = {.done = on_done, .owner = &done};
    scrape_join(cluster, clock_monotonic_us() + 5 * SECOND_US, &wait);
    size_t turn = 0;
    while (!done) {
        event_base_loop(base, EVLOOP_ONCE);
        turn++;
        if (peeks && !done && turn % 8 == 3) {
            struct snapshot *so_far = scrape_peek(&wait);
            check_snapshot(so_far);
            snapshot_release(so_far);
        }
    }
}

static bool has_option(const struct script *script, char letter)
{
    return script->options.length > 0 &&
           memchr(script->options.at, letter, script->options.length) != NULL;
}

static struct cluster *new_cluster(const struct script *script, const struct seed *seed)
{
    static const struct collect_options collect = {
        .batch_size = 10, .client_ports = true, .sentinel_peers = true, .hot_slots = 3};
    static struct collect_options with_checks;
    with_checks = collect;
    with_checks.checks = checks;
    static const struct login login = {"me", "secret"};
    const struct cluster_options options = {
        .name = "fuzz",
        .seed = seed,
        .seed_count = 1,
        .node_label = has_option(script, 'h')   ? LABEL_HOSTNAME
                      : has_option(script, 'i') ? LABEL_ID
                                                : LABEL_AUTO,
        .collectors = (1u << COLLECTOR_COUNT) - 1,
        .collect = &with_checks,
        .full_views = has_option(script, 'v') ? 1 : 0,
        .single = has_option(script, 's'),
        .conn = {.base = base,
                 .login = has_option(script, 'l') ? NULL : &login,
                 .connect_timeout_us = SECOND_US,
                 .reply_timeout_us = SECOND_US,
                 .reply_bytes_max = REPLY_BYTES_MAX},
    };
    return cluster_new(&options);
}

static void set_up(void)
{
    if (base != NULL) {
        return;
    }
    base = event_base_new();
    CHECK(base != NULL);
    signal(SIGPIPE, SIG_IGN); // a scripted server may write to who has hung up
    log_init(LOG_ERROR, LOG_LOGFMT);
    CHECK(key_checks_add(&checks, &check_lists[0], SPAN("a,b*")) == NULL);
    CHECK(key_checks_add(&checks, &check_lists[2], SPAN("db0=c*")) == NULL);
    CHECK(key_checks_add(&checks, &check_lists[3], SPAN("s*,t")) == NULL);
}

// One scrape more than servers have second thoughts about INFO.
static size_t count_scrapes(const struct script *script)
{
    size_t count = 0;
    for (size_t i = 0; i < script->count; i++) {
        count += span_is(script->record[i].command, "INFO") && script->record[i].port == '\0';
    }
    return count < 1 ? 1 : count > SCRAPES_MAX ? SCRAPES_MAX : count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script script;
    struct seed seed = {.address = {.host = "10.0.0.1", .port = DEFAULT_PORT}};
    set_up();
    script_parse(fuzz_text(data, size), &script);
    scripted_servers(&script);
    struct cluster *cluster = new_cluster(&script, &seed);
    for (size_t i = 0; i < count_scrapes(&script); i++) {
        scrape(cluster, has_option(&script, 'p'));
    }
    cluster_free(cluster);
    while (event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED) > 0) {
        event_base_loop(base, EVLOOP_ONCE); // the servers see their connections end
    }
    return 0;
}
