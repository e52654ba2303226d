#include "cluster/view.h"
#include "fuzz.h"
#include "redis/address.h"

static void check_line(const struct view *view, const struct view_line *line, struct span text)
{
    CHECK(memchr(line->node.id, '\0', NODE_ID_SIZE) != NULL && line->node.id[0] != '\0');
    CHECK(memchr(line->node.master_id, '\0', NODE_ID_SIZE) != NULL);
    CHECK(fuzz_is_inside(line->node.host, text) && fuzz_is_inside(line->node.hostname, text));
    CHECK(line->node.host.length == 0 || address_is_host(line->node.host));
    CHECK(line->node.hostname.length == 0 || address_is_host(line->node.hostname));
    for (size_t i = 0; i < line->range_count; i++) {
        CHECK(line->range[i].first <= line->range[i].last && line->range[i].last < SLOT_COUNT);
    }
    CHECK(view_line_slots(line) <= line->range_count * SLOT_COUNT);
    CHECK(line == view->self || !(line->node.flags & NODE_MYSELF));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_copy((const char *)data, size);
    struct view *view = view_parse(text, size);
    if (view == NULL) {
        return 0;
    }
    CHECK(view->count <= VIEW_LINES_MAX && view->self >= view->line &&
          view->self < view->line + view->count);
    for (size_t i = 0; i < view->count; i++) {
        check_line(view, &view->line[i], span_make(text, size));
    }
    for (size_t i = 0; i < view->open_count; i++) {
        CHECK(view->open[i].slot < SLOT_COUNT &&
              memchr(view->open[i].peer, '\0', NODE_ID_SIZE) != NULL);
    }
    CHECK(view->handshakes <= view->count);
    view_free(view);
    return 0;
}
