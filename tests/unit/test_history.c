#include "cluster/history.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "scene.h"

enum { SECOND = 1000000, SCRAPE_S = 15, FORGOTTEN_AFTER = 240 };

// --- a past, scrape by scrape ---

struct past {
    struct history *history;
    int64_t now_s;
};

static struct past past_new(void)
{
    return (struct past){history_new(), 1000};
}

static void past_free(struct past *past)
{
    history_free(past->history);
}

// Judges the scene, takes it in and frees it.
static void observe(struct past *past, struct scene *scene)
{
    for (size_t i = 0; i < scene->count; i++) {
        scene->input[i].received_us = past->now_s * SECOND;
    }
    scene_judge(scene);
    history_observe(past->history, scene->input, scene->health, past->now_s);
    past->now_s += SCRAPE_S;
    scene_free(scene);
}

// All six nodes see the same; those of `unread` cannot be read.
static void observe_views(struct past *past, const char *nodes, const char *unread)
{
    static const char *const ids[] = {"m1", "m2", "m3", "r1", "r2", "r3"};
    struct scene *scene = scene_new();
    for (size_t i = 0; i < COUNT(ids); i++) {
        char line[8];
        snprintf(line, sizeof(line), "%s ", ids[i]);
        bool listed = strncmp(nodes, line, 3) == 0 || strstr(nodes, line) != NULL;
        if (listed) {
            scene_add(scene, ids[i], strstr(unread, ids[i]) == NULL ? nodes : NULL, NULL);
        }
    }
    observe(past, scene);
}

static void check_events(const struct past *past, const char *expected)
{
    const struct history_events *events = history_events(past->history);
    char text[96];
    snprintf(text, sizeof(text), "%llu failovers %llu moves", (unsigned long long)events->failovers,
             (unsigned long long)events->slot_moves);
    assert_string_equal(text, expected);
}

#define M1_LOST     "m1 10.0.0.1:7000@17000 master,fail - 0 0 1 disconnected\n"
#define M2_LOST     "m2 10.0.0.2:7000@17000 master,fail - 0 0 2 disconnected\n"
#define M3_LOST     "m3 10.0.0.3:7000@17000 master,fail - 0 0 3 disconnected\n"
#define M3_FAILED   "m3 10.0.0.3:7000@17000 master,fail - 0 0 3 disconnected 10922-16383\n"
#define M3_FOLLOWS  "m3 10.0.0.3:7000@17000 slave r3 0 0 7 connected\n"
#define R1_PROMOTED "r1 10.0.0.4:7000@17000 master - 0 0 8 connected 0-5460\n"
#define R2_PROMOTED "r2 10.0.0.5:7000@17000 master - 0 0 9 connected 5461-10921\n"
#define R3_PROMOTED "r3 10.0.0.6:7000@17000 master - 0 0 7 connected 10922-16383\n"
#define M3_AGAIN    "m3 10.0.0.3:7000@17000 master - 0 0 10 connected 10922-16383\n"
#define AFTER       M1 M2 M3_FOLLOWS R1 R2 R3_PROMOTED

static void healthy_cluster_has_no_events(void **state)
{
    struct past past = past_new();
    (void)state;
    check_events(&past, "0 failovers 0 moves");
    for (int i = 0; i < 3; i++) {
        observe_views(&past, SIX, "");
    }
    check_events(&past, "0 failovers 0 moves");
    past_free(&past);
}

static void failover_of_a_whole_shard_is_one(void **state)
{
    struct past past = past_new();
    (void)state;
    observe_views(&past, SIX, "");
    observe_views(&past, M1 M2 M3_FAILED R1 R2 R3, "m3");
    check_events(&past, "0 failovers 0 moves");
    observe_views(&past, M1 M2 M3_LOST R1 R2 R3_PROMOTED, "m3");
    check_events(&past, "1 failovers 0 moves");
    observe_views(&past, M1 M2 M3_LOST R1 R2 R3_PROMOTED, "m3");
    observe_views(&past, AFTER, ""); // it comes back as replica
    observe_views(&past, AFTER, "");
    check_events(&past, "1 failovers 0 moves");
    past_free(&past);
}

static void failover_back_is_another_one(void **state)
{
    struct past past = past_new();
    (void)state;
    observe_views(&past, SIX, "");
    observe_views(&past, AFTER, "");
    check_events(&past, "1 failovers 0 moves"); // by hand: nobody failed
    observe_views(&past, M1 M2 M3_AGAIN R1 R2 "r3 10.0.0.6:7000@17000 slave m3 0 0 10 connected\n",
                  "");
    check_events(&past, "2 failovers 0 moves");
    past_free(&past);
}

static void failovers_at_the_same_time_are_counted_each(void **state)
{
    struct past past = past_new();
    (void)state;
    observe_views(&past, SIX, "");
    observe_views(&past, M1_LOST M2_LOST M3_LOST R1_PROMOTED R2_PROMOTED R3_PROMOTED, "m1 m2 m3");
    check_events(&past, "3 failovers 0 moves");
    past_free(&past);
}

static void failover_is_seen_across_scrapes_that_saw_nothing(void **state)
{
    struct past past = past_new();
    (void)state;
    observe_views(&past, SIX, "");
    observe_views(&past, SIX, "m1 m2 m3 r1 r2 r3");
    observe_views(&past, SIX, "m1 m2 m3 r1 r2 r3");
    observe_views(&past, SIX, "m3 r3");
    check_events(&past, "0 failovers 0 moves");
    observe_views(&past, M1 M2 M3_LOST R1 R2 R3_PROMOTED, "m3 r3"); // only the others tell it
    check_events(&past, "1 failovers 0 moves");
    observe_views(&past, M1 M2 M3_LOST R1 R2 R3_PROMOTED, "m3");
    check_events(&past, "1 failovers 0 moves");
    past_free(&past);
}

// The cut-off master still believes that it is master, and can be read.
static void cut_off_master_does_not_count_again(void **state)
{
    struct past past = past_new();
    (void)state;
    observe_views(&past, SIX, "");
    for (int i = 0; i < 3; i++) {
        struct scene *scene = scene_new();
        scene_add_all(scene, "m1 m2 r1 r2", M1 M2 M3_LOST R1 R2 R3_PROMOTED);
        scene_add(scene, "r3", i % 2 ? NULL : M1 M2 M3_LOST R1 R2 R3_PROMOTED, NULL);
        scene_add(scene, "m3", SIX, NULL);
        observe(&past, scene);
    }
    check_events(&past, "1 failovers 0 moves");
    past_free(&past);
}

static void slots_without_an_owner_for_a_while_are_no_event(void **state)
{
    static const char bare[] = M1 M2 "m3 10.0.0.3:7000@17000 master - 0 0 3 connected\n" R1 R2 R3;
    struct past past = past_new();
    (void)state;
    observe_views(&past, SIX, "");
    observe_views(&past, bare, "");
    observe_views(&past, SIX, "");
    check_events(&past, "0 failovers 0 moves");
    past_free(&past);
}

static void slots_that_go_to_another_shard_are_counted_each(void **state)
{
    static const char moved[] =
        "m1 10.0.0.1:7000@17000 master - 0 0 1 connected 101-5460\n"
        "m2 10.0.0.2:7000@17000 master - 0 0 12 connected 0-100 5461-10921\n" M3 R1 R2 R3;
    struct past past = past_new();
    (void)state;
    observe_views(&past, SIX, "");
    observe_views(&past, moved, "");
    check_events(&past, "0 failovers 101 moves");
    observe_views(&past, moved, "m1 m2");
    check_events(&past, "0 failovers 101 moves");
    observe_views(&past, SIX, "");
    check_events(&past, "0 failovers 202 moves");
    past_free(&past);
}

static void failover_and_moves_in_one_scrape_are_told_apart(void **state)
{
    static const char both[] =
        "m1 10.0.0.1:7000@17000 master - 0 0 1 connected 10-5460\n" M2 M3_LOST R1 R2
        "r3 10.0.0.6:7000@17000 master - 0 0 7 connected 0-9 10922-16383\n";
    struct past past = past_new();
    (void)state;
    observe_views(&past, SIX, "");
    observe_views(&past, both, "m3");
    check_events(&past, "1 failovers 10 moves");
    past_free(&past);
}

static void slots_that_move_after_a_failover_are_moves(void **state)
{
    static const char moved[] =
        M1 M2 "m3 10.0.0.3:7000@17000 master - 0 0 20 connected 16383\n" R1 R2
              "r3 10.0.0.6:7000@17000 master - 0 0 7 connected 10922-16382\n";
    struct past past = past_new();
    (void)state;
    observe_views(&past, SIX, "");
    observe_views(&past, AFTER, "");
    // m3 was made a master of its own, and gets one slot from its former shard.
    observe_views(&past,
                  M1 M2 "m3 10.0.0.3:7000@17000 master - 0 0 0 connected\n" R1 R2 R3_PROMOTED, "");
    observe_views(&past, moved, "");
    check_events(&past, "1 failovers 1 moves");
    past_free(&past);
}

// What the exporter did not see before, it cannot call an event.
static void first_scrape_of_a_cluster_has_no_events(void **state)
{
    struct past past = past_new();
    (void)state;
    observe_views(&past, AFTER, "");
    observe_views(&past, AFTER, "");
    check_events(&past, "0 failovers 0 moves");
    past_free(&past);
}

static void node_that_left_long_ago_is_forgotten_with_its_slots(void **state)
{
    static const char two[] = M1 M2 R1 R2;
    (void)state;
    for (int absent = 1; absent <= FORGOTTEN_AFTER + 1; absent += FORGOTTEN_AFTER) {
        struct past past = past_new();
        observe_views(&past, SIX, "");
        for (int i = 0; i < absent; i++) {
            observe_views(&past, two, "");
        }
        observe_views(&past, M1 M2 R1 R2 R3_PROMOTED, "");
        // Soon after it is its failover; much later its slots were nobody's before.
        check_events(&past, absent == 1 ? "1 failovers 0 moves" : "0 failovers 0 moves");
        past_free(&past);
    }
}

// Numbers of nodes shift when some are forgotten: what is known of the others must not.
static void others_keep_their_past_when_a_node_is_forgotten(void **state)
{
    static const char without[] = M2 M3 R2 R3;
    struct past past = past_new();
    (void)state;
    observe_views(&past, SIX, "");
    for (int i = 0; i < FORGOTTEN_AFTER + 1; i++) {
        observe_views(&past, without, "");
    }
    check_events(&past, "0 failovers 0 moves");
    observe_views(&past, M2 M3_LOST R2 R3_PROMOTED, "m3");
    check_events(&past, "1 failovers 0 moves");
    observe_views(&past,
                  "m2 10.0.0.2:7000@17000 master - 0 0 2 connected 5462-10921\n"
                  "r3 10.0.0.6:7000@17000 master - 0 0 11 connected 5461 10922-16383\n",
                  "");
    check_events(&past, "1 failovers 1 moves");
    past_free(&past);
}

// --- open slots ---

#define M1_OPEN(tokens) "m1 10.0.0.1:7000@17000 master - 0 0 1 connected 0-5460 " tokens "\n"
#define M2_OPEN(tokens) "m2 10.0.0.2:7000@17000 master - 0 0 2 connected 5461-10921 " tokens "\n"

// What m1 and m2 say at one scrape (NULL: not readable), and since when a slot is open then, in
// scrapes from the first; -1: none is.
struct step {
    const char *m1;
    const char *m2;
    int since;
};

static void check_steps(const struct step *steps, size_t count)
{
    struct past past = past_new();
    for (size_t i = 0; i < count; i++) {
        struct scene *scene = scene_new();
        scene_add(scene, "m1", steps[i].m1, NULL);
        scene_add(scene, "m2", steps[i].m2, NULL);
        scene_add(scene, "m3", SIX, NULL);
        scene_judge(scene);
        history_observe(past.history, scene->input, scene->health, 1000 + (int64_t)i);
        int64_t since = scene->health->open_since_s;
        scene_free(scene);
        if (since != (steps[i].since < 0 ? 0 : 1000 + steps[i].since)) {
            print_error("step %zu: %lld\n", i, (long long)since);
        }
        assert_true(since == (steps[i].since < 0 ? 0 : 1000 + steps[i].since));
    }
    past_free(&past);
}

static void open_slots_are_dated_from_the_first_sight(void **state)
{
    static const char migrating[] = M1_OPEN("[5->-m2]") M2 M3;
    static const char two[] = M1_OPEN("[5->-m2] [6->-m2]") M2 M3;
    static const char second[] = M1_OPEN("[6->-m2]") M2 M3;
    static const char importing[] = M1 M2_OPEN("[5-<-m1]") M3;
    static const char moved_1[] =
        "m1 10.0.0.1:7000@17000 master - 0 0 1 connected 0-4 6-5460\n" M2 M3;
    static const char moved_2[] =
        M1 "m2 10.0.0.2:7000@17000 master - 0 0 20 connected 5 5461-10921\n" M3;
    const struct step steps[] = {
        {SIX, SIX, -1},
        {migrating, importing, 1},
        {migrating, importing, 1},
        {two, importing, 1},
        {second, SIX, 3}, // slot 5 was closed again, and now the other one
                          // is the oldest
        {SIX, SIX, -1},
        {migrating, importing, 6}, // open anew
        {moved_1, moved_2, -1},    // done
        {SIX, importing, 8},
    };
    (void)state;
    check_steps(steps, COUNT(steps));
}

static void open_slot_keeps_its_date_while_its_owner_cannot_be_read(void **state)
{
    static const char migrating[] = M1_OPEN("[5->-m2]") M2 M3;
    const struct step owner[] = {
        {migrating, SIX, 0}, {NULL, SIX, 0}, {NULL, NULL, 0}, {migrating, SIX, 0}, {SIX, SIX, -1},
    };
    (void)state;
    check_steps(owner, COUNT(owner));
}

static void scrape_without_any_view_changes_nothing(void **state)
{
    static const char migrating[] = M1_OPEN("[5->-m2]") M2 M3;
    struct past past = past_new();
    (void)state;
    observe_views(&past, migrating, "m3 r1 r2 r3");
    struct scene *scene = scene_new();
    scene_add_all(scene, "m1 m2 m3", NULL);
    observe(&past, scene);
    scene = scene_new();
    scene_add(scene, "m1", migrating, NULL);
    scene_judge(scene);
    history_observe(past.history, scene->input, scene->health, 5000);
    assert_true(scene->health->open_since_s == 1000);
    scene_free(scene);
    past_free(&past);
}

// --- lag in seconds ---

// One scrape of a master and its replica. A negative offset: the master cannot be read, or the
// replica syncs.
struct lag {
    double seconds;
    bool is_estimate;
};

static struct lag observe_lag(struct history *history, int64_t at_us, const char *id,
                              int64_t master_offset, int64_t replica_offset)
{
    char info[256];
    struct scene *scene = scene_new();
    snprintf(info, sizeof(info),
             "role:master\r\nmaster_replid:%s\r\nmaster_repl_offset:%lld\r\n"
             "slave0:ip=10.0.0.4,port=7000,state=%s,offset=%lld,lag=0\r\n",
             id, (long long)master_offset, replica_offset < 0 ? "wait_bgsave" : "online",
             (long long)replica_offset);
    scene_add(scene, "m1", SIX, master_offset < 0 ? NULL : info);
    scene_add(scene, "r1", SIX, NULL);
    scene->input[0].received_us = at_us;
    scene_judge(scene);
    history_observe(history, scene->input, scene->health, at_us / SECOND);
    const struct node_verdict *verdict = scene_node(scene, "r1");
    struct lag lag = {verdict->lag_seconds, verdict->lag_is_estimate};
    assert_true(scene_node(scene, "m1")->lag_seconds < 0);
    scene_free(scene);
    return lag;
}

struct stream_step {
    int64_t at_s;
    const char *id;
    int64_t master;
    int64_t replica;
    double expected; // -1: none
    bool is_estimate;
};

static void check_stream(const struct stream_step *steps, size_t count)
{
    struct history *history = history_new();
    for (size_t i = 0; i < count; i++) {
        struct lag lag = observe_lag(history, steps[i].at_s * SECOND, steps[i].id, steps[i].master,
                                     steps[i].replica);
        if (fabs(lag.seconds - steps[i].expected) > 1e-6 ||
            lag.is_estimate != steps[i].is_estimate) {
            print_error("step %zu: %g%s\n", i, lag.seconds, lag.is_estimate ? ", estimate" : "");
        }
        assert_true(fabs(lag.seconds - steps[i].expected) < 1e-6);
        assert_int_equal(lag.is_estimate, steps[i].is_estimate);
    }
    history_free(history);
}

static void lag_in_seconds_is_read_off_the_offsets_of_before(void **state)
{
    static const struct stream_step steady[] = {
        {100, "a", 1000, 1000, 0, false},  {110, "a", 2000, 2000, 0, false},
        {120, "a", 3000, 2500, 5, false},  // half of the last interval
        {130, "a", 4000, 2000, 20, false}, // at a sample
        {140, "a", 5000, 1000, 40, false}, // at the oldest
        {150, "a", 6000, 500, 55, true},   // before it: 5500 bytes at 100 a second
        {160, "a", 7000, 7000, 0, false},
    };
    // Nothing, then much, then nothing: the time of the last write counts.
    static const struct stream_step bursts[] = {
        {100, "a", 1000, 1000, 0, false},     {110, "a", 1000, 1000, 0, false},
        {120, "a", 1000, 1000, 0, false},     {130, "a", 101000, 1000, 10, false},
        {140, "a", 101000, 1000, 20, false},  {150, "a", 101000, 51000, 25, false},
        {160, "a", 101000, 101000, 0, false},
    };
    (void)state;
    check_stream(steady, COUNT(steady));
    check_stream(bursts, COUNT(bursts));
}

static void lag_in_seconds_is_not_known_without_samples(void **state)
{
    static const struct stream_step first[] = {
        {100, "a", 1000, 900, -1, false}, // one sample, and no rate
        {110, "a", 1000, 900, -1, false}, // nothing was written
        {120, "a", 2000, 2000, 0, false},
    };
    static const struct stream_step not_read[] = {
        {100, "a", 1000, 1000, 0, false},
        {110, "a", -1, 1000, -1, false},   // the master cannot be read
        {120, "a", 3000, -1, -1, false},   // the replica syncs
        {130, "a", 4000, 2000, 20, false}, // across the scrape that is missing
    };
    (void)state;
    check_stream(first, COUNT(first));
    check_stream(not_read, COUNT(not_read));
}

// Offsets of another stream say nothing about this one.
static void new_stream_begins_anew(void **state)
{
    static const struct stream_step other_id[] = {
        {100, "a", 1000, 1000, 0, false},  {110, "a", 2000, 2000, 0, false},
        {120, "b", 3000, 2500, -1, false}, // at once after a failover
        {130, "b", 4000, 3500, 5, false},  {140, "b", 5000, 2500, 25, true},
    };
    // Before 4.0 streams have no names, but the offset starts again.
    static const struct stream_step reset[] = {
        {90, "", 100, 100, 0, false},
        {100, "", 100000, 100000, 0, false},
        {110, "", 500, 400, -1, false},
        {120, "", 1500, 1000, 5, false},
    };
    (void)state;
    check_stream(other_id, COUNT(other_id));
    check_stream(reset, COUNT(reset));
}

static void info_without_an_offset_is_no_sample(void **state)
{
    struct history *history = history_new();
    struct scene *scene = scene_new();
    (void)state;
    observe_lag(history, 100 * SECOND, "a", 1000, 1000);
    scene_add(scene, "m1", SIX, "role:master\r\nmaster_replid:a\r\n");
    scene->input[0].received_us = 110 * SECOND;
    scene_judge(scene);
    history_observe(history, scene->input, scene->health, 110);
    scene_free(scene);
    struct lag lag = observe_lag(history, 120 * SECOND, "a", 2000, 1500);
    assert_true(fabs(lag.seconds - 10) < 1e-6);
    assert_false(lag.is_estimate);
    history_free(history);
}

static void samples_reach_back_as_far_as_the_ring(void **state)
{
    struct history *history = history_new();
    (void)state;
    for (int64_t i = 0; i < 200; i++) {
        observe_lag(history, i * SCRAPE_S * SECOND, "a", 1000 + i * 1500, 1000 + i * 1500);
    }
    // 100 bytes a second all the time: within the ring, at its end, beyond.
    static const int64_t behind_s[] = {60, 62 * SCRAPE_S, 63 * SCRAPE_S, 64 * SCRAPE_S, 2000};
    for (size_t i = 0; i < COUNT(behind_s); i++) {
        int64_t scrape = 200 + (int64_t)i;
        int64_t offset = 1000 + scrape * 1500;
        struct lag lag = observe_lag(history, scrape * SCRAPE_S * SECOND, "a", offset,
                                     offset - behind_s[i] * 100);
        assert_true(fabs(lag.seconds - (double)behind_s[i]) < 1e-6);
        assert_int_equal(lag.is_estimate, behind_s[i] > 63 * SCRAPE_S);
    }
    history_free(history);
}

// --- the same, computed anew ---

enum { STREAM_STEPS = 120, RING = 64 };

struct stream {
    int64_t at_us[STREAM_STEPS];
    int64_t offset[STREAM_STEPS];
};

// The last moment at which the line through the samples from `oldest` to `newest` was at `offset`;
// negative when it never was.
static double moment_of(const struct stream *stream, size_t oldest, size_t newest, int64_t offset)
{
    double moment = -1;
    for (size_t i = oldest; i <= newest; i++) {
        if (stream->offset[i] == offset) {
            moment = (double)stream->at_us[i];
        } else if (i > oldest && stream->offset[i - 1] < offset && offset < stream->offset[i]) {
            double slope = (double)(stream->at_us[i] - stream->at_us[i - 1]) /
                           (double)(stream->offset[i] - stream->offset[i - 1]);
            moment =
                (double)stream->at_us[i - 1] + slope * (double)(offset - stream->offset[i - 1]);
        }
    }
    return moment;
}

static double expected_lag(const struct stream *stream, size_t newest, int64_t behind)
{
    size_t oldest = newest >= RING - 1 ? newest - (RING - 1) : 0;
    double moment = moment_of(stream, oldest, newest, stream->offset[newest] - behind);
    double passed = (double)(stream->at_us[newest] - stream->at_us[oldest]);
    double written = (double)(stream->offset[newest] - stream->offset[oldest]);
    if (behind == 0) {
        return 0;
    }
    if (moment >= 0) {
        return ((double)stream->at_us[newest] - moment) / (double)SECOND;
    }
    return written > 0 ? (double)behind * passed / written / (double)SECOND : -1;
}

// Bursts, idle times, scrapes that come late.
static void add_step(struct stream *stream, size_t i, uint64_t *seed)
{
    static const uint32_t rates[] = {0, 0, 14, 1000, 5000000};
    uint32_t rate = rates[random_below(seed, COUNT(rates))];
    int64_t passed_us = SECOND + (int64_t)random_below(seed, 30 * SECOND);
    stream->at_us[i] = (i > 0 ? stream->at_us[i - 1] : SECOND) + passed_us;
    stream->offset[i] =
        (i > 0 ? stream->offset[i - 1] : 1000000000) + (int64_t)random_below(seed, rate + 1);
}

static void lag_of_any_stream_is_that_of_an_independent_computation(void **state)
{
    (void)state;
    for (uint64_t run = 0; run < 5; run++) {
        uint64_t seed = run;
        struct stream stream;
        struct history *history = history_new();
        for (size_t i = 0; i < STREAM_STEPS; i++) {
            add_step(&stream, i, &seed);
            int64_t behind = (int64_t)random_below(&seed, 3) * random_below(&seed, 20000000);
            struct lag lag = observe_lag(history, stream.at_us[i], "a", stream.offset[i],
                                         stream.offset[i] - behind);
            double expected = expected_lag(&stream, i, behind);
            if (fabs(lag.seconds - expected) > 1e-5 * (1 + expected)) {
                print_error("run %llu step %zu: %g, not %g\n", (unsigned long long)run, i,
                            lag.seconds, expected);
            }
            assert_true(fabs(lag.seconds - expected) <= 1e-5 * (1 + expected));
        }
        history_free(history);
    }
}

// --- full syncs ---

static void full_syncs_survive_resets(void **state)
{
    static const struct {
        int64_t told; // -1: not told
        uint64_t expected;
    } steps[] = {
        {-1, 0}, {5, 0},                            // what was before is not ours
        {5, 0},  {7, 2},   {-1, 2}, {8, 3}, {0, 3}, // CONFIG RESETSTAT
        {1, 4},  {10, 13}, {2, 15},                 // restarted, and already at 2
        {2, 15},
    };
    struct past past = past_new();
    (void)state;
    for (size_t i = 0; i < COUNT(steps); i++) {
        struct scene *scene = scene_of_six(SIX);
        scene_facts(scene, "m1")->full_syncs = steps[i].told;
        scene_facts(scene, "m2")->full_syncs = 3;
        observe(&past, scene);
        assert_true(history_events(past.history)->full_syncs == steps[i].expected);
    }
    past_free(&past);
}

static void node_that_joins_brings_no_full_syncs(void **state)
{
    struct past past = past_new();
    (void)state;
    observe_views(&past, SIX, "");
    struct scene *scene = scene_of_six(SIX);
    scene_facts(scene, "m1")->full_syncs = 100;
    observe(&past, scene);
    assert_true(history_events(past.history)->full_syncs == 0);
    past_free(&past);
}

// --- any past ---

// One of: healthy, any node failed over, slots moved, nodes not read, counters reset.
static struct scene *random_scrape(uint64_t *seed)
{
    static const char *const worlds[] = {
        SIX,
        SIX,
        AFTER,
        M1 M2 M3_FAILED R1 R2 R3,
        M1 M2 M3_LOST R1 R2 R3_PROMOTED,
        M1_LOST M2 M3 R1_PROMOTED R2 R3,
        M1_LOST M2_LOST M3 R1_PROMOTED R2_PROMOTED R3,
        M1_OPEN("[5->-m2]") M2 M3 R1 R2 R3,
        "m1 10.0.0.1:7000@17000 master - 0 0 1 connected 101-5460\n"
        "m2 10.0.0.2:7000@17000 master - 0 0 12 connected 0-100 5461-10921\n" M3 R1 R2 R3,
    };
    static const char *const ids[] = {"m1", "m2", "m3", "r1", "r2", "r3"};
    const char *one = worlds[random_below(seed, COUNT(worlds))];
    const char *two = random_below(seed, 4) == 0 ? worlds[random_below(seed, COUNT(worlds))] : one;
    struct scene *scene = scene_new();
    for (size_t i = 0; i < COUNT(ids); i++) {
        char info[256];
        snprintf(info, sizeof(info),
                 "role:master\r\nmaster_replid:%c\r\nmaster_repl_offset:%u\r\n"
                 "slave0:ip=10.0.0.%u,port=7000,state=online,offset=%u,lag=0\r\n",
                 "ab"[random_below(seed, 2)], random_below(seed, 5000), 1 + random_below(seed, 6),
                 random_below(seed, 5000));
        const char *view = random_below(seed, 5) == 0 ? two : one;
        bool gone = random_below(seed, 20) == 0;
        scene_add(scene, ids[i], random_below(seed, 6) == 0 ? NULL : view, gone ? NULL : info);
        scene_facts(scene, ids[i])->full_syncs = (int64_t)random_below(seed, 12) - 1;
    }
    return scene;
}

static void counters_never_fall_and_lags_are_never_negative(void **state)
{
    (void)state;
    for (uint64_t run = 0; run < 5; run++) {
        uint64_t seed = run;
        struct past past = past_new();
        struct history_events before = {0, 0, 0};
        for (int i = 0; i < 50; i++) {
            struct scene *scene = random_scrape(&seed);
            for (size_t j = 0; j < scene->count; j++) {
                scene->input[j].received_us = past.now_s * SECOND;
            }
            scene_judge(scene);
            history_observe(past.history, scene->input, scene->health, past.now_s);
            for (size_t j = 0; j < scene->health->count; j++) {
                double lag = scene->health->node[j].lag_seconds;
                assert_true(lag >= 0 || lag == -1);
                assert_true(scene->health->node[j].lag_bytes >= -1);
                assert_true(lag < 0 || scene->health->node[j].lag_bytes >= 0);
            }
            assert_true(scene->health->open_since_s <= past.now_s);
            past.now_s += SCRAPE_S;
            scene_free(scene);
            const struct history_events *now = history_events(past.history);
            assert_true(now->failovers >= before.failovers);
            assert_true(now->slot_moves >= before.slot_moves);
            assert_true(now->full_syncs >= before.full_syncs);
            before = *now;
        }
        assert_true(before.failovers > 0 && before.slot_moves > 0 && before.full_syncs > 0);
        past_free(&past);
    }
}

static void freeing_nothing_is_fine(void **state)
{
    (void)state;
    history_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(healthy_cluster_has_no_events),
        cmocka_unit_test(failover_of_a_whole_shard_is_one),
        cmocka_unit_test(failover_back_is_another_one),
        cmocka_unit_test(failovers_at_the_same_time_are_counted_each),
        cmocka_unit_test(failover_is_seen_across_scrapes_that_saw_nothing),
        cmocka_unit_test(cut_off_master_does_not_count_again),
        cmocka_unit_test(slots_without_an_owner_for_a_while_are_no_event),
        cmocka_unit_test(slots_that_go_to_another_shard_are_counted_each),
        cmocka_unit_test(failover_and_moves_in_one_scrape_are_told_apart),
        cmocka_unit_test(slots_that_move_after_a_failover_are_moves),
        cmocka_unit_test(first_scrape_of_a_cluster_has_no_events),
        cmocka_unit_test(node_that_left_long_ago_is_forgotten_with_its_slots),
        cmocka_unit_test(others_keep_their_past_when_a_node_is_forgotten),
        cmocka_unit_test(open_slots_are_dated_from_the_first_sight),
        cmocka_unit_test(open_slot_keeps_its_date_while_its_owner_cannot_be_read),
        cmocka_unit_test(scrape_without_any_view_changes_nothing),
        cmocka_unit_test(lag_in_seconds_is_read_off_the_offsets_of_before),
        cmocka_unit_test(lag_in_seconds_is_not_known_without_samples),
        cmocka_unit_test(new_stream_begins_anew),
        cmocka_unit_test(info_without_an_offset_is_no_sample),
        cmocka_unit_test(samples_reach_back_as_far_as_the_ring),
        cmocka_unit_test(lag_of_any_stream_is_that_of_an_independent_computation),
        cmocka_unit_test(full_syncs_survive_resets),
        cmocka_unit_test(node_that_joins_brings_no_full_syncs),
        cmocka_unit_test(counters_never_fall_and_lags_are_never_negative),
        cmocka_unit_test(freeing_nothing_is_fine),
    };
    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
