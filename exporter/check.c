#include "check.h"

#include <stdio.h>

#include "base/clock.h"
#include "scrape/report.h"

struct check {
    struct event_base *base;
    int status;
};

static void on_pass(void *owner, const struct snapshot *const *snapshot, size_t count)
{
    static const int statuses[] = {
        [SEVERITY_INFO] = CHECK_HEALTHY,
        [SEVERITY_WARNING] = CHECK_WARNINGS,
        [SEVERITY_CRITICAL] = CHECK_CRITICAL,
    };
    struct check *check = owner;
    struct buf text = BUF_EMPTY;
    struct findings findings = report_findings(snapshot[0]);
    (void)count;
    report_text(&text, snapshot[0], &findings);
    fwrite(text.data, 1, text.length, stdout);
    check->status = statuses[findings_worst(&findings)];
    findings_clear(&findings);
    buf_free(&text);
    event_base_loopbreak(check->base);
}

int check_run(struct event_base *base, struct cluster *cluster, int64_t timeout_us)
{
    struct check check = {base, CHECK_CRITICAL};
    pass_start(&cluster, 1, clock_monotonic_us() + timeout_us, on_pass, &check);
    event_base_dispatch(base);
    return check.status;
}
