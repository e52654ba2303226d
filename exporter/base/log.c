// One write per line, so that lines of two processes do not mix. A line that cannot be written at
// once (full disk, closed pipe, a pipe that nobody reads) is dropped: serving metrics matters more.
#include "base/log.h"

#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/utf8.h"

static enum log_level threshold = LOG_INFO;
static enum log_format form = LOG_LOGFMT;
static uint64_t dropped; // lines since the last one that went through
static bool cut_short;   // the last line that was begun has no end

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const char *const format_names[] = {"logfmt", "json"};

void log_init(enum log_level level, enum log_format format)
{
    threshold = level;
    form = format;
}

bool log_level_parse(const char *word, enum log_level *out)
{
    for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (strcmp(word, level_names[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_format_parse(const char *word, enum log_format *out)
{
    for (size_t i = 0; i < sizeof(format_names) / sizeof(format_names[0]); i++) {
        if (strcmp(word, format_names[i]) == 0) {
            *out = (enum log_format)i;
            return true;
        }
    }
    return false;
}

// JSON string escapes serve logfmt's quoted values as well. What is no UTF-8 would not be JSON.
static void add_quoted(struct buf *line, const char *text)
{
    struct span rest = span_of(text);
    buf_char(line, '"');
    while (rest.length > 0) {
        char c = rest.at[0];
        size_t length = utf8_length(rest);
        if (c == '"' || c == '\\') {
            buf_char(line, '\\');
            buf_char(line, c);
        } else if (c == '\n') {
            buf_text(line, "\\n");
        } else if ((unsigned char)c < ' ' || c == 0x7f) {
            buf_format(line, "\\u%04x", (unsigned)(unsigned char)c);
        } else if (length == 0) {
            buf_char(line, '?');
        } else {
            buf_bytes(line, rest.at, length);
        }
        rest = span_skip(rest, length > 0 ? length : 1);
    }
    buf_char(line, '"');
}

static bool needs_quotes(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f || *c == '"' || *c == '=' ||
            *c == '\\') {
            return true;
        }
    }
    return *text == '\0';
}

static void add_pair(struct buf *line, const char *key, const char *value)
{
    if (form == LOG_JSON) {
        buf_char(line, line->length == 0 ? '{' : ',');
        add_quoted(line, key);
        buf_char(line, ':');
        add_quoted(line, value);
        return;
    }
    if (line->length > 0) {
        buf_char(line, ' ');
    }
    buf_text(line, key);
    buf_char(line, '=');
    if (needs_quotes(value)) {
        add_quoted(line, value);
    } else {
        buf_text(line, value);
    }
}

static void add_time(struct buf *line)
{
    int64_t now = clock_wall_us();
    time_t seconds = (time_t)(now / SECOND_US);
    struct tm utc;
    char date[32];
    struct buf text = BUF_EMPTY;
    gmtime_r(&seconds, &utc);
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
    buf_format(&text, "%s.%03dZ", date, (int)(now % SECOND_US / 1000));
    buf_char(&text, '\0');
    add_pair(line, "ts", text.data);
    buf_free(&text);
}

// A non-blocking descriptor would tell as well, but others share ours and its mode.
static bool would_block(void)
{
    struct pollfd target = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&target, 1, 0) == 0;
}

// A pipe that is ready takes PIPE_BUF bytes without blocking, and may block for more.
static bool write_all(struct span line)
{
    while (line.length > 0) {
        size_t length = line.length < PIPE_BUF ? line.length : PIPE_BUF;
        ssize_t written = would_block() ? -1 : write(STDERR_FILENO, line.at, length);
        if (written <= 0) {
            return false;
        }
        cut_short = (size_t)written < line.length;
        line = span_skip(line, (size_t)written);
    }
    return true;
}

static void write_line(struct buf *line)
{
    buf_text(line, form == LOG_JSON ? "}\n" : "\n");
    if ((!cut_short || write_all(SPAN("\n"))) && write_all(buf_view(line))) {
        dropped = 0;
    } else {
        dropped++;
    }
}

static void add_dropped(struct buf *line)
{
    char count[24];
    snprintf(count, sizeof(count), "%" PRIu64, dropped);
    add_pair(line, "dropped_lines", count);
}

void log_line(enum log_level level, const char *message, ...)
{
    if (level < threshold) {
        return;
    }
    struct buf line = BUF_EMPTY;
    add_time(&line);
    add_pair(&line, "level", level_names[level]);
    add_pair(&line, "msg", message);
    va_list pairs;
    va_start(pairs, message);
    for (const char *key = va_arg(pairs, const char *); key != NULL;
         key = va_arg(pairs, const char *)) {
        const char *value = va_arg(pairs, const char *);
        if (value != NULL) {
            add_pair(&line, key, value);
        }
    }
    va_end(pairs);
    if (dropped > 0) {
        add_dropped(&line);
    }
    write_line(&line);
    buf_free(&line);
}
