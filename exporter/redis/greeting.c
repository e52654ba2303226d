#include "redis/greeting.h"

#include "redis/resp.h"

void greeting_add(struct greeting *greeting, struct buf *out, struct login login)
{
    const struct span name[] = {SPAN("CLIENT"), SPAN("SETNAME"), SPAN("redis_cluster_exporter")};
    if (login.password != NULL && login.user != NULL) {
        const struct span auth[] = {SPAN("AUTH"), span_of(login.user), span_of(login.password)};
        resp_add_command(out, 3, auth);
    } else if (login.password != NULL) {
        const struct span auth[] = {SPAN("AUTH"), span_of(login.password)};
        resp_add_command(out, 2, auth);
    }
    resp_add_command(out, 3, name);
    greeting->auth_awaited = login.password != NULL;
    greeting->setname_awaited = true;
}

bool greeting_takes(struct greeting *greeting)
{
    bool *awaited = greeting->auth_awaited ? &greeting->auth_awaited : &greeting->setname_awaited;
    bool takes = *awaited;
    *awaited = false;
    return takes;
}
