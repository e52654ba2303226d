// The first byte says in pieces of which size the rest comes in. However it is split, the replies
// have to be the same as in one piece.
#include "base/buf.h"
#include "fuzz.h"
#include "redis/resp.h"

enum { BYTES_MAX = 1 << 20 };

static void add_reply(struct buf *out, const struct reply *reply)
{
    CHECK(reply != NULL);
    switch (reply->type) {
    case REPLY_STRING:
    case REPLY_STATUS:
    case REPLY_ERROR:
        CHECK(reply->text.at[reply->text.length] == '\0');
        buf_format(out, "%d,%zu:", (int)reply->type, reply->text.length);
        buf_span(out, reply->text);
        break;
    case REPLY_INTEGER:
        buf_i64(out, reply->integer);
        break;
    case REPLY_NIL:
        buf_text(out, "nil");
        break;
    case REPLY_ARRAY:
        buf_format(out, "*%zu(", reply->count);
        for (size_t i = 0; i < reply->count; i++) {
            add_reply(out, reply->element[i]);
        }
        break;
    }
    buf_char(out, ';');
}

// All replies as text, and what came in the end.
static void read_all(struct span text, size_t piece, struct buf *out)
{
    struct resp *resp = resp_new(BYTES_MAX);
    enum resp_status status = RESP_MORE;
    while (status == RESP_MORE && text.length > 0) {
        struct reply *reply;
        size_t length = text.length < piece ? text.length : piece;
        resp_feed(resp, text.at, length);
        text = span_skip(text, length);
        while ((status = resp_next(resp, &reply)) == RESP_REPLY) {
            add_reply(out, reply);
            reply_free(reply);
        }
    }
    buf_format(out, "%d%d", (int)status, status == RESP_MORE && resp_has_rest(resp));
    resp_free(resp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole = BUF_EMPTY;
    struct buf split = BUF_EMPTY;
    if (size == 0) {
        return 0;
    }
    struct span text = fuzz_text(data + 1, size - 1);
    read_all(text, SIZE_MAX, &whole);
    read_all(text, (size_t)data[0] % 32 + 1, &split);
    CHECK(span_equals(buf_view(&whole), buf_view(&split)));
    buf_free(&whole);
    buf_free(&split);
    return 0;
}
