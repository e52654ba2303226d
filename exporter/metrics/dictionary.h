// What the keys of replies' lines mean. The replies of all nodes are nearly alike, line for line,
// so the dictionary learns which keys there are and which one follows which: a reply is read by
// comparing each line with the one that is expected next, and searched only where it differs.
#pragma once

#include "metrics/metric.h"

enum key_kind { KEY_NOTHING, KEY_ROW, KEY_GROUP };

// Labels as a page has them, made once for each key; of quantiles one for each part of the value.
enum { KEY_RENDERED_MAX = 4 };

struct key {
    struct span text;
    enum source source;
    enum key_kind kind;
    bool kept;                           // in the dictionary; otherwise good for one line
    size_t row;                          // KEY_ROW: an index of values, see dictionary_row
    enum group group;                    // KEY_GROUP, and
    struct span label[GROUP_LABELS_MAX]; // the variable parts of the key
    struct span rendered[KEY_RENDERED_MAX];
    struct key *follower; // the key of the line that came next the last time
    uint64_t reader;      // for the reader of replies: for whom it was read the last time
};

// What begins a reply of that source: its follower is the first key expected.
struct key *dictionary_start(enum source source);

// The key of that text. Where the dictionary is full or the text too long, `kept` is false, and the
// key is valid until the next call and borrows the text.
struct key *dictionary_learn(enum source source, struct span text);

// The index of the value that this field of a reply has: that of its row in reply_metrics, or
// behind all rows one of `further_fields`. DICTIONARY_NONE when there is neither.
#define DICTIONARY_NONE SIZE_MAX
size_t dictionary_row(enum source source, struct span field);

// How many values there are.
size_t dictionary_values(void);

// Gives the rendered labels number `index` of a kept key, made by the first who asks: label values
// of the key, in the order of group_labels, and `last` where it is not empty. Empty when the key is
// not kept or the number too high.
struct span dictionary_render(struct key *key, size_t index, struct span last);
