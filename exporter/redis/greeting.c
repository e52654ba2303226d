#include "redis/greeting.h"

#include "redis/resp.h"

void greeting_add(struct greeting *greeting, struct buf *out, struct login login)
{
    enum { REST = 256 }; // of the greeting, and of the commands that are sent with it
    const struct span name[] = {SPAN("CLIENT"), SPAN("SETNAME"), SPAN("redis_cluster_exporter")};
    size_t user = login.user != NULL ? strlen(login.user) : 0;
    if (login.password != NULL) { // a buffer that grows later leaves a copy of it behind
        buf_reserve(out, user + strlen(login.password) + REST);
    }
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
