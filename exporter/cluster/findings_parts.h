// How findings are put together; of use to the findings*.c only.
#pragma once

#include "cluster/findings.h"

struct finding *finding_add(struct findings *all, enum severity severity, const char *code);
void finding_add_node(struct finding *finding, size_t node);
void finding_add_slot(struct finding *finding, uint16_t slot);

// Adds to the message.
void finding_say(struct finding *finding, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
const char *finding_plural(size_t count); // "" or "s"
void finding_say_nodes(const struct findings *all, struct finding *finding);
void finding_say_slots(struct finding *finding);

// redis-cli on the first of the finding's nodes that can be asked, else on any of the cluster.
void finding_command(const struct findings *all, struct finding *finding, const char *command);

// Adds what concerns single nodes, slots, and what differs from the expectations.
void findings_of_nodes(struct findings *all);
void findings_of_slots(struct findings *all);
void findings_of_expectations(struct findings *all);
