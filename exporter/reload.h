// Reading the configuration again while the program serves. What is wrong with it is told to who
// asked, and the old one stays; otherwise the new one takes its place as a whole, at a moment when
// no scrape is under way: requests that come meanwhile wait for it.
#pragma once

#include "fleet.h"

struct reload;

// Borrows all of it.
struct reload *reload_new(struct fleet *fleet, struct server **server, struct gate *gate,
                          struct arguments *arguments);
void reload_free(struct reload *reload); // NULL is fine

// Reads it; the answer to who asked over HTTP comes by server_reloaded.
void reload_begin(struct reload *reload, const char *asked_by);

// No more: one that was read and waits is dropped.
void reload_cancel(struct reload *reload);
