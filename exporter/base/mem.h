// Memory that does not fail, and the check for our own mistakes.
//
// Every size that comes from a peer or a user is capped before it reaches these functions, so
// running out of memory means that the machine, or the process's limit, has none left: the process
// ends with one line and a status of its own.
#pragma once

#include <stddef.h>

enum { EXIT_NO_MEMORY = 71 }; // EX_OSERR of sysexits.h

// Ends the process when `condition` is false, in release builds too. For our own mistakes only:
// never on data from a peer, a file or a user.
#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))

_Noreturn void check_failed(const char *condition, const char *file, int line);

// To be called at the start: what is freed stays at hand, since asking the system for it again at
// each scrape costs more than a tenth of the scrape's time.
void mem_keep_freed(void);

// Hands freed memory back to the system, where there is enough of it to be worth the trouble.
void mem_give_back(void);

// Ends the process with that line, for a library that has found that there is no memory.
_Noreturn void mem_exhausted(void);

// Gives `count` zeroed elements of `size` bytes; free() them. Never NULL.
void *mem_new(size_t count, size_t size);

// Gives `old` grown or shrunk to `count` elements of `size` bytes; new bytes are not set.
void *mem_resize(void *old, size_t count, size_t size);

// Gives a terminated copy of `length` bytes.
char *mem_copy(const char *text, size_t length);

// Room for one more element in a growing array: doubles `*capacity` when `count` has reached it.
void *mem_grow(void *array, size_t count, size_t *capacity, size_t size);
