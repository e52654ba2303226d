#include "scrape/pass.h"

#include <stdlib.h>

#include "base/mem.h"

struct part {
    struct pass *pass;
    struct scrape_wait wait;
    struct snapshot *snapshot; // NULL until it has come
};

struct pass {
    struct part *part;
    size_t count;
    size_t pending;
    pass_done *done;
    void *owner;
};

static void free_pass(struct pass *pass)
{
    for (size_t i = 0; i < pass->count; i++) {
        snapshot_release(pass->part[i].snapshot);
    }
    free(pass->part);
    free(pass);
}

static void on_part(void *owner, struct snapshot *snapshot)
{
    struct part *part = owner;
    struct pass *pass = part->pass;
    part->snapshot = snapshot;
    snapshot_hold(snapshot);
    if (--pass->pending > 0) {
        return;
    }
    pass_peek(pass, pass->done, pass->owner);
    free_pass(pass);
}

struct pass *pass_start(struct cluster *const *cluster, size_t count, int64_t deadline_us,
                        pass_done *done, void *owner)
{
    CHECK(count > 0);
    struct pass *pass = mem_new(1, sizeof(*pass));
    *pass = (struct pass){.count = count, .pending = count, .done = done, .owner = owner};
    pass->part = mem_new(count, sizeof(pass->part[0]));
    for (size_t i = 0; i < count; i++) {
        struct part *part = &pass->part[i];
        part->pass = pass;
        part->wait = (struct scrape_wait){.done = on_part, .owner = part};
        scrape_join(cluster[i], deadline_us, &part->wait);
    }
    return pass;
}

void pass_extend(struct pass *pass, int64_t deadline_us)
{
    for (size_t i = 0; i < pass->count; i++) {
        scrape_extend(&pass->part[i].wait, deadline_us);
    }
}

bool pass_ends_by(const struct pass *pass, int64_t deadline_us)
{
    for (size_t i = 0; i < pass->count; i++) {
        if (!scrape_ends_by(&pass->part[i].wait, deadline_us)) {
            return false;
        }
    }
    return true;
}

void pass_peek(const struct pass *pass, pass_done *look, void *owner)
{
    struct snapshot **all = mem_new(pass->count, sizeof(all[0]));
    for (size_t i = 0; i < pass->count; i++) {
        struct part *part = &pass->part[i];
        all[i] = part->snapshot != NULL ? part->snapshot : scrape_peek(&part->wait);
    }
    look(owner, (const struct snapshot *const *)all, pass->count);
    for (size_t i = 0; i < pass->count; i++) {
        if (pass->part[i].snapshot == NULL) {
            snapshot_release(all[i]);
        }
    }
    free(all);
}

void pass_cancel(struct pass *pass)
{
    if (pass == NULL) {
        return;
    }
    for (size_t i = 0; i < pass->count; i++) {
        scrape_leave(&pass->part[i].wait);
    }
    free_pass(pass);
}
