#include "redis/cluster_nodes.h"

#include "base/hash.h"
#include "redis/address.h"

// Every view has a line of every node, and the beginning of the line, up to the times, is nearly
// always the same: what was read of it once is known again. A line has two places where it can be
// remembered; which ones, the hash tells.
enum {
    KNOWN_SETS = 4096, // a power of two
    KNOWN_WAYS = 2,
    HEAD_BYTES_MAX = 160,
    KEY_BYTES = NODE_ID_SIZE - 1,
};

struct known {
    char head[HEAD_BYTES_MAX]; // with the blank before the times
    size_t length;             // 0: nothing
    struct node_line line;     // its slices point into the head
};

static struct known known[KNOWN_SETS][KNOWN_WAYS];

struct flag_name {
    struct span word;
    enum node_flag flag;
};

#define FLAG(word, flag)                                                                           \
    {                                                                                              \
        {(word), sizeof(word) - 1}, (flag)                                                         \
    }

static const struct flag_name flag_names[] = {
    FLAG("master", NODE_MASTER),         FLAG("slave", NODE_REPLICA),
    FLAG("myself", NODE_MYSELF),         FLAG("replica", NODE_REPLICA),
    FLAG("fail?", NODE_PFAIL),           FLAG("fail", NODE_FAIL),
    FLAG("handshake", NODE_HANDSHAKE),   FLAG("noaddr", NODE_NOADDR),
    FLAG("nofailover", NODE_NOFAILOVER),
};

// Whole words only: "fail" is also the beginning of "fail?" and the end of "nofail...". Unknown
// words, and "noflags", set nothing.
static unsigned parse_flags(struct span text)
{
    unsigned flags = 0;
    struct span word;
    while (span_cut(&text, ',', &word)) {
        for (size_t i = 0; i < sizeof(flag_names) / sizeof(flag_names[0]); i++) {
            if (span_equals(word, flag_names[i].word)) {
                flags |= flag_names[i].flag;
                break;
            }
        }
    }
    return flags;
}

static bool parse_port(struct span text, uint16_t *out)
{
    uint64_t port;
    if (!span_u64(text, &port) || port > 65535) {
        return false;
    }
    *out = (uint16_t)port;
    return true;
}

static void drop_impossible(struct span *host)
{
    host->length = address_is_host(*host) ? host->length : 0;
}

// ip:port, ip:port@bus, ip:port@bus,hostname and further ",key=value" parts, which are ignored. The
// ip may be empty, and IPv6 stands without brackets: the port follows the last colon before '@'.
static bool parse_address(struct span text, struct node_line *out)
{
    struct span extra = {NULL, 0};
    struct span bus = {NULL, 0};
    struct span port;
    span_split(text, ',', &text, &extra);
    span_cut(&extra, ',', &out->hostname);
    drop_impossible(&out->hostname); // with '=' it is no name, but the first of the further parts
    if (span_split(text, '@', &text, &bus) && !parse_port(bus, &out->bus_port)) {
        return false;
    }
    bool complete = span_split_last(text, ':', &out->host, &port) && parse_port(port, &out->port);
    drop_impossible(&out->host);
    return complete;
}

// Whether each is a letter or a digit. All of the text is looked at, whatever is found: there are
// many ids, and hardly a wrong one.
static bool are_word_characters(struct span text)
{
    unsigned wrong = 0;
    for (size_t i = 0; i < text.length; i++) {
        unsigned digit = (unsigned char)text.at[i] - (unsigned)'0';
        unsigned letter = ((unsigned char)text.at[i] | 0x20u) - (unsigned)'a';
        wrong |= (unsigned)(digit > 9) & (unsigned)(letter > 25);
    }
    return wrong == 0;
}

static bool parse_id(struct span text, char *out)
{
    return text.length > 0 && are_word_characters(text) && span_copy(text, out, NODE_ID_SIZE);
}

// As span_cut at a blank. The words of a line are short, and there are many: a search by memchr
// takes longer.
static bool cut_word(struct span *rest, struct span *out_word)
{
    size_t length = 0;
    while (length < rest->length && rest->at[length] != ' ') {
        length++;
    }
    *out_word = span_make(rest->at, length);
    bool found = rest->length > 0;
    *rest = span_skip(*rest, length < rest->length ? length + 1 : length);
    return found;
}

// The first four of the eight fields that every line has: who it is, and where.
static bool parse_head(struct span *line, struct node_line *out)
{
    struct span id;
    struct span address;
    struct span flags;
    struct span master;
    if (!cut_word(line, &id) || !cut_word(line, &address) || !cut_word(line, &flags) ||
        !cut_word(line, &master)) {
        return false;
    }
    *out = (struct node_line){.flags = parse_flags(flags)};
    bool no_master = span_is(master, "-");
    return parse_id(id, out->id) && parse_address(address, out) && flags.length > 0 &&
           (no_master || parse_id(master, out->master_id));
}

static uint64_t hash_head(const struct node_line *line)
{
    uint64_t hash = hash_text(span_of(line->id), line->port);
    hash = hash_text(span_of(line->master_id), hash ^ line->bus_port);
    hash = hash_text(line->host, hash ^ (line->flags & ~(unsigned)NODE_MYSELF));
    return hash_text(line->hostname, hash);
}

static struct span move(struct span part, const char *from, const char *to)
{
    return part.length > 0 ? span_make(to + (part.at - from), part.length) : part;
}

static void copy_line(struct node_line *out, const struct node_line *line, const char *from,
                      const char *to)
{
    *out = *line;
    out->host = move(line->host, from, to);
    out->hostname = move(line->hostname, from, to);
}

static bool recall(struct known *set, struct span *line, struct node_line *out)
{
    for (size_t i = 0; i < KNOWN_WAYS; i++) {
        if (set[i].length > 0 && span_starts(*line, span_make(set[i].head, set[i].length))) {
            copy_line(out, &set[i].line, set[i].head, line->at);
            *line = span_skip(*line, set[i].length);
            return true;
        }
    }
    return false;
}

// What a node tells of itself, nobody else tells in the same words. A head that the line ends with
// is no whole one.
static void remember(struct known *set, struct span head, const struct node_line *line)
{
    if (head.length <= HEAD_BYTES_MAX && span_last(head) == ' ' && !(line->flags & NODE_MYSELF)) {
        copy_line(&set[1].line, &set[0].line, set[0].head, set[1].head);
        memcpy(set[1].head, set[0].head, set[0].length);
        set[1].length = set[0].length;
        copy_line(&set[0].line, line, head.at, set[0].head);
        memcpy(set[0].head, head.at, head.length);
        set[0].length = head.length;
    }
}

static bool read_head(struct span *line, struct node_line *out)
{
    struct span key = span_make(line->at, line->length < KEY_BYTES ? line->length : KEY_BYTES);
    struct known *set = known[hash_text(key, 0) % KNOWN_SETS];
    struct span before = *line;
    if (recall(set, line, out)) {
        return true;
    }
    if (!parse_head(line, out)) {
        return false;
    }
    out->said = hash_head(out);
    remember(set, span_make(before.at, before.length - line->length), out);
    return true;
}

static bool read_line(struct span *line, struct node_line *out)
{
    struct span ping;
    struct span pong;
    struct span epoch;
    struct span link;
    if (!read_head(line, out) || !cut_word(line, &ping) || !cut_word(line, &pong) ||
        !cut_word(line, &epoch) || !cut_word(line, &link)) {
        return false;
    }
    out->link_connected = span_is(link, "connected");
    bool well = span_i64(ping, &out->ping_sent_ms) && span_i64(pong, &out->pong_received_ms) &&
                span_u64(epoch, &out->config_epoch) &&
                (out->link_connected || span_is(link, "disconnected"));
    out->said = hash_number(out->said, out->config_epoch * 2 + (out->link_connected ? 1 : 0));
    out->slots = *line;
    return well;
}

enum parse_result cluster_nodes_next(struct span *rest, struct node_line *out)
{
    struct span line;
    do {
        if (!span_cut(rest, '\n', &line)) {
            return PARSE_END;
        }
        line = span_trim(line);
    } while (line.length == 0);
    return read_line(&line, out) ? PARSE_ITEM : PARSE_BAD;
}

static bool parse_slot(struct span text, uint16_t *out)
{
    uint64_t slot;
    if (!span_u64(text, &slot) || slot >= SLOT_COUNT) {
        return false;
    }
    *out = (uint16_t)slot;
    return true;
}

// [slot->-id] or [slot-<-id]
static bool parse_open_slot(struct span text, struct slot_token *out)
{
    struct span slot;
    if (text.at[text.length - 1] != ']' ||
        !span_split(span_make(text.at + 1, text.length - 2), '-', &slot, &text) ||
        text.length < 3 || text.at[1] != '-' || !parse_slot(slot, &out->first)) {
        return false;
    }
    out->kind = text.at[0] == '>' ? SLOT_MIGRATING : SLOT_IMPORTING;
    out->last = out->first;
    return (text.at[0] == '>' || text.at[0] == '<') && parse_id(span_skip(text, 2), out->peer);
}

static bool parse_owned(struct span text, struct slot_token *out)
{
    struct span first = text;
    struct span last = text;
    span_split(text, '-', &first, &last);
    return parse_slot(first, &out->first) && parse_slot(last, &out->last) &&
           out->first <= out->last;
}

enum parse_result slots_next(struct span *rest, struct slot_token *out)
{
    struct span text;
    do {
        if (!span_cut(rest, ' ', &text)) {
            return PARSE_END;
        }
    } while (text.length == 0);
    *out = (struct slot_token){.kind = SLOT_OWNED};
    bool open = text.at[0] == '[' && text.length > 2;
    return (open ? parse_open_slot(text, out) : parse_owned(text, out)) ? PARSE_ITEM : PARSE_BAD;
}
