#include "redis/cluster_nodes.h"

#include "redis/address.h"

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

// The eight fields that every line has.
static bool parse_fields(struct span *line, struct node_line *out)
{
    struct span field[8];
    for (size_t i = 0; i < 8; i++) {
        if (!cut_word(line, &field[i])) {
            return false;
        }
    }
    out->flags = parse_flags(field[2]);
    out->link_connected = span_is(field[7], "connected");
    bool no_master = span_is(field[3], "-");
    return parse_id(field[0], out->id) && parse_address(field[1], out) && field[2].length > 0 &&
           (no_master || parse_id(field[3], out->master_id)) &&
           span_i64(field[4], &out->ping_sent_ms) && span_i64(field[5], &out->pong_received_ms) &&
           span_u64(field[6], &out->config_epoch) &&
           (out->link_connected || span_is(field[7], "disconnected"));
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
    *out = (struct node_line){.port = 0};
    if (!parse_fields(&line, out)) {
        return PARSE_BAD;
    }
    out->slots = line;
    return PARSE_ITEM;
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
