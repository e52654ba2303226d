// FT._LIST is a list of names; FT.INFO is name, value, name, value ... with sizes in MB.
// Source: RediSearch and valkey-search, FT.INFO.
#include "scrape/search.h"

#include "metrics/page.h"
#include "scrape/followup.h"

enum { INDEXES_MAX = 1000, INDEX_NAME_MAX = 256 };

bool search_is_among(struct span modules)
{
    return span_contains(modules, SPAN("module:name=search,")) ||
           span_contains(modules, SPAN("module:name=ft,"));
}

static void add_field(struct node_snapshot *node, struct span labels, struct span name,
                      const struct reply *value)
{
    struct buf text = BUF_EMPTY;
    double megabytes;
    bool in_megabytes = name.length > 3 && memcmp(name.at + name.length - 3, "_mb", 3) == 0;
    if (value->type == REPLY_INTEGER) {
        buf_i64(&text, value->integer);
    } else if (value->type == REPLY_STRING || value->type == REPLY_STATUS) {
        buf_span(&text, value->text);
    }
    if (in_megabytes && span_f64(buf_view(&text), &megabytes)) {
        text.length = 0;
        buf_f64(&text, megabytes * 1024 * 1024);
    }
    samples_add_labelled(node->samples, FROM_SEARCH, name, labels, buf_view(&text));
    buf_free(&text);
}

static void take_index(struct node_snapshot *node, const struct followup *asked,
                       const struct reply *reply)
{
    struct buf labels = BUF_EMPTY;
    label_add(&labels, "index_name", asked->note);
    for (size_t i = 0; reply->type == REPLY_ARRAY && i + 1 < reply->count; i += 2) {
        add_field(node, buf_view(&labels), reply->element[i]->text, reply->element[i + 1]);
    }
    buf_free(&labels);
}

static bool is_wanted(const struct node_snapshot *node, struct span name)
{
    const struct collect_options *options = node->member->cluster->options.collect;
    char text[INDEX_NAME_MAX];
    if (!span_copy(name, text, sizeof(text))) {
        return false;
    }
    return options == NULL || options->search_indexes == NULL ||
           regexec(options->search_indexes, text, 0, NULL, 0) == 0;
}

static void take_list(struct node_snapshot *node, const struct followup *asked,
                      const struct reply *reply)
{
    for (size_t i = 0; reply->type == REPLY_ARRAY && i < reply->count && i < INDEXES_MAX; i++) {
        const struct reply *index = reply->element[i];
        bool is_text = index->type == REPLY_STRING || index->type == REPLY_STATUS;
        if (!is_text || !is_wanted(node, index->text)) {
            continue;
        }
        struct span name = followup_keep(node, index->text);
        struct followup question = {.command = COMMAND_FT_INFO,
                                    .collector = asked->collector,
                                    .argument = {name},
                                    .argument_count = 1,
                                    .take = take_index,
                                    .note = name};
        followup_add(node, &question);
    }
}

void search_begin(struct node_snapshot *node)
{
    struct followup question = {
        .command = COMMAND_FT_LIST, .collector = COLLECTOR_SEARCH, .take = take_list};
    collector_set on = node->member->cluster->options.collectors;
    if ((on & collector_bit(COLLECTOR_SEARCH)) && node->has_search) {
        followup_add(node, &question);
    }
}
