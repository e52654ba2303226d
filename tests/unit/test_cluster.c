// Membership: what a scrape does with the views, without any network. A script says who lives at
// which address and what it answers.
#include "cluster/cluster.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "support.h"

enum { SERVERS_MAX = 12, VIEWS_MAX = 64 };

struct server {
    const char *address; // host:port
    const char *id;
    const char *nodes;    // CLUSTER NODES without "myself"; NULL: it answers, but not that
    enum outcome outcome; // of asking it
};

struct script {
    struct cluster *cluster;
    struct seed seed[4];
    struct server server[SERVERS_MAX];
    size_t server_count;
    struct view *view[VIEWS_MAX]; // of the scrape under way
    size_t view_count;
    struct buf dropped; // labels, of the last scrape
    struct buf asked;   // addresses, of the last scrape
    size_t asked_count; // members, by the scrape under way
};

static struct script *script_new(const char *seeds, enum node_label policy)
{
    struct script *script = mem_new(1, sizeof(*script));
    struct cluster_options options = {.name = "test", .seed = script->seed, .node_label = policy};
    struct span rest = span_of(seeds);
    struct span part;
    while (span_cut(&rest, ' ', &part)) {
        assert_null(seed_parse(part, &script->seed[options.seed_count++]));
    }
    script->cluster = cluster_new(&options);
    return script;
}

static void script_free(struct script *script)
{
    cluster_free(script->cluster);
    buf_free(&script->dropped);
    buf_free(&script->asked);
    free(script);
}

static void serve(struct script *script, const char *address, const char *id, const char *nodes)
{
    script->server[script->server_count++] = (struct server){address, id, nodes, OUTCOME_OK};
}

static void serve_all(struct script *script, const char *nodes, size_t count)
{
    static const char *const addresses[] = {"10.0.0.1:7000", "10.0.0.2:7000", "10.0.0.3:7000"};
    static const char *const ids[] = {"n1", "n2", "n3"};
    for (size_t i = 0; i < count; i++) {
        serve(script, addresses[i], ids[i], nodes);
    }
}

static struct server *server_at(struct script *script, const char *address)
{
    for (size_t i = 0; i < script->server_count; i++) {
        if (strcmp(script->server[i].address, address) == 0) {
            return &script->server[i];
        }
    }
    return NULL;
}

static struct server *known_server_at(struct script *script, const char *address)
{
    struct server *server = server_at(script, address);
    CHECK(server != NULL);
    return server;
}

static void kill_server(struct script *script, const char *address)
{
    known_server_at(script, address)->outcome = OUTCOME_REFUSED;
}

static void revive_server(struct script *script, const char *address)
{
    known_server_at(script, address)->outcome = OUTCOME_OK;
}

// One member at one address, as scrape.c asks it.
static void ask(struct script *script, struct member *member, const struct address *where)
{
    struct buf text = BUF_EMPTY;
    address_add(&text, where->host, where->port);
    char *address = buf_take(&text);
    const struct server *server = server_at(script, address);
    buf_format(&script->asked, "%s%s", script->asked.length > 0 ? " " : "", address);
    member->result = server != NULL ? server->outcome : OUTCOME_REFUSED;
    if (member->result == OUTCOME_OK && server->nodes != NULL) {
        assert_true(script->view_count < VIEWS_MAX);
        struct view *view = view_as(server->nodes, server->id);
        script->view[script->view_count++] = view;
        member->result = cluster_learn(script->cluster, member, view);
        member->view = member->result == OUTCOME_OK ? view : NULL;
    }
    if (member->result == OUTCOME_OK) {
        member->dial = *where;
    }
    free(address);
}

static void ask_new(struct script *script)
{
    for (; script->asked_count < script->cluster->count; script->asked_count++) {
        struct member *member = script->cluster->member[script->asked_count];
        ask(script, member, &member->dial);
    }
}

static bool has_answer(const struct cluster *cluster)
{
    bool any = false;
    for (size_t i = 0; i < cluster->count; i++) {
        any = any || cluster->member[i]->result == OUTCOME_OK;
    }
    return any;
}

// What follows when nodes were not found where they were.
static void seek_missing(struct script *script)
{
    struct cluster *cluster = script->cluster;
    if (!cluster->lost && !has_answer(cluster)) {
        cluster->lost = true;
        cluster_prepare(cluster);
        ask_new(script);
        cluster_locate(cluster);
    }
    size_t count = cluster->count;
    for (size_t i = 0; i < count; i++) {
        struct member *member = cluster->member[i];
        if (member->result != OUTCOME_OK && !member->superseded &&
            !address_equal(&member->dial, &member->address)) {
            ask(script, member, &member->address);
        }
    }
    ask_new(script);
    cluster_locate(cluster);
}

static void on_dropped(void *owner, struct member *member)
{
    struct script *script = owner;
    buf_format(&script->dropped, "%s%s", script->dropped.length > 0 ? " " : "",
               member->id[0] != '\0' ? member->id : member->label);
}

static void scrape(struct script *script)
{
    struct cluster *cluster = script->cluster;
    buf_free(&script->asked);
    buf_free(&script->dropped);
    cluster_prepare(cluster);
    script->asked_count = 0;
    ask_new(script);
    cluster_locate(cluster);
    seek_missing(script);
    cluster_settle(cluster, on_dropped, script);
    cluster->lost = true;
    for (size_t i = 0; i < cluster->count; i++) {
        struct member *member = cluster->member[i];
        member->outcome = member->result;
        member->seen = true;
        member->view = NULL;
        cluster->lost = cluster->lost && member->result != OUTCOME_OK;
    }
    while (script->view_count > 0) {
        view_free(script->view[--script->view_count]);
    }
}

// The members as label=id, in their order.
static void check_members(const struct script *script, const char *expected)
{
    struct buf text = BUF_EMPTY;
    for (size_t i = 0; i < script->cluster->count; i++) {
        const struct member *member = script->cluster->member[i];
        buf_format(&text, "%s%s=%s", i > 0 ? " " : "", member->label, member->id);
    }
    assert_span(buf_view(&text), expected);
    buf_free(&text);
}

static void check_all_answer(const struct script *script)
{
    for (size_t i = 0; i < script->cluster->count; i++) {
        assert_int_equal(script->cluster->member[i]->outcome, OUTCOME_OK);
    }
}

static const char three[] = "n1 10.0.0.1:7000@17000 master - 0 0 1 connected 0-8191\n"
                            "n2 10.0.0.2:7000@17000 master - 0 0 2 connected 8192-16383\n"
                            "n3 10.0.0.3:7000@17000 slave n1 0 0 1 connected\n";

static const char all_three[] = "10.0.0.1:7000=n1 10.0.0.2:7000=n2 10.0.0.3:7000=n3";

// --- Other options ---

// With these seeds, which stand in `seed` of the caller.
static void configure(struct script *script, struct seed *seed, const char *seeds, bool reconnect)
{
    struct cluster_options options = script->cluster->options;
    struct span rest = span_of(seeds);
    struct span part;
    options.seed = seed;
    options.seed_count = 0;
    while (span_cut(&rest, ' ', &part)) {
        assert_null(seed_parse(part, &seed[options.seed_count++]));
    }
    cluster_configure(script->cluster, &options, reconnect);
}

static void members_stay_while_a_seed_leads_to_them(void **state)
{
    static const char *const seeds[] = {"10.0.0.1:7000", "10.0.0.3:7000",
                                        "10.9.9.9:7000 10.0.0.2:7000"};
    struct script *script = script_new("10.0.0.1:7000", LABEL_AUTO);
    struct seed seed[COUNT(seeds)][2];
    (void)state;
    serve_all(script, three, 3);
    scrape(script);
    const struct member *first = script->cluster->member[0];
    for (size_t i = 0; i < COUNT(seeds); i++) {
        configure(script, seed[i], seeds[i], false);
        check_members(script, all_three);
        assert_ptr_equal(script->cluster->member[0], first);
        scrape(script);
        check_members(script, all_three);
        assert_ptr_equal(script->cluster->member[0], first);
    }
    script_free(script);
}

static void members_to_which_no_seed_leads_go(void **state)
{
    static const char other[] = "m1 10.1.0.1:7000@17000 master - 0 0 1 connected 0-16383\n";
    struct script *script = script_new("10.0.0.1:7000 10.1.0.1:7000", LABEL_AUTO);
    struct seed seed[2][2];
    (void)state;
    serve_all(script, three, 3);
    serve(script, "10.1.0.1:7000", "m1", other);
    scrape(script);
    assert_int_equal(script->cluster->count, 4);
    configure(script, seed[0], "10.1.0.1:7000", false);
    check_members(script, "10.1.0.1:7000=m1");
    scrape(script);
    check_members(script, "10.1.0.1:7000=m1");
    configure(script, seed[1], "10.0.0.2:7000", true);
    assert_int_equal(script->cluster->count, 0);
    scrape(script);
    check_members(script, all_three);
    script_free(script);
}

static void labels_follow_another_policy_at_once(void **state)
{
    struct script *script = script_new("10.0.0.1:7000", LABEL_AUTO);
    struct cluster_options options;
    (void)state;
    serve_all(script, three, 3);
    scrape(script);
    options = script->cluster->options;
    options.node_label = LABEL_ID;
    cluster_configure(script->cluster, &options, false);
    check_members(script, "n1=n1 n2=n2 n3=n3");
    script_free(script);
}

// --- Discovery ---

static void one_seed_leads_to_all_nodes(void **state)
{
    struct script *script = script_new("10.0.0.2:7000", LABEL_AUTO);
    (void)state;
    serve_all(script, three, 3);
    scrape(script);
    check_members(script, all_three);
    assert_span(buf_view(&script->asked), "10.0.0.2:7000 10.0.0.1:7000 10.0.0.3:7000");
    scrape(script);
    check_members(script, all_three);
    assert_span(buf_view(&script->asked), "10.0.0.1:7000 10.0.0.2:7000 10.0.0.3:7000");
    assert_int_equal(script->dropped.length, 0);
    script_free(script);
}

static void seeds_that_are_members_are_asked_once(void **state)
{
    struct script *script = script_new("10.0.0.1:7000 10.0.0.2:7000 10.0.0.2:7000", LABEL_AUTO);
    (void)state;
    serve_all(script, three, 3);
    scrape(script);
    check_members(script, all_three);
    assert_span(buf_view(&script->asked), "10.0.0.1:7000 10.0.0.2:7000 10.0.0.3:7000");
    script_free(script);
}

static void seed_takes_the_id_that_a_view_gives_its_address(void **state)
{
    struct script *script = script_new("10.0.0.1:7000 10.0.0.2:7000", LABEL_AUTO);
    struct cluster *cluster = script->cluster;
    (void)state;
    cluster_prepare(cluster);
    struct view *view = view_as(three, "n1");
    assert_int_equal(cluster_learn(cluster, cluster->member[0], view), OUTCOME_OK);
    assert_int_equal(cluster->count, 3);
    assert_string_equal(cluster->member[1]->id, "n2");
    view_free(view);
    script_free(script);
}

static void seed_under_another_name_gives_way_to_the_member(void **state)
{
    struct script *script = script_new("10.0.0.1:7000 node2.example:7000", LABEL_AUTO);
    (void)state;
    serve_all(script, three, 3);
    serve(script, "node2.example:7000", "n2", three);
    scrape(script);
    check_members(script, all_three);
    assert_int_equal(script->cluster->count, 3);
    assert_span(buf_view(&script->dropped), "n2");
    script_free(script);
}

static void seed_that_does_not_answer_is_of_no_use(void **state)
{
    struct script *script = script_new("10.9.9.9:7000 10.0.0.1:7000", LABEL_AUTO);
    (void)state;
    serve_all(script, three, 3);
    scrape(script);
    check_members(script, all_three);
    script_free(script);
}

static void seeds_stay_while_none_answers(void **state)
{
    struct script *script = script_new("10.0.0.1:7000 10.0.0.2:7000", LABEL_AUTO);
    (void)state;
    scrape(script);
    check_members(script, "10.0.0.1:7000= 10.0.0.2:7000=");
    scrape(script);
    check_members(script, "10.0.0.1:7000= 10.0.0.2:7000=");
    serve_all(script, three, 3);
    scrape(script);
    check_members(script, all_three);
    script_free(script);
}

static void servers_without_cluster_mode_stay_as_seeds(void **state)
{
    struct script *script = script_new("10.0.0.1:7000 10.0.0.2:7000", LABEL_AUTO);
    (void)state;
    serve(script, "10.0.0.1:7000", "", NULL);
    serve(script, "10.0.0.2:7000", "", NULL);
    scrape(script);
    scrape(script);
    check_members(script, "10.0.0.1:7000= 10.0.0.2:7000=");
    script_free(script);
}

static void nodes_without_address_or_still_shaking_hands_are_not_members(void **state)
{
    static const char nodes[] = "n1 10.0.0.1:7000@17000 master - 0 0 1 connected 0-16383\n"
                                "n2 :0@0 master,noaddr,fail - 0 0 2 disconnected\n"
                                "n3 10.0.0.3:7000@17000 handshake - 0 0 0 disconnected\n"
                                "n4 10.0.0.4:0@17000 master - 0 0 3 connected\n"
                                "n5 :7000@17000 master - 0 0 4 connected\n"
                                "n6 10.0.0.6:7000@17000 slave,noaddr n1 0 0 4 disconnected\n";
    struct script *script = script_new("10.0.0.1:7000", LABEL_AUTO);
    (void)state;
    serve(script, "10.0.0.1:7000", "n1", nodes);
    scrape(script);
    check_members(script, "10.0.0.1:7000=n1");
    script_free(script);
}

static void node_with_only_a_host_name_is_found_by_it(void **state)
{
    static const char nodes[] = "n1 10.0.0.1:7000@17000 master - 0 0 1 connected 0-16383\n"
                                "n2 :7000@17000,two.example slave n1 0 0 1 connected\n";
    struct script *script = script_new("10.0.0.1:7000", LABEL_AUTO);
    (void)state;
    serve(script, "10.0.0.1:7000", "n1", nodes);
    scrape(script);
    assert_span(buf_view(&script->asked), "10.0.0.1:7000 two.example:7000");
    script_free(script);
}

static void new_node_joins_in_the_same_scrape(void **state)
{
    struct script *script = script_new("10.0.0.1:7000", LABEL_AUTO);
    char *two = replaced(three, "n3 10.0.0.3:7000@17000 slave n1 0 0 1 connected\n", "");
    (void)state;
    serve_all(script, two, 2);
    scrape(script);
    check_members(script, "10.0.0.1:7000=n1 10.0.0.2:7000=n2");
    script->server_count = 0;
    serve_all(script, three, 3);
    scrape(script);
    check_members(script, all_three);
    script_free(script);
    free(two);
}

static void more_nodes_than_the_cap_are_not_asked(void **state)
{
    struct script *script = script_new("10.0.0.1:7000", LABEL_AUTO);
    struct cluster *cluster = script->cluster;
    struct buf nodes = BUF_EMPTY;
    (void)state;
    log_init(LOG_ERROR, LOG_LOGFMT);
    buf_text(&nodes, "n0 10.0.0.1:7000@17000 master - 0 0 1 connected\n");
    for (int i = 1; i <= 6000; i++) {
        buf_format(&nodes, "n%d 10.1.%d.%d:7000@17000 slave n0 0 0 1 connected\n", i, i / 250,
                   i % 250);
    }
    char *text = buf_take(&nodes);
    struct view *view = view_as(text, "n0");
    cluster_prepare(cluster);
    assert_int_equal(cluster_learn(cluster, cluster->member[0], view), OUTCOME_OK);
    assert_int_equal(cluster->count, MAX_NODES_DEFAULT);
    assert_true(cluster->cap_reported);
    view_free(view);
    free(text);
    script_free(script);
}

static void nodes_are_asked_only_where_that_is_allowed(void **state)
{
    struct script *script = script_new("10.0.0.1:7000", LABEL_AUTO);
    struct cluster *cluster = script->cluster;
    struct view *view = view_as("n0 10.0.0.1:7000@17000 master - 0 0 1 connected\n"
                                "n1 10.0.0.2:7000@17000 master - 0 0 1 connected\n"
                                "n2 127.0.0.1:7000@17000 master - 0 0 1 connected\n"
                                "n3 10.0.0.3:22@17000 master - 0 0 1 connected\n"
                                "n4 fd00::5:7000@17000 master - 0 0 1 connected\n",
                                "n0");
    (void)state;
    log_init(LOG_ERROR, LOG_LOGFMT);
    cluster->options.allow_nodes = "10.0.0.*:7000, [fd00::*]:*";
    cluster_prepare(cluster);
    assert_int_equal(cluster_learn(cluster, cluster->member[0], view), OUTCOME_OK);
    assert_int_equal(cluster->count, 3);
    assert_string_equal(cluster->member[1]->address.host, "10.0.0.2");
    assert_string_equal(cluster->member[2]->address.host, "fd00::5");
    assert_true(cluster->fence_reported);
    view_free(view);
    script_free(script);
}

static void a_node_is_not_followed_to_where_none_may_be_asked(void **state)
{
    struct script *script = script_new("10.0.0.1:7000", LABEL_AUTO);
    struct cluster *cluster = script->cluster;
    struct view *before = view_as("n0 10.0.0.1:7000@17000 master - 0 0 1 connected\n"
                                  "n1 10.0.0.2:7000@17000 master - 0 0 1 connected\n",
                                  "n0");
    struct view *after = view_as("n0 10.0.0.1:7000@17000 master - 0 0 1 connected\n"
                                 "n1 192.0.2.2:7000@17000 master - 0 0 1 connected\n",
                                 "n0");
    (void)state;
    log_init(LOG_ERROR, LOG_LOGFMT);
    cluster->options.allow_nodes = "10.*:7000";
    cluster_prepare(cluster);
    cluster_learn(cluster, cluster->member[0], before);
    cluster->member[0]->view = after;
    cluster_locate(cluster);
    assert_string_equal(cluster->member[1]->address.host, "10.0.0.2");
    cluster->member[0]->view = NULL;
    view_free(before);
    view_free(after);
    script_free(script);
}

// --- Who leaves, who stays ---

static void node_that_was_forgotten_and_reset_leaves(void **state)
{
    static const char alone[] = "n3 10.0.0.3:7000@17000 master - 0 0 0 connected\n";
    struct script *script = script_new("10.0.0.1:7000", LABEL_AUTO);
    char *two = replaced(three, "n3 10.0.0.3:7000@17000 slave n1 0 0 1 connected\n", "");
    (void)state;
    serve_all(script, three, 3);
    scrape(script);
    script->server_count = 0;
    serve_all(script, two, 2);
    serve(script, "10.0.0.3:7000", "n3", alone);
    scrape(script);
    check_members(script, "10.0.0.1:7000=n1 10.0.0.2:7000=n2");
    assert_span(buf_view(&script->dropped), "n3");
    script_free(script);
    free(two);
}

static void node_that_was_forgotten_but_knows_its_peers_leaves(void **state)
{
    struct script *script = script_new("10.0.0.1:7000", LABEL_AUTO);
    char *two = replaced(three, "n3 10.0.0.3:7000@17000 slave n1 0 0 1 connected\n", "");
    (void)state;
    serve_all(script, three, 3);
    scrape(script);
    script->server[0].nodes = two;
    script->server[1].nodes = two;
    scrape(script);
    check_members(script, "10.0.0.1:7000=n1 10.0.0.2:7000=n2");
    assert_span(buf_view(&script->dropped), "n3");
    script_free(script);
    free(two);
}

static void node_that_was_forgotten_and_is_gone_leaves(void **state)
{
    struct script *script = script_new("10.0.0.1:7000", LABEL_AUTO);
    char *two = replaced(three, "n3 10.0.0.3:7000@17000 slave n1 0 0 1 connected\n", "");
    (void)state;
    serve_all(script, three, 3);
    scrape(script);
    script->server_count = 0;
    serve_all(script, two, 2);
    scrape(script);
    check_members(script, "10.0.0.1:7000=n1 10.0.0.2:7000=n2");
    script_free(script);
    free(two);
}

static void node_that_is_down_stays_while_anyone_lists_it(void **state)
{
    struct script *script = script_new("10.0.0.1:7000", LABEL_AUTO);
    char *two = replaced(three, "n3 10.0.0.3:7000@17000 slave n1 0 0 1 connected\n", "");
    (void)state;
    serve_all(script, three, 3);
    scrape(script);
    kill_server(script, "10.0.0.3:7000");
    script->server[0].nodes = two; // one of the two has forgotten it already
    scrape(script);
    check_members(script, all_three);
    script_free(script);
    free(two);
}

static void last_survivor_of_its_group_stays(void **state)
{
    struct script *script = script_new("10.0.0.1:7000", LABEL_AUTO);
    (void)state;
    serve_all(script, three, 3);
    scrape(script);
    kill_server(script, "10.0.0.1:7000");
    kill_server(script, "10.0.0.3:7000");
    scrape(script);
    check_members(script, all_three);
    script_free(script);
}

// Two halves, of which one has been cut down to a node that knows only the dead ones.
static void survivor_that_knows_only_unreadable_peers_stays(void **state)
{
    static const char left[] = "n1 10.0.0.1:7000@17000 master - 0 0 1 connected 0-16383\n"
                               "n2 10.0.0.2:7000@17000 slave n1 0 0 1 connected\n";
    static const char right[] = "n3 10.0.0.3:7000@17000 master - 0 0 1 connected\n"
                                "n4 10.0.0.4:7000@17000 slave n3 0 0 1 connected\n";
    struct script *script = script_new("10.0.0.1:7000 10.0.0.3:7000", LABEL_AUTO);
    (void)state;
    serve(script, "10.0.0.1:7000", "n1", left);
    serve(script, "10.0.0.2:7000", "n2", left);
    serve(script, "10.0.0.3:7000", "n3", right);
    serve(script, "10.0.0.4:7000", "n4", right);
    scrape(script);
    kill_server(script, "10.0.0.4:7000");
    scrape(script);
    check_members(script, "10.0.0.1:7000=n1 10.0.0.2:7000=n2 10.0.0.3:7000=n3 10.0.0.4:7000=n4");
    script_free(script);
}

static void all_stay_when_none_can_be_read(void **state)
{
    struct script *script = script_new("10.0.0.1:7000", LABEL_AUTO);
    (void)state;
    serve_all(script, three, 3);
    scrape(script);
    script->server_count = 0;
    scrape(script);
    check_members(script, all_three);
    assert_true(script->cluster->lost);
    assert_int_equal(script->dropped.length, 0);
    script_free(script);
}

static void lost_cluster_is_looked_for_at_the_seeds_again(void **state)
{
    static const char moved[] = "n1 10.0.1.1:7000@17000 master - 0 0 1 connected 0-8191\n"
                                "n2 10.0.1.2:7000@17000 master - 0 0 2 connected 8192-16383\n"
                                "n3 10.0.1.3:7000@17000 slave n1 0 0 1 connected\n";
    struct script *script = script_new("seed.example:7000", LABEL_AUTO);
    (void)state;
    serve_all(script, three, 3);
    serve(script, "seed.example:7000", "n2", three);
    scrape(script);
    check_members(script, all_three);
    script->server_count = 0;
    scrape(script); // everybody moved: nobody is at home
    serve(script, "10.0.1.1:7000", "n1", moved);
    serve(script, "10.0.1.2:7000", "n2", moved);
    serve(script, "10.0.1.3:7000", "n3", moved);
    serve(script, "seed.example:7000", "n2", moved);
    scrape(script);
    check_members(script, "10.0.1.1:7000=n1 10.0.1.2:7000=n2 10.0.1.3:7000=n3");
    check_all_answer(script);
    script->server_count = 0; // everybody moves once more, and is found at once
    serve_all(script, three, 3);
    serve(script, "seed.example:7000", "n1", three);
    scrape(script);
    check_members(script, all_three);
    check_all_answer(script);
    script_free(script);
}

// --- Seeds of a cluster that is not seen whole ---

static const char pair[] = "n2 10.0.0.2:7000@17000 master - 0 0 1 connected 0-16383\n"
                           "n3 10.0.0.3:7000@17000 slave n2 0 0 1 connected\n";

static void seed_that_knows_nobody_does_not_lock_out_the_others(void **state)
{
    struct script *script = script_new("10.0.0.1:7000 10.0.0.2:7000", LABEL_AUTO);
    (void)state;
    serve(script, "10.0.0.1:7000", "n1", "n1 10.0.0.1:7000@17000 master - 0 0 0 connected\n");
    scrape(script);
    check_members(script, "10.0.0.1:7000=n1");
    serve(script, "10.0.0.2:7000", "n2", pair);
    serve(script, "10.0.0.3:7000", "n3", pair);
    scrape(script);
    check_members(script, all_three); // the one on its own is to be seen as such
    scrape(script);
    check_members(script, all_three);
    check_all_answer(script);
    script_free(script);
}

static void seed_that_told_its_id_is_not_asked_again(void **state)
{
    struct script *script = script_new("10.0.0.1:7000 one.example:7000 10.9.9.9:7000", LABEL_AUTO);
    static const char lone[] = "n1 10.0.0.1:7000@17000 master - 0 0 0 connected\n";
    (void)state;
    serve(script, "10.0.0.1:7000", "n1", lone);
    serve(script, "one.example:7000", "n1", lone);
    scrape(script);
    assert_span(buf_view(&script->asked), "10.0.0.1:7000 one.example:7000 10.9.9.9:7000");
    script->cluster->incomplete = true;
    scrape(script);
    assert_span(buf_view(&script->asked), "10.0.0.1:7000 10.9.9.9:7000");
    check_members(script, "10.0.0.1:7000=n1");
    script_free(script);
}

static void seeds_of_a_whole_cluster_are_left_alone(void **state)
{
    struct script *script = script_new("10.9.9.9:7000 10.0.0.1:7000", LABEL_AUTO);
    (void)state;
    serve_all(script, three, 3);
    scrape(script);
    scrape(script);
    assert_span(buf_view(&script->asked), "10.0.0.1:7000 10.0.0.2:7000 10.0.0.3:7000");
    script_free(script);
}

static void seed_that_was_forgotten_but_answers_stays(void **state)
{
    struct script *script = script_new("10.0.0.3:7000", LABEL_AUTO);
    char *two = replaced(three, "n3 10.0.0.3:7000@17000 slave n1 0 0 1 connected\n", "");
    (void)state;
    serve_all(script, three, 3);
    scrape(script);
    script->server[0].nodes = two;
    script->server[1].nodes = two;
    scrape(script);
    check_members(script, all_three);
    kill_server(script, "10.0.0.3:7000");
    scrape(script);
    check_members(script, "10.0.0.1:7000=n1 10.0.0.2:7000=n2");
    script_free(script);
    free(two);
}

static void group_of_another_seed_stays_while_all_of_it_is_down(void **state)
{
    static const char left[] = "n1 10.0.0.1:7000@17000 master - 0 0 1 connected 0-16383\n";
    struct script *script = script_new("10.0.0.1:7000 10.0.0.2:7000", LABEL_AUTO);
    (void)state;
    serve(script, "10.0.0.1:7000", "n1", left);
    serve(script, "10.0.0.2:7000", "n2", pair);
    serve(script, "10.0.0.3:7000", "n3", pair);
    scrape(script);
    check_members(script, all_three);
    for (int round = 0; round < 2; round++) {
        script->server_count = 1;
        scrape(script);
        scrape(script);
        check_members(script, all_three);
        serve(script, "10.0.0.2:7000", "n2", pair);
        serve(script, "10.0.0.3:7000", "n3", pair);
        scrape(script);
        check_members(script, all_three);
        check_all_answer(script);
    }
    script_free(script);
}

// --- Addresses that do not work from here ---

static void node_is_asked_where_it_answers_and_labelled_by_what_it_announces(void **state)
{
    static const char nodes[] = "n1 10.0.0.1:7000@17000 master - 0 0 1 connected 0-16383\n"
                                "n2 10.0.0.2:7000@17000 slave n1 0 0 1 connected\n";
    struct script *script = script_new("nat.example:7001 nat.example:7002", LABEL_AUTO);
    (void)state;
    serve(script, "nat.example:7001", "n1", nodes);
    serve(script, "nat.example:7002", "n2", nodes);
    for (int round = 0; round < 3; round++) {
        scrape(script);
        check_members(script, "10.0.0.1:7000=n1 10.0.0.2:7000=n2");
        check_all_answer(script);
    }
    assert_span(buf_view(&script->asked), "nat.example:7001 nat.example:7002");
    kill_server(script, "nat.example:7002");
    scrape(script);
    check_members(script, "10.0.0.1:7000=n1 10.0.0.2:7000=n2");
    assert_int_equal(script->cluster->member[1]->outcome, OUTCOME_REFUSED);
    revive_server(script, "nat.example:7002");
    scrape(script);
    check_all_answer(script);
    script_free(script);
}

static void seed_takes_the_place_of_a_member_that_fails_at_its_address(void **state)
{
    static const char nodes[] = "n1 10.0.0.1:7000@17000 master - 0 0 1 connected 0-16383\n";
    struct script *script = script_new("one.example:7000 10.0.0.1:7000", LABEL_AUTO);
    (void)state;
    serve(script, "10.0.0.1:7000", "n1", nodes);
    scrape(script);
    check_members(script, "10.0.0.1:7000=n1");
    script->server_count = 0;
    serve(script, "one.example:7000", "n1", nodes);
    scrape(script);
    check_members(script, "10.0.0.1:7000=n1");
    check_all_answer(script);
    assert_int_equal(script->cluster->count, 1);
    script_free(script);
}

// The name of a service leads to any of the nodes.
static void node_that_is_no_longer_behind_its_seed_is_asked_at_its_address(void **state)
{
    struct script *script = script_new("service.example:7000", LABEL_AUTO);
    (void)state;
    serve_all(script, three, 3);
    serve(script, "service.example:7000", "n1", three);
    kill_server(script, "10.0.0.1:7000"); // not yet ready for its own address
    scrape(script);
    check_members(script, all_three);
    revive_server(script, "10.0.0.1:7000");
    known_server_at(script, "service.example:7000")->id = "n2";
    scrape(script);
    check_members(script, all_three);
    check_all_answer(script);
    script_free(script);
}

static void strangers_before_meet_all_stay(void **state)
{
    struct script *script = script_new("10.0.0.1:7000 10.0.0.2:7000", LABEL_AUTO);
    (void)state;
    serve(script, "10.0.0.1:7000", "n1", "n1 :7000@17000 master - 0 0 0 connected\n");
    serve(script, "10.0.0.2:7000", "n2", "n2 :7000@17000 master - 0 0 0 connected\n");
    scrape(script);
    scrape(script);
    check_members(script, "10.0.0.1:7000=n1 10.0.0.2:7000=n2");
    script_free(script);
}

static void nodes_that_have_all_forgotten_each_other_stay(void **state)
{
    struct script *script = script_new("10.0.0.1:7000", LABEL_AUTO);
    (void)state;
    serve_all(script, three, 3);
    scrape(script);
    script->server_count = 0;
    serve(script, "10.0.0.2:7000", "n2", "n2 10.0.0.2:7000@17000 master - 0 0 0 connected\n");
    serve(script, "10.0.0.3:7000", "n3", "n3 10.0.0.3:7000@17000 master - 0 0 0 connected\n");
    scrape(script);
    check_members(script, "10.0.0.2:7000=n2 10.0.0.3:7000=n3");
    script_free(script);
}

static void lone_node_stays(void **state)
{
    struct script *script = script_new("10.0.0.1:7000", LABEL_AUTO);
    (void)state;
    serve(script, "10.0.0.1:7000", "n1", "n1 :7000@17000 master - 0 0 0 connected 0-16383\n");
    scrape(script);
    scrape(script);
    check_members(script, "10.0.0.1:7000=n1");
    script_free(script);
}

static void members_without_a_view_stay_while_peers_list_them(void **state)
{
    struct script *script = script_new("10.0.0.1:7000", LABEL_AUTO);
    (void)state;
    serve_all(script, three, 3);
    script->server[2].nodes = NULL; // loading
    scrape(script);
    scrape(script);
    check_members(script, all_three);
    script_free(script);
}

// --- Another node at a known address ---

static void wrong_node_teaches_nothing(void **state)
{
    static const char other[] = "x9 10.0.0.3:7000@17000 master - 0 0 1 connected\n"
                                "x8 10.0.0.8:7000@17000 slave x9 0 0 1 connected\n";
    struct script *script = script_new("10.0.0.1:7000", LABEL_AUTO);
    (void)state;
    serve_all(script, three, 3);
    scrape(script);
    script->server[2] = (struct server){"10.0.0.3:7000", "x9", other, OUTCOME_OK};
    scrape(script);
    check_members(script, all_three);
    assert_int_equal(script->cluster->member[2]->outcome, OUTCOME_WRONG_NODE);
    script_free(script);
}

static void node_that_came_back_with_a_new_id_replaces_the_old(void **state)
{
    static const char meanwhile[] = "n1 10.0.0.1:7000@17000 master - 0 0 1 connected 0-8191\n"
                                    "n2 10.0.0.2:7000@17000 master - 0 0 2 connected 8192-16383\n"
                                    "n3 10.0.0.3:7000@17000 slave,fail n1 0 0 1 disconnected\n"
                                    "n4 10.0.0.3:7000@17000 slave n1 0 0 1 connected\n";
    struct script *script = script_new("10.0.0.1:7000", LABEL_AUTO);
    (void)state;
    serve_all(script, three, 3);
    scrape(script);
    script->server_count = 0;
    serve_all(script, meanwhile, 2);
    serve(script, "10.0.0.3:7000", "n4", meanwhile);
    scrape(script);
    // The one that answers has the label of the address, the other goes by its id.
    check_members(script, "10.0.0.1:7000=n1 10.0.0.2:7000=n2 10.0.0.3:7000=n4 n3=n3");
    char *after =
        replaced(meanwhile, "n3 10.0.0.3:7000@17000 slave,fail n1 0 0 1 disconnected\n", "");
    script->server_count = 0;
    serve_all(script, after, 2);
    serve(script, "10.0.0.3:7000", "n4", after);
    scrape(script);
    check_members(script, "10.0.0.1:7000=n1 10.0.0.2:7000=n2 10.0.0.3:7000=n4");
    script_free(script);
    free(after);
}

static void only_node_that_came_back_with_a_new_id_is_found_again(void **state)
{
    struct script *script = script_new("10.0.0.1:7000", LABEL_AUTO);
    (void)state;
    serve(script, "10.0.0.1:7000", "n1", "n1 10.0.0.1:7000@17000 master - 0 0 1 connected\n");
    scrape(script);
    script->server_count = 0;
    serve(script, "10.0.0.1:7000", "n2", "n2 10.0.0.1:7000@17000 master - 0 0 1 connected\n");
    scrape(script);
    scrape(script);
    check_members(script, "10.0.0.1:7000=n2");
    script_free(script);
}

// --- Addresses ---

static void own_empty_ip_falls_back_to_the_address_reached(void **state)
{
    static const char nodes[] = "n1 :7000@17000 master - 0 0 1 connected 0-16383\n";
    struct script *script = script_new("seed.example:7777", LABEL_AUTO);
    (void)state;
    serve(script, "seed.example:7777", "n1", nodes);
    scrape(script);
    check_members(script, "seed.example:7777=n1");
    scrape(script);
    assert_span(buf_view(&script->asked), "seed.example:7777");
    script_free(script);
}

static void peers_know_the_address_of_a_node_that_does_not(void **state)
{
    char *own = replaced(three, "n1 10.0.0.1:7000", "n1 :7000");
    struct script *script = script_new("seed.example:7777", LABEL_AUTO);
    (void)state;
    serve(script, "seed.example:7777", "n1", own);
    serve(script, "10.0.0.1:7000", "n1", own);
    serve(script, "10.0.0.2:7000", "n2", three);
    serve(script, "10.0.0.3:7000", "n3", three);
    scrape(script);
    check_members(script, all_three);
    script_free(script);
    free(own);
}

static void address_is_the_one_that_most_peers_hold(void **state)
{
    static const char five[] = "n1 10.0.0.1:7000@17000 master - 0 0 1 connected\n"
                               "n2 10.0.0.2:7000@17000 master - 0 0 2 connected\n"
                               "n3 10.0.0.3:7000@17000 slave n1 0 0 1 connected\n"
                               "n4 10.0.0.4:7000@17000 slave n1 0 0 1 connected\n";
    char *old = replaced(five, "10.0.0.4:7000", "10.9.9.9:7000");
    struct script *script = script_new("10.0.0.1:7000", LABEL_AUTO);
    (void)state;
    serve(script, "10.0.0.1:7000", "n1", old);
    serve(script, "10.0.0.2:7000", "n2", five);
    serve(script, "10.0.0.3:7000", "n3", five);
    serve(script, "10.9.9.9:7000", "n4", old); // reached at the old address, and still tells it
    scrape(script);
    check_members(script, "10.0.0.1:7000=n1 10.0.0.2:7000=n2 10.0.0.3:7000=n3 10.0.0.4:7000=n4");
    script_free(script);
    free(old);
}

static void node_that_moved_is_followed(void **state)
{
    char *moved = replaced(three, "10.0.0.3:7000", "10.0.0.33:7001");
    struct script *script = script_new("10.0.0.1:7000", LABEL_AUTO);
    (void)state;
    serve_all(script, three, 3);
    scrape(script);
    script->server_count = 0;
    serve_all(script, moved, 2);
    serve(script, "10.0.0.33:7001", "n3", moved);
    scrape(script);
    check_members(script, "10.0.0.1:7000=n1 10.0.0.2:7000=n2 10.0.0.33:7001=n3");
    assert_int_equal(script->cluster->member[2]->outcome, OUTCOME_OK);
    script_free(script);
    free(moved);
}

static void handshake_lines_do_not_move_a_node(void **state)
{
    char *shaking = replaced(three, "n3 10.0.0.3:7000@17000 slave n1 0 0 1 connected",
                             "n3 10.9.9.9:7000@17000 handshake - 0 0 0 disconnected");
    struct script *script = script_new("10.0.0.1:7000", LABEL_AUTO);
    (void)state;
    serve_all(script, three, 3);
    scrape(script);
    script->server[0].nodes = shaking;
    scrape(script);
    check_members(script, all_three);
    script_free(script);
    free(shaking);
}

// --- Labels ---

static const char named[] = "n1 10.0.0.1:7000@17000,one.example master - 0 0 1 connected\n"
                            "n2 10.0.0.2:7000@17000,two.example slave n1 0 0 1 connected\n"
                            "n3 2001:db8::3:7000@17000 slave n1 0 0 1 connected\n";

static void labels_follow_the_policy(void **state)
{
    static const struct {
        enum node_label policy;
        const char *expected;
    } cases[] = {
        {LABEL_AUTO, "[2001:db8::3]:7000=n3 one.example:7000=n1 two.example:7000=n2"},
        {LABEL_HOSTNAME, "[2001:db8::3]:7000=n3 one.example=n1 two.example=n2"},
        {LABEL_ADDRESS, "10.0.0.1:7000=n1 10.0.0.2:7000=n2 [2001:db8::3]:7000=n3"},
        {LABEL_ID, "n1=n1 n2=n2 n3=n3"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct script *script = script_new("10.0.0.1:7000", cases[i].policy);
        serve(script, "10.0.0.1:7000", "n1", named);
        serve(script, "10.0.0.2:7000", "n2", named);
        serve(script, "[2001:db8::3]:7000", "n3", named);
        scrape(script);
        check_members(script, cases[i].expected);
        script_free(script);
    }
}

static void members_stand_in_the_order_of_their_labels(void **state)
{
    static const char nodes[] = "b 10.0.0.10:7000@17000 master - 0 0 1 connected\n"
                                "c 10.0.0.9:10000@20000 slave b 0 0 1 connected\n"
                                "a 10.0.0.9:7000@17000 slave b 0 0 1 connected\n";
    struct script *script = script_new("10.0.0.10:7000", LABEL_AUTO);
    (void)state;
    serve(script, "10.0.0.10:7000", "b", nodes);
    scrape(script);
    check_members(script, "10.0.0.9:7000=a 10.0.0.9:10000=c 10.0.0.10:7000=b");
    script_free(script);
}

static void shared_host_name_and_port_are_no_label(void **state)
{
    static const char nodes[] = "n1 10.0.0.1:7000@17000,same.example master - 0 0 1 connected\n"
                                "n2 10.0.0.2:7000@17000,same.example slave n1 0 0 1 connected\n"
                                "n3 10.0.0.3:7000@17000,same.example slave n1 0 0 1 connected\n";
    struct script *script = script_new("10.0.0.2:7000", LABEL_HOSTNAME);
    (void)state;
    serve(script, "10.0.0.2:7000", "n2", nodes);
    scrape(script);
    check_members(script, "n1=n1 n2=n2 n3=n3");
    script_free(script);
}

static void shared_host_name_gets_the_port_whoever_answers(void **state)
{
    static const char nodes[] = "n1 10.0.0.1:7001@17000,same.example master - 0 0 1 connected\n"
                                "n2 10.0.0.1:7002@17000,same.example slave n1 0 0 1 connected\n"
                                "n3 10.0.0.3:7003@17000,other.example slave n1 0 0 1 connected\n";
    static const char expected[] = "other.example=n3 same.example:7001=n1 same.example:7002=n2";
    struct script *script = script_new("10.0.0.1:7001", LABEL_HOSTNAME);
    (void)state;
    serve(script, "10.0.0.1:7001", "n1", nodes);
    serve(script, "10.0.0.1:7002", "n2", nodes);
    serve(script, "10.0.0.3:7003", "n3", nodes);
    scrape(script);
    check_members(script, expected);
    scrape(script);
    check_members(script, expected);
    kill_server(script, "10.0.0.1:7001");
    scrape(script);
    check_members(script, expected);
    script_free(script);
}

static void shared_address_is_the_label_of_the_lower_id_when_none_answers(void **state)
{
    static const char one[] = "n1 10.0.0.1:7000@17000 master - 0 0 1 connected\n";
    static const char b[] = "b 10.0.0.9:7000@17000 slave n1 0 0 1 connected\n";
    static const char a[] = "a 10.0.0.9:7000@17000 slave n1 0 0 1 connected\n";
    (void)state;
    for (int order = 0; order <= 1; order++) {
        struct script *script = script_new("10.0.0.1:7000", LABEL_AUTO);
        struct buf nodes = BUF_EMPTY;
        buf_format(&nodes, "%s%s%s", one, order ? a : b, order ? b : a);
        char *text = buf_take(&nodes);
        serve(script, "10.0.0.1:7000", "n1", text);
        for (int round = 0; round < 3; round++) {
            scrape(script);
            check_members(script, "10.0.0.1:7000=n1 10.0.0.9:7000=a b=b");
        }
        script_free(script);
        free(text);
    }
}

static void check_unique_labels(const struct cluster *cluster, uint64_t run)
{
    for (size_t i = 0; i < cluster->count; i++) {
        for (size_t j = i + 1; j < cluster->count; j++) {
            if (strcmp(cluster->member[i]->label, cluster->member[j]->label) == 0) {
                print_error("run %llu: %s twice, ids \"%s\" and \"%s\"\n", (unsigned long long)run,
                            cluster->member[i]->label, cluster->member[i]->id,
                            cluster->member[j]->id);
                fail();
            }
        }
    }
}

// Few addresses and names for many nodes, views that disagree, nodes that come and go.
static char *random_nodes(uint64_t *seed)
{
    static const char *const names[] = {"", "", ",same.example", ",other.example"};
    struct buf text = BUF_EMPTY;
    for (uint32_t i = 0; i < 6; i++) {
        buf_format(&text, "n%u 10.0.0.%u:7000@17000%s master - 0 0 %u connected\n", i,
                   random_below(seed, 8) == 0 ? random_below(seed, 6) : i,
                   names[random_below(seed, COUNT(names))], i);
    }
    return buf_take(&text);
}

static void labels_are_unique_whatever_the_nodes_say(void **state)
{
    static const char *const addresses[] = {"10.0.0.0:7000", "10.0.0.1:7000", "10.0.0.2:7000",
                                            "10.0.0.3:7000", "10.0.0.4:7000", "10.0.0.5:7000"};
    static const char *const ids[] = {"n0", "n1", "n2", "n3", "n4", "n5"};
    (void)state;
    log_init(LOG_ERROR, LOG_LOGFMT);
    for (uint64_t run = 0; run < 300; run++) {
        uint64_t seed = run;
        enum node_label policy = (enum node_label)random_below(&seed, 4);
        struct script *script = script_new("10.0.0.0:7000 10.0.0.1:7000", policy);
        for (int round = 0; round < 4; round++) {
            char *nodes[6];
            script->server_count = 0;
            for (size_t i = 0; i < 6; i++) {
                nodes[i] = random_nodes(&seed);
                serve(script, addresses[i], ids[random_below(&seed, 5) == 0 ? 0 : i], nodes[i]);
                if (random_below(&seed, 4) == 0) {
                    script->server[i].outcome = OUTCOME_TIMEOUT;
                }
            }
            scrape(script);
            check_unique_labels(script->cluster, run);
            for (size_t i = 0; i < 6; i++) {
                free(nodes[i]);
            }
        }
        script_free(script);
    }
}

// A reply may name an id twice; the node is one all the same.
static void id_named_twice_by_a_view_is_one_member(void **state)
{
    static const char nodes[] = "n1 10.0.0.1:7000@17000 master - 0 0 1 connected\n"
                                "n2 10.0.0.2:7000@17000 slave n1 0 0 1 connected\n"
                                "n2 10.0.0.3:7000@17000 slave n1 0 0 1 connected\n";
    (void)state;
    for (int with_seed = 0; with_seed <= 1; with_seed++) {
        struct script *script =
            script_new(with_seed ? "10.0.0.1:7000 10.0.0.2:7000" : "10.0.0.1:7000", LABEL_ID);
        serve(script, "10.0.0.1:7000", "n1", nodes);
        scrape(script);
        assert_int_equal(script->cluster->count, 2);
        assert_span(buf_view(&script->asked), "10.0.0.1:7000 10.0.0.2:7000");
        script_free(script);
    }
}

static void freeing_nothing_is_fine(void **state)
{
    (void)state;
    cluster_free(NULL);
}

static int quiet(void **state)
{
    (void)state;
    log_init(LOG_ERROR, LOG_LOGFMT);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_stay_while_a_seed_leads_to_them),
        cmocka_unit_test(members_to_which_no_seed_leads_go),
        cmocka_unit_test(labels_follow_another_policy_at_once),
        cmocka_unit_test(one_seed_leads_to_all_nodes),
        cmocka_unit_test(seeds_that_are_members_are_asked_once),
        cmocka_unit_test(seed_takes_the_id_that_a_view_gives_its_address),
        cmocka_unit_test(seed_under_another_name_gives_way_to_the_member),
        cmocka_unit_test(seed_that_does_not_answer_is_of_no_use),
        cmocka_unit_test(seeds_stay_while_none_answers),
        cmocka_unit_test(servers_without_cluster_mode_stay_as_seeds),
        cmocka_unit_test(nodes_without_address_or_still_shaking_hands_are_not_members),
        cmocka_unit_test(node_with_only_a_host_name_is_found_by_it),
        cmocka_unit_test(new_node_joins_in_the_same_scrape),
        cmocka_unit_test(more_nodes_than_the_cap_are_not_asked),
        cmocka_unit_test(nodes_are_asked_only_where_that_is_allowed),
        cmocka_unit_test(a_node_is_not_followed_to_where_none_may_be_asked),
        cmocka_unit_test(node_that_was_forgotten_and_reset_leaves),
        cmocka_unit_test(node_that_was_forgotten_but_knows_its_peers_leaves),
        cmocka_unit_test(node_that_was_forgotten_and_is_gone_leaves),
        cmocka_unit_test(node_that_is_down_stays_while_anyone_lists_it),
        cmocka_unit_test(last_survivor_of_its_group_stays),
        cmocka_unit_test(survivor_that_knows_only_unreadable_peers_stays),
        cmocka_unit_test(all_stay_when_none_can_be_read),
        cmocka_unit_test(lost_cluster_is_looked_for_at_the_seeds_again),
        cmocka_unit_test(seed_that_knows_nobody_does_not_lock_out_the_others),
        cmocka_unit_test(seed_that_told_its_id_is_not_asked_again),
        cmocka_unit_test(seeds_of_a_whole_cluster_are_left_alone),
        cmocka_unit_test(seed_that_was_forgotten_but_answers_stays),
        cmocka_unit_test(group_of_another_seed_stays_while_all_of_it_is_down),
        cmocka_unit_test(node_is_asked_where_it_answers_and_labelled_by_what_it_announces),
        cmocka_unit_test(seed_takes_the_place_of_a_member_that_fails_at_its_address),
        cmocka_unit_test(node_that_is_no_longer_behind_its_seed_is_asked_at_its_address),
        cmocka_unit_test(strangers_before_meet_all_stay),
        cmocka_unit_test(nodes_that_have_all_forgotten_each_other_stay),
        cmocka_unit_test(lone_node_stays),
        cmocka_unit_test(members_without_a_view_stay_while_peers_list_them),
        cmocka_unit_test(wrong_node_teaches_nothing),
        cmocka_unit_test(node_that_came_back_with_a_new_id_replaces_the_old),
        cmocka_unit_test(only_node_that_came_back_with_a_new_id_is_found_again),
        cmocka_unit_test(own_empty_ip_falls_back_to_the_address_reached),
        cmocka_unit_test(peers_know_the_address_of_a_node_that_does_not),
        cmocka_unit_test(address_is_the_one_that_most_peers_hold),
        cmocka_unit_test(node_that_moved_is_followed),
        cmocka_unit_test(handshake_lines_do_not_move_a_node),
        cmocka_unit_test(labels_follow_the_policy),
        cmocka_unit_test(members_stand_in_the_order_of_their_labels),
        cmocka_unit_test(shared_host_name_and_port_are_no_label),
        cmocka_unit_test(shared_host_name_gets_the_port_whoever_answers),
        cmocka_unit_test(shared_address_is_the_label_of_the_lower_id_when_none_answers),
        cmocka_unit_test(labels_are_unique_whatever_the_nodes_say),
        cmocka_unit_test(id_named_twice_by_a_view_is_one_member),
        cmocka_unit_test(freeing_nothing_is_fine),
    };
    return cmocka_run_group_tests_name("cluster", tests, quiet, NULL);
}
