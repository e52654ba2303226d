// What scripted servers answer, written so that almost any change of the text is another script:
//
//     >CLUSTER INFO            a bulk string: the lines up to the next one that begins with >
//     cluster_state:ok
//     >1*SLOWLOG GET           one reply, an item a line: ( and ) for an array, "text, :integer,
//     (                        +status, -error, _ for nil. The digit is the last one of the port
//     )                        of the only server that says so.
//     >!SLOWLOG LEN            these bytes, and then the connection is closed
//
// A command is answered by the records that it begins with, the longest first; of several with the
// same command each is used once, and the last one from then on.
#pragma once

#include "redis/resp.h"

enum { RECORDS_MAX = 128 };

enum record_kind { RECORD_BULK, RECORD_ITEMS, RECORD_BYTES };

struct record {
    enum record_kind kind;
    char port; // last digit; '\0': any
    struct span command;
    struct span body;
    bool used;
};

struct script {
    struct span options; // what stands in front of the first record
    struct record record[RECORDS_MAX];
    size_t count;
};

// Borrows the text.
void script_parse(struct span text, struct script *out);

// NULL: there is none. `port` is a digit.
struct record *script_find(struct script *script, char port, struct span command);

// Adds a record's answer in wire format.
void script_answer(const struct record *record, struct buf *out);
