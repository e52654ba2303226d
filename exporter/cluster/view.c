#include "cluster/view.h"

#include <stdlib.h>

#include "base/mem.h"

struct room {
    size_t lines;
    size_t ranges;
};

static bool add_ranges(struct view *view, struct view_line *line, struct room *room, size_t *used)
{
    struct span rest = line->node.slots;
    struct slot_token token;
    enum parse_result result;
    while ((result = slots_next(&rest, &token)) == PARSE_ITEM) {
        if (token.kind != SLOT_OWNED) {
            continue;
        }
        view->range = mem_grow(view->range, *used, &room->ranges, sizeof(view->range[0]));
        view->range[(*used)++] = (struct slot_range){token.first, token.last};
        line->range_count++;
    }
    return result == PARSE_END;
}

static bool add_lines(struct view *view, struct span text)
{
    struct room room = {0, 0};
    size_t used = 0;
    enum parse_result result;
    struct view_line line = {.range = NULL};
    while ((result = cluster_nodes_next(&text, &line.node)) == PARSE_ITEM) {
        line.range_count = 0;
        view->line = mem_grow(view->line, view->count, &room.lines, sizeof(view->line[0]));
        if (!add_ranges(view, &line, &room, &used)) {
            return false;
        }
        view->line[view->count++] = line;
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

struct view *view_parse(char *text, size_t length)
{
    struct view *view = mem_new(1, sizeof(*view));
    view->text = text;
    bool ends_well = length > 0 && text[length - 1] == '\n';
    if (!ends_well || !add_lines(view, span_make(text, length)) || !find_self(view)) {
        view_free(view);
        return NULL;
    }
    return view;
}

void view_free(struct view *view)
{
    if (view != NULL) {
        free(view->text);
        free(view->line);
        free(view->range);
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
