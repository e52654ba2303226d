// What the cluster can lose: votes, replicas, hosts.
#include <stdlib.h>

#include "base/mem.h"
#include "cluster/judgement.h"

static bool votes(const struct node_verdict *verdict)
{
    return verdict->known && verdict->role == ROLE_MASTER && verdict->slots > 0;
}

static bool is_down(const struct node_verdict *verdict)
{
    return verdict->failed || verdict->suspected || verdict->health == HEALTH_NOADDR;
}

// Where the replica itself can be read, by its own word. When its master is down, its link is down
// for that reason: it is as good as linked while it could take over.
static bool is_linked(const struct judgement *all, size_t index)
{
    const struct node_verdict *verdict = &all->health->node[index];
    const struct replication *own = all->input[index].replication;
    bool orphan = verdict->master != NO_NODE && is_down(&all->health->node[verdict->master]);
    return own == NULL || own->link_up || (orphan && verdict->eligible != NO);
}

// By the cluster's word, and by its link.
static bool is_healthy_replica(const struct judgement *all, size_t index)
{
    const struct node_verdict *verdict = &all->health->node[index];
    return !is_down(verdict) && verdict->health != HEALTH_LOADING && is_linked(all, index);
}

static void count_replicas(struct judgement *all)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct node_verdict *verdict = &all->health->node[i];
        if (verdict->known && verdict->role == ROLE_REPLICA && verdict->master != NO_NODE) {
            struct node_verdict *master = &all->health->node[verdict->master];
            master->replicas++;
            master->replicas_healthy += is_healthy_replica(all, i);
        }
    }
}

// A failover is under way while a failed master still owns slots that a replica could take, and
// while a node says that it hands over.
static bool is_failing_over(const struct judgement *all, size_t index)
{
    const struct node_verdict *verdict = &all->health->node[index];
    const struct replication *own = all->input[index].replication;
    bool told = own != NULL && own->failover.length > 0 && !span_is(own->failover, "no-failover");
    return told || (votes(verdict) && verdict->failed && verdict->replicas_healthy > 0);
}

static void count_masters(struct judgement *all)
{
    struct health *health = all->health;
    size_t down = 0;
    for (size_t i = 0; i < all->count; i++) {
        const struct node_verdict *verdict = &health->node[i];
        health->failover_in_progress |= is_failing_over(all, i);
        if (!votes(verdict)) {
            health->masters_empty +=
                verdict->known && verdict->role == ROLE_MASTER && !is_down(verdict);
            continue;
        }
        size_t replicas = verdict->replicas_healthy;
        bool first = health->voting_masters++ == 0;
        health->replicas_min =
            first || replicas < health->replicas_min ? replicas : health->replicas_min;
        health->masters_without_replica += replicas == 0;
        down += is_down(verdict);
    }
    if (health->voting_masters > 0) {
        health->quorum = health->voting_masters / 2 + 1;
        health->quorum_margin = (int64_t)(health->voting_masters - down) - (int64_t)health->quorum;
    }
}

// Living nodes of the shard that has fewest of them; 0 without shards.
static size_t fewest_living(const struct health *health)
{
    size_t fewest = 0;
    bool first = true;
    for (size_t i = 0; i < health->count; i++) {
        const struct node_verdict *verdict = &health->node[i];
        size_t living = verdict->replicas_healthy + (is_down(verdict) ? 0 : 1);
        if (votes(verdict) && (first || living < fewest)) {
            fewest = living;
            first = false;
        }
    }
    return fewest;
}

// Whether slots are lost, or will be: then no further loss is survivable.
static bool is_broken(const struct health *health)
{
    return health->slots_unassigned + health->slots_owner_failed > 0 || fewest_living(health) == 0;
}

// The worst nodes to lose at once: one master more than the margin, or all of one shard.
static size_t survivable_nodes(const struct health *health)
{
    if (health->quorum_margin <= 0 || is_broken(health)) {
        return 0;
    }
    size_t margin = (size_t)health->quorum_margin;
    size_t spare = fewest_living(health) - 1;
    return margin < spare ? margin : spare;
}

// --- hosts ---

// A node and the number of its host.
struct placed {
    size_t node;
    struct span host;
};

static int by_host(const void *a, const void *b)
{
    return span_order(((const struct placed *)a)->host, ((const struct placed *)b)->host);
}

// Numbers the hosts in alphabetic order. False when the host of some node is not known.
static bool number_hosts(struct judgement *all, size_t *host_of)
{
    struct health *health = all->health;
    struct placed *placed = mem_new(all->count, sizeof(placed[0]));
    size_t count = 0;
    bool complete = true;
    for (size_t i = 0; i < all->count; i++) {
        const struct node_verdict *verdict = &health->node[i];
        if (verdict->known && verdict->health != HEALTH_NOADDR) {
            placed[count++] = (struct placed){i, verdict->host};
            complete = complete && verdict->host.length > 0;
        }
    }
    qsort(placed, count, sizeof(placed[0]), by_host);
    health->host = mem_new(count, sizeof(health->host[0]));
    for (size_t i = 0; complete && i < count; i++) {
        if (i == 0 || by_host(&placed[i - 1], &placed[i]) != 0) {
            health->host[health->hosts++].name = placed[i].host;
        }
        host_of[placed[i].node] = health->hosts - 1;
    }
    free(placed);
    return complete && count > 0;
}

// A living member of a shard, which goes by the number of its master.
struct place {
    size_t shard;
    size_t host;
};

static int by_shard(const void *a, const void *b)
{
    const struct place *left = a;
    const struct place *right = b;
    if (left->shard != right->shard) {
        return left->shard < right->shard ? -1 : 1;
    }
    return left->host < right->host ? -1 : left->host > right->host;
}

static size_t list_places(const struct judgement *all, const size_t *host_of, struct place *places)
{
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++) {
        const struct node_verdict *verdict = &all->health->node[i];
        if (votes(verdict) && !is_down(verdict)) {
            places[count++] = (struct place){i, host_of[i]};
        } else if (verdict->known && verdict->role == ROLE_REPLICA && verdict->master != NO_NODE &&
                   votes(&all->health->node[verdict->master]) && is_healthy_replica(all, i)) {
            places[count++] = (struct place){(size_t)verdict->master, host_of[i]};
        }
    }
    qsort(places, count, sizeof(places[0]), by_shard);
    return count;
}

// Gives the least number of hosts whose loss takes a whole shard; 0 without shards.
static size_t judge_shards(struct health *health, const struct place *place, size_t count)
{
    size_t least = 0;
    for (size_t i = 0, end = 0; i < count; i = end) {
        size_t hosts = 0;
        for (end = i; end < count && place[end].shard == place[i].shard; end++) {
            hosts += end == i || place[end].host != place[end - 1].host;
        }
        health->shards_single_host += hosts == 1 && end - i > 1;
        health->host[place[i].host].critical |= hosts == 1;
        least = least == 0 || hosts < least ? hosts : least;
    }
    return least;
}

static int by_masters(const void *a, const void *b)
{
    size_t left = *(const size_t *)a;
    size_t right = *(const size_t *)b;
    return left < right ? 1 : left > right ? -1 : 0;
}

// The least number of hosts with more masters than the margin; 0 when there are none.
static size_t hosts_of_quorum(const struct health *health)
{
    size_t *masters = mem_new(health->hosts, sizeof(masters[0]));
    int64_t lost = 0;
    size_t taken = 0;
    for (size_t i = 0; i < health->hosts; i++) {
        masters[i] = health->host[i].masters;
    }
    qsort(masters, health->hosts, sizeof(masters[0]), by_masters);
    while (taken < health->hosts && lost <= health->quorum_margin) {
        lost += (int64_t)masters[taken++];
    }
    free(masters);
    return lost > health->quorum_margin ? taken : 0;
}

static void judge_hosts(struct judgement *all)
{
    struct health *health = all->health;
    size_t *host_of = mem_new(all->count, sizeof(host_of[0]));
    struct place *places = mem_new(all->count, sizeof(places[0]));
    if (number_hosts(all, host_of)) {
        size_t shard_hosts = judge_shards(health, places, list_places(all, host_of, places));
        for (size_t i = 0; i < all->count; i++) {
            const struct node_verdict *verdict = &health->node[i];
            health->host[host_of[i]].masters += votes(verdict) && !is_down(verdict);
        }
        for (size_t i = 0; i < health->hosts; i++) {
            struct health_host *host = &health->host[i];
            host->critical |= (int64_t)host->masters > health->quorum_margin && host->masters > 0;
            health->hosts_critical += host->critical;
        }
        size_t quorum_hosts = hosts_of_quorum(health);
        size_t worst = quorum_hosts < shard_hosts ? quorum_hosts : shard_hosts;
        health->host_failures_survivable = worst > 0 && !is_broken(health) ? worst - 1 : 0;
    }
    free(host_of);
    free(places);
}

// --- zones ---

static struct span zone_of(const struct judgement *all, size_t index)
{
    const struct facts *facts = all->input[index].facts;
    return facts != NULL ? facts->zone : span_make(NULL, 0);
}

// Whether the shard has a replica, and all that tell their zone tell the same.
static bool is_in_one_zone(const struct judgement *all, size_t master)
{
    struct span zone = zone_of(all, master);
    size_t replicas = 0;
    for (size_t i = 0; i < all->count; i++) {
        const struct node_verdict *verdict = &all->health->node[i];
        struct span other = zone_of(all, i);
        if (verdict->known && verdict->role == ROLE_REPLICA && verdict->master == (int)master &&
            other.length > 0) {
            replicas++;
            if (!span_equals(zone, other)) {
                return false;
            }
        }
    }
    return zone.length > 0 && replicas > 0;
}

static void judge_zones(struct judgement *all)
{
    struct health *health = all->health;
    struct placed *placed = mem_new(all->count, sizeof(placed[0]));
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++) {
        if (zone_of(all, i).length > 0) {
            placed[count++] = (struct placed){i, zone_of(all, i)};
        }
    }
    qsort(placed, count, sizeof(placed[0]), by_host);
    for (size_t i = 0; i < count; i++) {
        health->zones += i == 0 || by_host(&placed[i - 1], &placed[i]) != 0;
    }
    for (size_t i = 0; health->zones > 0 && i < all->count; i++) {
        health->shards_single_zone += votes(&health->node[i]) && is_in_one_zone(all, i);
    }
    free(placed);
}

void judge_redundancy(struct judgement *all)
{
    count_replicas(all);
    count_masters(all);
    all->health->node_failures_survivable = survivable_nodes(all->health);
    judge_hosts(all);
    judge_zones(all);
}
