// A map from texts (node ids, labels) to small numbers.
#pragma once

#include <stddef.h>

enum { IDS_NONE = -1 };

struct ids; // borrows the texts that are put into it

struct ids *ids_new(size_t count_expected);
void ids_free(struct ids *ids); // NULL is fine

// The first number wins when a text is put twice. "" is not put.
void ids_put(struct ids *ids, const char *id, int number);

// IDS_NONE for an id that was never put, and for "".
int ids_get(const struct ids *ids, const char *id);
