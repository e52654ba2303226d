// The search indexes of a node whose modules include one for searching.
#pragma once

#include "scrape/snapshot.h"

void search_begin(struct node_snapshot *node);

// Whether the modules section of INFO names a module that has FT.INFO.
bool search_is_among(struct span modules);
