#include "cluster/view_policy.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "support.h"

enum { NODES = 1000, LIMIT = 100, SHARE = 50 };

static struct cluster *cluster_of(size_t count, size_t limit)
{
    struct cluster *cluster = mem_new(1, sizeof(*cluster));
    cluster->options.full_views = limit;
    cluster->member = mem_new(count, sizeof(cluster->member[0]));
    cluster->count = count;
    for (size_t i = 0; i < count; i++) {
        cluster->member[i] = mem_new(1, sizeof(*cluster->member[0]));
        cluster->member[i]->cluster = cluster;
    }
    return cluster;
}

static void end(struct cluster *cluster)
{
    for (size_t i = 0; i < cluster->count; i++) {
        free(cluster->member[i]);
    }
    free(cluster->member);
    free(cluster);
}

static size_t count_asked(const struct cluster *cluster)
{
    size_t asked = 0;
    for (size_t i = 0; i < cluster->count; i++) {
        asked += cluster->member[i]->asks_view;
    }
    return asked;
}

static void up_to_the_limit_all_are_asked(void **state)
{
    const size_t counts[] = {1, 99, LIMIT};
    (void)state;
    for (size_t i = 0; i < COUNT(counts); i++) {
        struct cluster *cluster = cluster_of(counts[i], LIMIT);
        assert_false(view_policy_is_partial(cluster));
        view_policy_plan(cluster);
        assert_int_equal(count_asked(cluster), counts[i]);
        end(cluster);
    }
}

static void without_a_limit_all_are_asked(void **state)
{
    struct cluster *cluster = cluster_of(NODES, 0);
    (void)state;
    view_policy_plan(cluster);
    assert_int_equal(count_asked(cluster), NODES);
    end(cluster);
}

// Reads the views of those that were asked, as a scrape does.
static void scrape(struct cluster *cluster, const struct view *view, uint64_t common)
{
    view_policy_plan(cluster);
    for (size_t i = 0; i < cluster->count; i++) {
        if (cluster->member[i]->asks_view) {
            view_policy_note(cluster->member[i], view, common);
        }
    }
    cluster->scrapes++;
}

static void each_view_is_read_once_in_members_by_share_scrapes(void **state)
{
    struct cluster *cluster = cluster_of(NODES, LIMIT);
    const struct view view = {.slot_map = 7};
    (void)state;
    for (size_t i = 0; i < NODES / SHARE; i++) {
        scrape(cluster, &view, 7);
        assert_int_equal(count_asked(cluster), SHARE);
    }
    for (size_t i = 0; i < NODES; i++) {
        assert_true(cluster->member[i]->view_scrape > 0);
    }
    end(cluster);
}

static void odd_views_are_read_again_until_they_are_not(void **state)
{
    struct cluster *cluster = cluster_of(NODES, LIMIT);
    const struct view view = {.slot_map = 7};
    struct open_slot slot = {.slot = 1};
    const struct view open = {.slot_map = 7, .open = &slot, .open_count = 1};
    struct member *member = cluster->member[NODES - 1];
    (void)state;
    view_policy_note(member, &view, 8);
    assert_true(member->odd_view);
    for (size_t i = 0; i < 3; i++) {
        view_policy_plan(cluster);
        assert_true(member->asks_view);
        assert_int_equal(count_asked(cluster), SHARE + 1);
    }
    view_policy_note(member, &open, 7);
    assert_true(member->odd_view);
    view_policy_note(member, &view, 7);
    assert_false(member->odd_view);
    end(cluster);
}

static void many_odd_views_keep_to_the_limit_and_leave_others_their_turn(void **state)
{
    struct cluster *cluster = cluster_of(NODES, LIMIT);
    size_t turns = 0;
    (void)state;
    for (size_t i = 0; i < NODES / 2; i++) {
        cluster->member[i]->odd_view = true;
    }
    view_policy_plan(cluster);
    for (size_t i = 0; i < NODES; i++) {
        turns += cluster->member[i]->asks_view && !cluster->member[i]->odd_view;
    }
    assert_int_equal(count_asked(cluster), LIMIT);
    assert_true(turns > 0);
    end(cluster);
}

static void summaries_that_differ_from_most_are_odd(void **state)
{
    struct cluster_info info[5];
    bool odd[5];
    (void)state;
    for (size_t i = 0; i < COUNT(info); i++) {
        info[i] = (struct cluster_info){.known = true, .state_ok = true, .current_epoch = 6};
        info[i].my_epoch = (int64_t)i; // each its own
    }
    assert_int_equal(view_policy_find_odd(info, COUNT(info), odd), 0);
    info[0].slots_pfail = 5461;
    info[3].known = false;
    assert_int_equal(view_policy_find_odd(info, COUNT(info), odd), 1);
    assert_true(odd[0]);
    assert_false(odd[3]);
    info[1].state_ok = false;
    assert_int_equal(view_policy_find_odd(info, COUNT(info), odd), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(up_to_the_limit_all_are_asked),
        cmocka_unit_test(without_a_limit_all_are_asked),
        cmocka_unit_test(each_view_is_read_once_in_members_by_share_scrapes),
        cmocka_unit_test(odd_views_are_read_again_until_they_are_not),
        cmocka_unit_test(many_odd_views_keep_to_the_limit_and_leave_others_their_turn),
        cmocka_unit_test(summaries_that_differ_from_most_are_odd),
    };
    return cmocka_run_group_tests_name("view_policy", tests, NULL, NULL);
}
