// The exporter's own process, under the names that every Prometheus client library uses.
#include "scrape/computed.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/version.h"
#include "metrics/page.h"
#include "scrape/refusals.h"

enum { STAT_SIZE = 1024, STAT_FIELDS = 24 };

// Fields of /proc/self/stat, counted from 0 after the command name; see proc(5).
enum { STAT_STARTTIME = 19, STAT_VSIZE = 20, STAT_RSS = 21 };

// The text file's content; length 0 when it cannot be read.
static struct span read_file(const char *path, char *bytes, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, bytes, size) : -1;
    if (fd >= 0) {
        close(fd);
    }
    return span_make(bytes, got > 0 ? (size_t)got : 0);
}

static bool stat_field(size_t index, uint64_t *out)
{
    char bytes[STAT_SIZE];
    struct span rest;
    struct span field = {NULL, 0};
    struct span name;
    struct span text = read_file("/proc/self/stat", bytes, sizeof(bytes));
    if (!span_split_last(text, ')', &name, &rest) || rest.length == 0) {
        return false;
    }
    rest = span_skip(rest, 1);
    for (size_t i = 0; i <= index; i++) {
        if (!span_cut(&rest, ' ', &field)) {
            return false;
        }
    }
    return span_u64(field, out);
}

static void build_info(struct emitter *to)
{
    const struct label labels[] = {
        {"version", SPAN(EXPORTER_VERSION)},
        {"revision", SPAN(EXPORTER_REVISION)},
        {"compiler", SPAN(__VERSION__)},
    };
    emit_labelled(to, labels, sizeof(labels) / sizeof(labels[0]), 1);
}

static void cpu_seconds(struct emitter *to)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        emit(to, (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                     (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6);
    }
}

static void resident_memory(struct emitter *to)
{
    uint64_t pages;
    if (stat_field(STAT_RSS, &pages)) {
        emit(to, (double)pages * (double)sysconf(_SC_PAGESIZE));
    }
}

static void virtual_memory(struct emitter *to)
{
    uint64_t bytes;
    if (stat_field(STAT_VSIZE, &bytes)) {
        emit(to, (double)bytes);
    }
}

static void open_fds(struct emitter *to)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = -1; // the directory's own
    if (directory == NULL) {
        return;
    }
    for (const struct dirent *entry = readdir(directory); entry != NULL;
         entry = readdir(directory)) {
        count += entry->d_name[0] != '.';
    }
    closedir(directory);
    emit(to, count);
}

static void max_fds(struct emitter *to)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        emit(to, (double)limit.rlim_cur);
    }
}

// /proc/stat tells the boot time, but not to a service that sees processes only (ProcSubset=pid).
// Whole seconds, as there, so that it does not move with the time that reading the clocks takes.
static void start_time(struct emitter *to)
{
    int64_t boot_s = (clock_wall_us() - clock_boot_us()) / SECOND_US;
    uint64_t ticks;
    if (stat_field(STAT_STARTTIME, &ticks)) {
        emit(to, (double)boot_s + (double)ticks / (double)sysconf(_SC_CLK_TCK));
    }
}

static uint64_t target_error_count;

void process_count_target_error(void)
{
    target_error_count++;
}

void process_target_errors(struct emitter *to)
{
    emit(to, (double)target_error_count);
}

// Of the configuration: 0 before the first.
static bool reload_succeeded;
static int64_t reload_success_s;

void process_note_reload(bool succeeded, int64_t now_s)
{
    reload_succeeded = succeeded;
    reload_success_s = succeeded ? now_s : reload_success_s;
}

static void last_reload(struct emitter *to)
{
    emit(to, reload_succeeded ? 1 : 0);
}

static void last_reload_time(struct emitter *to)
{
    emit(to, (double)reload_success_s);
}

static int64_t web_expiry_s;

void process_note_expiry(int64_t expiry_s)
{
    web_expiry_s = expiry_s;
}

static void web_certificate(struct emitter *to)
{
    if (web_expiry_s != 0) {
        emit(to, (double)web_expiry_s);
    }
}

const struct metric process_metrics[] = {
    {"redis_exporter_build_info", INFO, "", "The exporter's version and how it was built.",
     .source = FROM_EXPORTER, .process = build_info, .labels = "version, revision, compiler"},
    {"redis_target_scrape_request_errors_total", COUNTER, "",
     "Requests refused because of their target.", RX_NONE, .source = FROM_EXPORTER,
     .process = process_target_errors},
    {"redis_exporter_requests_refused_total", COUNTER, "",
     "Requests that a limit of the exporter turned away or cut off.", RX_NONE,
     .source = FROM_EXPORTER, .process = refusals_emit, .labels = "limit"},
    {"redis_exporter_config_last_reload_successful", GAUGE, "",
     "1 when the last attempt to read the configuration went well; the start counts as one.",
     RX_NONE, .source = FROM_EXPORTER, .process = last_reload},
    {"redis_exporter_config_last_reload_success_timestamp_seconds", GAUGE, "",
     "When the configuration in use was read.", RX_NONE, .source = FROM_EXPORTER,
     .process = last_reload_time},
    {"redis_exporter_web_certificate_expiry_timestamp_seconds", GAUGE, "",
     "When the certificate that the HTTP server shows expires, or the first one of its chain.",
     RX_NONE, .source = FROM_EXPORTER, .process = web_certificate},
    {"process_cpu_seconds_total", COUNTER, "", "CPU time of the exporter, user and system.",
     .source = FROM_EXPORTER, .process = cpu_seconds},
    {"process_resident_memory_bytes", GAUGE, "", "Physical memory of the exporter.",
     .source = FROM_EXPORTER, .process = resident_memory},
    {"process_virtual_memory_bytes", GAUGE, "", "Virtual memory of the exporter.",
     .source = FROM_EXPORTER, .process = virtual_memory},
    {"process_open_fds", GAUGE, "", "Open file descriptors of the exporter.",
     .source = FROM_EXPORTER, .process = open_fds},
    {"process_max_fds", GAUGE, "", "Limit on open file descriptors of the exporter.",
     .source = FROM_EXPORTER, .process = max_fds},
    {"process_start_time_seconds", GAUGE, "", "When the exporter was started.",
     .source = FROM_EXPORTER, .process = start_time},
};

const size_t process_metric_count = sizeof(process_metrics) / sizeof(process_metrics[0]);
