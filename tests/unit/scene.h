// A cluster for the judgement's tests, made of texts: each node's CLUSTER NODES and INFO.
#pragma once

#include "cluster/health.h"
#include "support.h"

enum { SCENE_NODES = 64 };

// The nodes of one judgement; what is put in is freed with it.
struct scene {
    struct health_input input[SCENE_NODES];
    struct view *view[SCENE_NODES];
    struct replication replication[SCENE_NODES];
    char id[SCENE_NODES][NODE_ID_SIZE];
    char *info[SCENE_NODES];
    struct facts facts[SCENE_NODES];
    size_t count;
    struct health *health; // NULL before scene_judge
};

struct scene *scene_new(void);
void scene_free(struct scene *scene);

// Adds a node: `nodes` is CLUSTER NODES as it sees it, without any "myself" (NULL: not readable),
// `info` its INFO (NULL: not readable).
void scene_add(struct scene *scene, const char *id, const char *nodes, const char *info);

// Adds the nodes of `ids`, which are apart by blanks, with the same view and no INFO.
void scene_add_all(struct scene *scene, const char *ids, const char *nodes);

// Six nodes, m1 m2 m3 r1 r2 r3, with the same view.
struct scene *scene_of_six(const char *nodes);

// Judges, anew when it was judged before.
const struct health *scene_judge(struct scene *scene);

// The same nodes in the opposite order, which keeps nothing of a judgement.
void scene_reverse(struct scene *scene);

// The number of a node, in the input or in the judgement; it must be there.
size_t scene_index(const struct scene *scene, const char *id);
struct health_input *scene_input(struct scene *scene, const char *id);
const struct node_verdict *scene_node(const struct scene *scene, const char *id);

// The facts of a node, which tell nothing before they are set.
struct facts *scene_facts(struct scene *scene, const char *id);

// The id of the slot's owner; "-" when there is none.
const char *scene_owner(const struct scene *scene, size_t slot);

// Fails when the slots are not counted like this: "covered 16384 unassigned 0 failed 0 suspected 0
// unreachable 0".
void scene_check_slots(const struct scene *scene, const char *expected);

// A healthy cluster of three masters and their replicas, line by line.
#define M1  "m1 10.0.0.1:7000@17000 master - 0 0 1 connected 0-5460\n"
#define M2  "m2 10.0.0.2:7000@17000 master - 0 0 2 connected 5461-10921\n"
#define M3  "m3 10.0.0.3:7000@17000 master - 0 0 3 connected 10922-16383\n"
#define R1  "r1 10.0.0.4:7000@17000 slave m1 0 0 1 connected\n"
#define R2  "r2 10.0.0.5:7000@17000 slave m2 0 0 2 connected\n"
#define R3  "r3 10.0.0.6:7000@17000 slave m3 0 0 3 connected\n"
#define SIX M1 M2 M3 R1 R2 R3
