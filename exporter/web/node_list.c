#include "web/node_list.h"

#include <cjson/cJSON.h>

#include "base/mem.h"

static void add_text(cJSON *object, const char *name, const char *value)
{
    CHECK(cJSON_AddStringToObject(object, name, value) != NULL);
}

static enum node_health health_of(const struct node_snapshot *node)
{
    if (node->verdict->known) {
        return node->verdict->health;
    }
    if (node->outcome != OUTCOME_OK) {
        return HEALTH_UNREACHABLE;
    }
    return node->server.loading ? HEALTH_LOADING : HEALTH_OK;
}

static const char *shard_of(const struct node_snapshot *node)
{
    const struct node_verdict *verdict = node->verdict;
    bool replica = verdict->known && verdict->role == ROLE_REPLICA;
    return replica ? verdict->line->node.master_id : node->member->id;
}

static void add_node(cJSON *list, const struct snapshot *snapshot, const struct node_snapshot *node)
{
    const struct member *member = node->member;
    bool replica =
        node->verdict->known ? node->verdict->role == ROLE_REPLICA : node->replication.is_replica;
    struct buf url = BUF_EMPTY;
    cJSON *group = cJSON_CreateObject();
    cJSON *addresses = cJSON_AddArrayToObject(group, "targets");
    cJSON *labels = cJSON_AddObjectToObject(group, "labels");
    CHECK(addresses != NULL && labels != NULL);
    buf_text(&url, snapshot->cluster->options.conn.tls != NULL ? "rediss://" : "redis://");
    address_add(&url, member->address.host, member->address.port);
    buf_char(&url, '\0');
    cJSON_AddItemToArray(addresses, cJSON_CreateString(url.data));
    add_text(labels, "__meta_redis_cluster_name", snapshot->cluster->options.name);
    add_text(labels, "__meta_redis_cluster_node_id", member->id);
    add_text(labels, "__meta_redis_cluster_role",
             node_role_name(replica ? ROLE_REPLICA : ROLE_MASTER));
    add_text(labels, "__meta_redis_cluster_health", node_health_name(health_of(node)));
    add_text(labels, "__meta_redis_cluster_shard", shard_of(node));
    add_text(labels, "__meta_redis_cluster_hostname", member->hostname);
    cJSON_AddItemToArray(list, group);
    buf_free(&url);
}

struct answer *node_list_answer(const struct snapshot *const *snapshot, size_t count)
{
    cJSON *list = cJSON_CreateArray();
    CHECK(list != NULL);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < snapshot[i]->count; j++) {
            // A failed node stays a target, or its job would stop telling that it is down.
            if (health_of(snapshot[i]->node[j]) != HEALTH_NOADDR) {
                add_node(list, snapshot[i], snapshot[i]->node[j]);
            }
        }
    }
    char *text = cJSON_PrintUnformatted(list);
    CHECK(text != NULL);
    cJSON_Delete(list);
    return answer_new(MHD_HTTP_OK, text, strlen(text), "application/json");
}
