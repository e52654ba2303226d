#include "cluster/view.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "support.h"

static struct view *parse(const char *text, size_t length)
{
    char *copy = mem_copy(text, length);
    return view_parse(copy, length);
}

static struct view *parse_fixture(const char *name)
{
    char path[128];
    size_t length;
    snprintf(path, sizeof(path), "cluster_nodes/%s.txt", name);
    char *text = fixture(path, &length);
    return view_parse(text, length);
}

static void each_versions_reply_is_a_view_of_six_nodes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(captures); i++) {
        size_t length;
        char *text = capture(captures[i], "cluster_nodes", &length);
        struct view *view = view_parse(text, length);
        assert_non_null(view);
        assert_int_equal(view->count, 6);
        bool replica = strstr(captures[i], "-replica") != NULL;
        size_t masters = 0;
        size_t slots = 0;
        for (size_t j = 0; j < view->count; j++) {
            const struct node_line *node = &view->line[j].node;
            bool master = node->flags & NODE_MASTER;
            assert_int_equal(strlen(node->id), 40);
            assert_span(node->host, "127.0.0.1");
            assert_in_range(node->port, 13000, 13005);
            assert_int_equal(node->bus_port,
                             strncmp(captures[i], "redis-3", 7) == 0 ? 0 : node->port + 10000);
            assert_true(node->link_connected);
            assert_int_equal(strlen(node->master_id), master ? 0 : 40);
            assert_int_equal(view_line_slots(&view->line[j]) > 0, master);
            slots += view_line_slots(&view->line[j]);
            masters += master;
        }
        assert_int_equal(masters, 3);
        assert_int_equal(slots, SLOT_COUNT);
        assert_non_null(view->self);
        assert_int_equal(view->self->node.port, replica ? 13003 : 13000);
        assert_true(view->self->node.flags & (replica ? NODE_REPLICA : NODE_MASTER));
        if (!replica) {
            assert_int_equal(view->self->range_count, 1);
            assert_int_equal(view->self->range[0].first, 0);
            assert_int_equal(view->self->range[0].last, 5460);
        }
        view_free(view);
    }
}

static void ranges_belong_to_their_lines(void **state)
{
    static const char text[] = "a h:1 master - 0 0 1 connected 0-9 20\n"
                               "b h:2 slave a 0 0 1 connected\n"
                               "c h:3 myself,master - 0 0 2 connected 10-19 30-39 16383 "
                               "[31->-a] [5-<-a]\n";
    struct view *view = parse(text, strlen(text));
    (void)state;
    assert_non_null(view);
    assert_int_equal(view->count, 3);
    assert_ptr_equal(view->self, &view->line[2]);
    assert_int_equal(view->line[0].range_count, 2);
    assert_int_equal(view->line[0].range[1].first, 20);
    assert_int_equal(view->line[1].range_count, 0);
    assert_int_equal(view->line[2].range_count, 3);
    assert_int_equal(view->line[2].range[0].first, 10);
    assert_int_equal(view->line[2].range[2].last, 16383);
    assert_int_equal(view_line_slots(&view->line[0]), 11);
    assert_int_equal(view_line_slots(&view->line[1]), 0);
    assert_int_equal(view_line_slots(&view->line[2]), 21);
    view_free(view);
}

static void shapes_that_are_one_nodes_view_are_accepted(void **state)
{
    static const struct {
        const char *name;
        size_t lines;
    } cases[] = {
        {"v3.0", 3},
        {"v4.0", 2},
        {"v7.0_hostname", 2},
        {"self_without_ip", 1},
        {"self_without_ip_v3.2", 1},
        {"remote_without_ip", 2},
        {"noaddr", 2},
        {"port_0", 2},
        {"ipv6", 3},
        {"trailing_comma", 1},
        {"hostname_and_shard_id", 1},
        {"shard_id_without_hostname", 2},
        {"noflags", 2},
        {"pfail_and_noaddr", 4},
        {"nofailover", 2},
        {"open_slots", 1},
        {"single_slots", 1},
        {"last_slot", 1},
        {"handshake", 2},
        {"unknown_master", 2},
        {"crlf", 2},
        {"short_id", 2},
        {"hostname_as_ip", 1},
        {"id_as_host", 2},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct view *view = parse_fixture(cases[i].name);
        assert_non_null(view);
        assert_int_equal(view->count, cases[i].lines);
        view_free(view);
    }
}

static void view_of_two_nodes_is_rejected(void **state)
{
    (void)state;
    assert_null(parse_fixture("two_myself"));
}

static void view_of_nobody_is_rejected(void **state)
{
    (void)state;
    assert_null(parse_fixture("no_myself"));
    assert_null(parse("", 0));
    assert_null(parse("\n", 1));
}

static void broken_line_or_slot_spoils_the_whole_view(void **state)
{
    static const char *const texts[] = {
        "a h:1 myself,master - 0 0 1 connected\ngarbage\n",
        "garbage\na h:1 myself,master - 0 0 1 connected\n",
        "a h:1 myself,master - 0 0 1 connected\nb h:2 master - 0 0 1 connected x\n",
        "a h:1 myself,master - 0 0 1 connected\nb h:2 master - 0 0 1 connected [1->-]\n",
    };
    (void)state;
    assert_null(parse_fixture("slot_16384"));
    for (size_t i = 0; i < COUNT(texts); i++) {
        assert_null(parse(texts[i], strlen(texts[i])));
    }
}

// Wherever the connection broke: either the reply is no view, or it ends where a line ends.
static void truncated_reply_is_a_view_only_at_the_end_of_a_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(captures); i++) {
        size_t length;
        char *text = capture(captures[i], "cluster_nodes", &length);
        size_t accepted = 0;
        size_t complete_lines_with_self = 0;
        for (size_t kept = 0; kept <= length; kept++) {
            struct view *view = parse(text, kept);
            bool line_end = kept > 0 && text[kept - 1] == '\n';
            bool has_self = memmem(text, kept, "myself", 6) != NULL;
            assert_int_equal(view != NULL, line_end && has_self);
            accepted += view != NULL;
            complete_lines_with_self += line_end && has_self;
            view_free(view);
        }
        assert_true(accepted > 0);
        assert_int_equal(accepted, complete_lines_with_self);
        free(text);
    }
}

static void line_of_16384_single_slots_is_owned_whole(void **state)
{
    struct buf text = BUF_EMPTY;
    (void)state;
    buf_text(&text, "a h:1 myself,master - 0 0 1 connected");
    for (int slot = 0; slot < SLOT_COUNT; slot++) {
        buf_format(&text, " %d", slot);
    }
    buf_text(&text, "\nb h:1 master - 0 0 1 connected 7\n");
    struct view *view = parse(text.data, text.length);
    assert_non_null(view);
    assert_int_equal(view_line_slots(view->self), SLOT_COUNT);
    assert_int_equal(view->line[1].range[0].first, 7);
    view_free(view);
    buf_free(&text);
}

// --- slot maps ---

static uint64_t slot_map_of(const char *text)
{
    struct view *view = parse(text, strlen(text));
    assert_non_null(view);
    uint64_t map = view->slot_map;
    view_free(view);
    return map;
}

static void slot_map_is_the_same_whoever_tells_it(void **state)
{
    static const char *const same[] = {
        "a h:1 myself,master - 0 0 1 connected 0-9 20\n"
        "b h:2 master - 0 0 2 connected 10-19\n"
        "c h:3 slave a 0 0 1 connected\n",
        // other order, other addresses, flags, links and epochs; a replica is not known
        "b h:9 myself,master - 5 6 8 connected 10-19\n"
        "a h:7 master,fail? - 0 0 9 disconnected 0-9 20\n",
        // slots on their way are still their owner's
        "a h:1 myself,master - 0 0 1 connected 0-9 20 [3->-b] [12-<-b]\n"
        "b h:2 master - 0 0 2 connected 10-19\n"
        "d h:4 master - 0 0 0 connected\n",
        // the same slots, told by other ranges
        "a h:1 myself,master - 0 0 1 connected 20 0-4 5 6-9\n"
        "b h:2 master - 0 0 2 connected 10-14 15-19\n",
    };
    (void)state;
    for (size_t i = 1; i < COUNT(same); i++) {
        assert_true(slot_map_of(same[0]) == slot_map_of(same[i]));
    }
}

static void slot_map_tells_every_change_of_an_owner(void **state)
{
    static const char *const different[] = {
        "a h:1 myself,master - 0 0 1 connected 0-9 20\nb h:2 master - 0 0 2 connected 10-19\n",
        "a h:1 myself,master - 0 0 1 connected 0-9\nb h:2 master - 0 0 2 connected 10-20\n",
        "a h:1 myself,master - 0 0 1 connected 0-9\nb h:2 master - 0 0 2 connected 10-19\n",
        "a h:1 myself,master - 0 0 1 connected 0-20\nb h:2 master - 0 0 2 connected\n",
        "a h:1 myself,master - 0 0 1 connected 10-19\nb h:2 master - 0 0 2 connected 0-9 20\n",
        "a h:1 myself,master - 0 0 1 connected 0-9 20\nc h:2 master - 0 0 2 connected 10-19\n",
        "a h:1 myself,master - 0 0 1 connected 0-10 20\nb h:2 master - 0 0 2 connected 11-19\n",
        "a h:1 myself,master - 0 0 1 connected\nb h:2 master - 0 0 2 connected\n",
        "a h:1 myself,master - 0 0 1 connected 0\nb h:2 master - 0 0 2 connected\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(different); i++) {
        for (size_t j = 0; j < i; j++) {
            assert_true(slot_map_of(different[i]) != slot_map_of(different[j]));
        }
    }
}

// Two masters with all slots between them, the border at every place.
static void slot_maps_of_all_borders_are_different(void **state)
{
    static uint64_t maps[SLOT_COUNT];
    (void)state;
    for (int border = 1; border < SLOT_COUNT; border++) {
        char text[256];
        snprintf(text, sizeof(text),
                 "a0 h:1 myself,master - 0 0 1 connected 0-%d\n"
                 "a1 h:2 master - 0 0 2 connected %d-16383\n",
                 border - 1, border);
        maps[border] = slot_map_of(text);
        assert_true(maps[border] != maps[border - 1]);
        assert_true(maps[border] != maps[border / 2]);
    }
}

// --- anything ---

// Whatever the text: parsed or not, nothing is read that is not there, and what is parsed holds.
static void check_view(char *text, size_t length)
{
    struct view *view = view_parse(text, length);
    for (size_t i = 0; view != NULL && i < view->count; i++) {
        const struct view_line *line = &view->line[i];
        assert_in_range(strlen(line->node.id), 1, NODE_ID_SIZE - 1);
        for (size_t j = 0; j < line->range_count; j++) {
            assert_in_range(line->range[j].first, 0, line->range[j].last);
            assert_in_range(line->range[j].last, 0, SLOT_COUNT - 1);
        }
    }
    for (size_t i = 0; view != NULL && i < view->open_count; i++) {
        assert_in_range(view->open[i].slot, 0, SLOT_COUNT - 1);
    }
    if (view != NULL) {
        assert_in_range(view->self - view->line, 0, view->count - 1);
        assert_true(view->self->node.flags & NODE_MYSELF);
    }
    view_free(view);
}

static uint64_t opinion_of(const char *text)
{
    struct view *view = parse(text, strlen(text));
    assert_non_null(view);
    uint64_t opinion = view->opinion;
    view_free(view);
    return opinion;
}

static void opinion_is_the_same_whoever_tells_it_and_when(void **state)
{
    static const char *const texts[] = {
        "a 10.0.0.1:1@11,one myself,master - 0 5 1 connected 0-9\n"
        "b 10.0.0.2:2@12 slave a 0 7 1 connected\n",
        "b 10.0.0.2:2@12 myself,slave a 9 8 1 connected\n"
        "a 10.0.0.1:1@11,one master - 3 6 1 connected 0-9\n",
        "a 10.0.0.1:1@11,one master - 3 6 1 connected 0-4 5-9\n"
        "b 10.0.0.2:2@12 myself,slave a 9 8 1 connected [3->-c]\n",
    };
    (void)state;
    for (size_t i = 1; i < COUNT(texts); i++) {
        assert_true(opinion_of(texts[i]) == opinion_of(texts[0]));
    }
}

static void opinion_tells_every_change_but_that_of_times(void **state)
{
    static const char *const lines[] = {
        "b 10.0.0.2:2@12,two slave a 0 0 1 connected",
        "c 10.0.0.2:2@12,two slave a 0 0 1 connected",
        "b 10.0.0.3:2@12,two slave a 0 0 1 connected",
        "b 10.0.0.2:3@12,two slave a 0 0 1 connected",
        "b 10.0.0.2:2@13,two slave a 0 0 1 connected",
        "b 10.0.0.2:2@12,three slave a 0 0 1 connected",
        "b 10.0.0.2:2@12 slave a 0 0 1 connected",
        "b 10.0.0.2:2@12,two slave,fail? a 0 0 1 connected",
        "b 10.0.0.2:2@12,two slave,fail a 0 0 1 connected",
        "b 10.0.0.2:2@12,two master - 0 0 1 connected",
        "b 10.0.0.2:2@12,two slave c 0 0 1 connected",
        "b 10.0.0.2:2@12,two slave a 0 0 2 connected",
        "b 10.0.0.2:2@12,two slave a 0 0 1 disconnected",
        "b 10.0.0.2:2@12,two slave a 0 0 1 connected 10",
    };
    uint64_t opinions[COUNT(lines)];
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        char text[256];
        snprintf(text, sizeof(text), "a 10.0.0.1:1@11 myself,master - 0 0 1 connected 0-9\n%s\n",
                 lines[i]);
        opinions[i] = opinion_of(text);
        for (size_t j = 0; j < i; j++) {
            assert_true(opinions[i] != opinions[j]);
        }
    }
}

static void noise_is_no_view_that_harms(void **state)
{
    uint64_t seed = 1;
    (void)state;
    for (int run = 0; run < 4000; run++) {
        size_t length;
        char *text = noise(run % 2 ? "ab019:@-,[]<>? \n\nmyselfmaster" : NULL, 300, &seed, &length);
        check_view(text, length);
    }
}

static void check_damaged(char *text, size_t length, uint64_t *seed)
{
    for (int run = 0; run < 300; run++) {
        size_t left;
        char *copy = damaged(text, length, seed, &left);
        check_view(copy, left);
    }
    free(text);
}

static void damaged_replies_are_views_or_not_but_harm_nobody(void **state)
{
    static const char *const shapes[] = {"cluster_nodes/open_slots.txt", "cluster_nodes/ipv6.txt",
                                         "cluster_nodes/v7.0_hostname.txt",
                                         "cluster_nodes/pfail_and_noaddr.txt"};
    uint64_t seed = 2;
    size_t length;
    (void)state;
    for (size_t i = 0; i < COUNT(captures); i++) {
        char *text = capture(captures[i], "cluster_nodes", &length);
        check_damaged(text, length, &seed);
    }
    for (size_t i = 0; i < COUNT(shapes); i++) {
        char *text = fixture(shapes[i], &length);
        check_damaged(text, length, &seed);
    }
}

static void freeing_nothing_is_fine(void **state)
{
    (void)state;
    view_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_versions_reply_is_a_view_of_six_nodes),
        cmocka_unit_test(ranges_belong_to_their_lines),
        cmocka_unit_test(shapes_that_are_one_nodes_view_are_accepted),
        cmocka_unit_test(view_of_two_nodes_is_rejected),
        cmocka_unit_test(view_of_nobody_is_rejected),
        cmocka_unit_test(broken_line_or_slot_spoils_the_whole_view),
        cmocka_unit_test(truncated_reply_is_a_view_only_at_the_end_of_a_line),
        cmocka_unit_test(line_of_16384_single_slots_is_owned_whole),
        cmocka_unit_test(slot_map_is_the_same_whoever_tells_it),
        cmocka_unit_test(slot_map_tells_every_change_of_an_owner),
        cmocka_unit_test(slot_maps_of_all_borders_are_different),
        cmocka_unit_test(opinion_is_the_same_whoever_tells_it_and_when),
        cmocka_unit_test(opinion_tells_every_change_but_that_of_times),
        cmocka_unit_test(noise_is_no_view_that_harms),
        cmocka_unit_test(damaged_replies_are_views_or_not_but_harm_nobody),
        cmocka_unit_test(freeing_nothing_is_fine),
    };
    return cmocka_run_group_tests_name("view", tests, NULL, NULL);
}
