#include "script.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/mem.h"

enum { ITEM_DEPTH_MAX = 6 };

// --- records ---

static struct span take_line(struct span *rest)
{
    struct span line = {rest->at, 0};
    span_cut(rest, '\n', &line);
    return line;
}

static struct span take_body(struct span *rest)
{
    const char *start = rest->at;
    while (rest->length > 0 && rest->at[0] != '>') {
        take_line(rest);
    }
    return span_make(start, (size_t)(rest->at - start));
}

static struct record parse_header(struct span line)
{
    struct record record = {.kind = RECORD_BULK};
    line = span_skip(line, 1);
    if (line.length > 0 && line.at[0] >= '0' && line.at[0] <= '9') {
        record.port = line.at[0];
        line = span_skip(line, 1);
    }
    if (line.length > 0 && (line.at[0] == '*' || line.at[0] == '!')) {
        record.kind = line.at[0] == '*' ? RECORD_ITEMS : RECORD_BYTES;
        line = span_skip(line, 1);
    }
    record.command = span_trim(line);
    return record;
}

void script_parse(struct span text, struct script *out)
{
    *out = (struct script){.count = 0};
    out->options = take_body(&text);
    while (text.length > 0 && out->count < RECORDS_MAX) {
        struct record record = parse_header(take_line(&text));
        record.body = take_body(&text);
        out->record[out->count++] = record;
    }
}

static bool begins_with(struct span command, struct span prefix)
{
    return command.length >= prefix.length &&
           strncasecmp(command.at, prefix.at, prefix.length) == 0;
}

static bool is_better(const struct record *a, const struct record *b)
{
    if (a->command.length != b->command.length) {
        return a->command.length > b->command.length;
    }
    if ((a->port != '\0') != (b->port != '\0')) {
        return a->port != '\0';
    }
    return b->used; // an unused one, otherwise the last
}

struct record *script_find(struct script *script, char port, struct span command)
{
    struct record *best = NULL;
    for (size_t i = 0; i < script->count; i++) {
        struct record *record = &script->record[i];
        if ((record->port == '\0' || record->port == port) && record->command.length > 0 &&
            begins_with(command, record->command) && (best == NULL || is_better(record, best))) {
            best = record;
        }
    }
    if (best != NULL) {
        best->used = true;
    }
    return best;
}

// --- answers ---

static void add_bulk(struct buf *out, struct span text)
{
    buf_format(out, "$%zu\r\n", text.length);
    buf_span(out, text);
    buf_text(out, "\r\n");
}

// A line of its own: without the line ends that would make it two.
static void add_plain(struct buf *out, struct span text)
{
    for (size_t i = 0; i < text.length; i++) {
        buf_char(out, text.at[i] == '\r' ? ' ' : text.at[i]);
    }
    buf_text(out, "\r\n");
}

static void add_item(struct buf *out, struct span *rest, int depth);

static void add_array(struct buf *out, struct span *rest, int depth)
{
    struct buf items = BUF_EMPTY;
    size_t count = 0;
    while (rest->length > 0 && rest->at[0] != ')') {
        add_item(&items, rest, depth + 1);
        count++;
    }
    take_line(rest);
    buf_format(out, "*%zu\r\n", count);
    buf_span(out, buf_view(&items));
    buf_free(&items);
}

static void add_item(struct buf *out, struct span *rest, int depth)
{
    struct span line = take_line(rest);
    char kind = line.length > 0 ? line.at[0] : '_';
    struct span text = line.length > 0 ? span_skip(line, 1) : line;
    int64_t number = 0;
    if (kind == '(' && depth < ITEM_DEPTH_MAX) {
        add_array(out, rest, depth);
    } else if (kind == '"') {
        add_bulk(out, text);
    } else if (kind == ':') {
        span_i64(text, &number);
        buf_char(out, ':');
        buf_i64(out, number);
        buf_text(out, "\r\n");
    } else if (kind == '+' || kind == '-') {
        add_plain(out, line);
    } else {
        buf_text(out, "$-1\r\n");
    }
}

void script_answer(const struct record *record, struct buf *out)
{
    struct span body = record->body;
    switch (record->kind) {
    case RECORD_BULK:
        add_bulk(out, body);
        break;
    case RECORD_ITEMS:
        add_item(out, &body, 0);
        break;
    case RECORD_BYTES:
        buf_span(out, body);
        break;
    }
}
