// What the file of --web.config.file says, at work: TLS of new connections, who may ask and how
// often, headers of answers. The file, and those it names, are looked at again when somebody
// connects or asks, at most once a second; what is broken then is told in the log, and what was
// there before stays.
#pragma once

#include <event2/event.h>

#include "web/request.h"
#include "web/tls_context.h"
#include "web/web_config.h"

struct gate;

// Reads the file, and certificates and keys as well. NULL with a problem: one line that names the
// file, free() it. `base` is borrowed.
struct gate *gate_new(const char *path, struct event_base *base, char **out_problem);
void gate_free(struct gate *gate);

// Whether gate_new would take the file: NULL, or why not.
char *gate_check(const char *path);

// Reads everything anew. NULL, or why all stays as it was: free() it.
char *gate_reload(struct gate *gate);

// Whether TLS is spoken; never changes.
bool gate_has_tls(const struct gate *gate);

// The context for a new connection; it has to be held. Only with TLS.
struct tls_context *gate_tls(struct gate *gate);

// WEB_HEADERS of them; the pointer stays good, what it points to changes.
const struct web_header *gate_headers(const struct gate *gate);

enum gate_verdict {
    GATE_OPEN,    // go on
    GATE_CLOSED,  // it was answered: *out_result ends the handler's call
    GATE_PENDING, // its password is being compared: gate_wait
};

// For each call about a request; counts it at the first one.
enum gate_verdict gate_judge(struct gate *gate, struct request *request,
                             enum MHD_Result *out_result);

// Suspends the request that gate_judge has just called pending, until `deadline_us` of it.
enum MHD_Result gate_wait(struct gate *gate, struct request *request);

// Who waits is refused, since the server ends.
void gate_stop(struct gate *gate);
