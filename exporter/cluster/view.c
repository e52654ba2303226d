#include "cluster/view.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"

struct room {
    size_t lines;
    size_t ranges;
    size_t open;
};

static void add_open(struct view *view, const struct slot_token *token, struct room *room)
{
    view->open = mem_grow(view->open, view->open_count, &room->open, sizeof(view->open[0]));
    struct open_slot *open = &view->open[view->open_count++];
    *open = (struct open_slot){.slot = token->first, .importing = token->kind == SLOT_IMPORTING};
    memcpy(open->peer, token->peer, sizeof(open->peer));
}

static bool add_ranges(struct view *view, struct view_line *line, struct room *room, size_t *used)
{
    struct span rest = line->node.slots;
    struct slot_token token;
    enum parse_result result;
    while ((result = slots_next(&rest, &token)) == PARSE_ITEM) {
        if (token.kind != SLOT_OWNED) {
            if (line->node.flags & NODE_MYSELF) {
                add_open(view, &token, room);
            }
            continue;
        }
        view->range = mem_grow(view->range, *used, &room->ranges, sizeof(view->range[0]));
        view->range[(*used)++] = (struct slot_range){token.first, token.last};
        line->range_count++;
    }
    return result == PARSE_END;
}

// Room for one more line, behind those that count.
static struct view_line *next_line(struct view *view, struct room *room)
{
    view->line = mem_grow(view->line, view->count, &room->lines, sizeof(view->line[0]));
    struct view_line *line = &view->line[view->count];
    line->range_count = 0;
    return line;
}

static bool add_lines(struct view *view, struct span text)
{
    enum { LINE_BYTES = 100 }; // a line is longer, with 40 for the node's id alone
    struct room room = {.lines = text.length / LINE_BYTES + 1};
    view->line = mem_resize(NULL, room.lines, sizeof(view->line[0]));
    size_t used = 0;
    enum parse_result result;
    struct view_line *line = next_line(view, &room);
    while ((result = cluster_nodes_next(&text, &line->node)) == PARSE_ITEM) {
        if (view->count == VIEW_LINES_MAX || !add_ranges(view, line, &room, &used)) {
            return false;
        }
        view->count++;
        line = next_line(view, &room);
    }
    struct slot_range *next = view->range; // it no longer moves
    for (size_t i = 0; i < view->count; i++) {
        view->line[i].range = next;
        next = next != NULL ? next + view->line[i].range_count : NULL;
    }
    return result == PARSE_END;
}

static bool find_self(struct view *view)
{
    for (size_t i = 0; i < view->count; i++) {
        if (view->line[i].node.flags & NODE_MYSELF) {
            if (view->self != NULL) {
                return false;
            }
            view->self = &view->line[i];
        }
    }
    return view->self != NULL;
}

// A border of a range: where a range begins right behind another one, the two cancel each other.
static uint64_t hash_border(uint64_t hash, uint64_t slot)
{
    return hash_number(hash_number(hash, slot), slot);
}

// The order of lines and ranges means nothing, so hashes are added up. Open slots are left out:
// each node tells only its own.
static uint64_t hash_slot_map(const struct view *view)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < view->count; i++) {
        const struct view_line *line = &view->line[i];
        uint64_t hash = line->range_count > 0 ? hash_text(span_of(line->node.id), 0) : 0;
        for (size_t j = 0; j < line->range_count; j++) {
            sum += hash_border(hash, line->range[j].first);
            sum -= hash_border(hash, (uint64_t)line->range[j].last + 1);
        }
    }
    return sum;
}

static uint64_t hash_opinion(const struct view *view)
{
    uint64_t sum = view->slot_map;
    for (size_t i = 0; i < view->count; i++) {
        sum += view->line[i].node.said;
    }
    return sum;
}

static size_t count_handshakes(const struct view *view)
{
    size_t count = 0;
    for (size_t i = 0; i < view->count; i++) {
        count += view->line[i].node.flags & NODE_HANDSHAKE ? 1 : 0;
    }
    return count;
}

struct view *view_parse(char *text, size_t length)
{
    struct view *view = mem_new(1, sizeof(*view));
    view->text = text;
    bool ends_well = length > 0 && text[length - 1] == '\n';
    if (!ends_well || !add_lines(view, span_make(text, length)) || !find_self(view)) {
        view_free(view);
        return NULL;
    }
    view->slot_map = hash_slot_map(view);
    view->opinion = hash_opinion(view);
    view->handshakes = count_handshakes(view);
    return view;
}

void view_free(struct view *view)
{
    if (view != NULL) {
        free(view->text);
        free(view->line);
        free(view->range);
        free(view->open);
        free(view);
    }
}

size_t view_line_slots(const struct view_line *line)
{
    size_t slots = 0;
    for (size_t i = 0; i < line->range_count; i++) {
        slots += (size_t)(line->range[i].last - line->range[i].first) + 1;
    }
    return slots;
}
