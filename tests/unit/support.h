// What the unit tests share: cmocka, text beside an unreadable page, fixtures, and replies and
// views made from text.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster/view.h"
#include "redis/resp.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

// Gives a copy that ends at an unreadable page, so that reading one byte too far ends the test.
// Good until guards_release.
struct span guarded(struct span text);
struct span guarded_text(const char *text);
void guards_release(void);

// Fails the test, and tells both texts, when they differ.
#define assert_span(actual, expected) check_span(actual, expected, __FILE__, __LINE__)
void check_span(struct span actual, const char *expected, const char *file, int line);

// Gives a file below tests/fixtures, terminated; free() it.
char *fixture(const char *path, size_t *out_length);

// The servers whose replies are in fixtures/captures: of each version a master, and then its
// replica.
enum { CAPTURE_COUNT = 18 };
extern const char *const captures[CAPTURE_COUNT];

// Gives the text of the reply in captures/SERVER/NAME.resp2; free() it.
char *capture(const char *server, const char *name, size_t *out_length);

// Gives the only reply in `bytes`; reply_free() it.
struct reply *reply_of(const char *bytes, size_t length);

// Gives the reply as one line: "text", +status, -error, :1, nil, [element element]; free() it.
char *reply_line(const struct reply *reply);

// Gives the text with its first `from` replaced, which must be there; free() it.
char *replaced(const char *text, const char *from, const char *to);

// Gives the view of the node `self` in a cluster whose CLUSTER NODES text, without any "myself", is
// `nodes`; view_free() it.
struct view *view_as(const char *nodes, const char *self);

// The value of the first key:value line with that key; false when there is none.
bool find_line(struct span text, struct span key, struct span *out_value);

// A number of the same sequence in each run.
uint32_t random_below(uint64_t *state, uint32_t limit);

// Gives a copy with a few bytes changed, cut out or repeated, and often cut short; not terminated,
// so that a checker of memory sees each byte read behind its end. free() it.
char *damaged(const char *text, size_t length, uint64_t *state, size_t *out_length);

// Gives less than `limit` bytes: any, or out of `letters` when there are some; as damaged.
char *noise(const char *letters, uint32_t limit, uint64_t *state, size_t *out_length);
