#include "scene.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

struct scene *scene_new(void)
{
    return mem_new(1, sizeof(struct scene));
}

void scene_free(struct scene *scene)
{
    for (size_t i = 0; i < scene->count; i++) {
        view_free(scene->view[i]);
        free(scene->info[i]);
    }
    health_free(scene->health);
    free(scene);
}

void scene_add(struct scene *scene, const char *id, const char *nodes, const char *info)
{
    assert_true(scene->count < SCENE_NODES);
    size_t i = scene->count++;
    assert_true(span_copy(span_of(id), scene->id[i], sizeof(scene->id[i])));
    scene->view[i] = nodes != NULL ? view_as(nodes, id) : NULL;
    if (info != NULL) {
        scene->info[i] = mem_copy(info, strlen(info));
        scene->replication[i] = replication_parse(span_of(scene->info[i]));
    }
    scene->input[i] = (struct health_input){
        .id = scene->id[i],
        .view = scene->view[i],
        .replication = info != NULL ? &scene->replication[i] : NULL,
        .reachable = info != NULL || nodes != NULL,
    };
}

void scene_add_all(struct scene *scene, const char *ids, const char *nodes)
{
    struct span rest = span_of(ids);
    struct span id;
    while (span_cut(&rest, ' ', &id)) {
        char text[NODE_ID_SIZE];
        assert_true(span_copy(id, text, sizeof(text)));
        scene_add(scene, text, nodes, NULL);
    }
}

struct scene *scene_of_six(const char *nodes)
{
    struct scene *scene = scene_new();
    scene_add_all(scene, "m1 m2 m3 r1 r2 r3", nodes);
    return scene;
}

const struct health *scene_judge(struct scene *scene)
{
    health_free(scene->health);
    scene->health = health_judge(scene->input, scene->count);
    return scene->health;
}

void scene_reverse(struct scene *scene)
{
    for (size_t i = 0; i < scene->count / 2; i++) {
        struct health_input kept = scene->input[i];
        scene->input[i] = scene->input[scene->count - 1 - i];
        scene->input[scene->count - 1 - i] = kept;
    }
    health_free(scene->health);
    scene->health = NULL;
}

size_t scene_index(const struct scene *scene, const char *id)
{
    size_t count = scene->health != NULL ? scene->health->count : scene->count;
    for (size_t i = 0; i < count; i++) {
        const char *other = i < scene->count ? scene->input[i].id : scene->health->id[i];
        if (strcmp(other, id) == 0) {
            return i;
        }
    }
    print_error("no node %s\n", id);
    fail();
    return 0;
}

struct health_input *scene_input(struct scene *scene, const char *id)
{
    size_t index = scene_index(scene, id);
    assert_true(index < scene->count);
    return &scene->input[index];
}

const struct node_verdict *scene_node(const struct scene *scene, const char *id)
{
    return &scene->health->node[scene_index(scene, id)];
}

struct facts *scene_facts(struct scene *scene, const char *id)
{
    struct facts *facts = &scene->facts[scene_index(scene, id)];
    struct health_input *input = scene_input(scene, id);
    if (input->facts == NULL) {
        *facts = (struct facts){.keys = -1,
                                .memory_used_bytes = -1,
                                .memory_max_bytes = -1,
                                .full_syncs = -1,
                                .clock_skew_us = INT64_MIN};
        input->facts = facts;
    }
    return facts;
}

const char *scene_owner(const struct scene *scene, size_t slot)
{
    int owner = scene->health->owner[slot];
    return owner != NO_NODE ? scene->health->id[owner] : "-";
}

void scene_check_slots(const struct scene *scene, const char *expected)
{
    const struct health *health = scene->health;
    char text[128];
    snprintf(text, sizeof(text),
             "covered %zu unassigned %zu failed %zu suspected %zu unreachable %zu",
             health->slots_covered, health->slots_unassigned, health->slots_owner_failed,
             health->slots_owner_suspected, health->slots_unreachable);
    assert_string_equal(text, expected);
}
