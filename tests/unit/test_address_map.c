#include "redis/address_map.h"

#include <stdlib.h>

#include "support.h"

// The rules are separated by blanks here, and each is given on its own.
static void add_rules(struct address_map *map, const char *rules)
{
    struct span rest = span_of(rules);
    struct span rule;
    while (span_cut(&rest, ' ', &rule)) {
        assert_null(address_map_add(map, guarded(rule)));
    }
}

static void check(const char *rules, const char *from, const char *expected)
{
    struct address_map map = {.count = 0};
    struct address address;
    struct buf text = BUF_EMPTY;
    add_rules(&map, rules);
    assert_true(address_parse(span_of(from), 0, &address));
    address_map_apply(&map, &address, &address);
    address_add(&text, address.host, address.port);
    assert_span(buf_view(&text), expected);
    buf_free(&text);
    address_map_clear(&map);
    guards_release();
}

static void rules_say_where_to_connect(void **state)
{
    static const struct {
        const char *rules;
        const char *from;
        const char *expected;
    } cases[] = {
        {"10.0.0.1:6379=127.0.0.1:16379", "10.0.0.1:6379", "127.0.0.1:16379"},
        {"10.0.0.1:6379=127.0.0.1:16379", "10.0.0.1:6380", "10.0.0.1:6380"},
        {"10.0.0.1:6379=127.0.0.1:16379", "10.0.0.2:6379", "10.0.0.2:6379"},
        {"10.0.0.1:6379=example.org", "10.0.0.1:6379", "example.org:6379"},
        {"10.0.0.1:6379=*:16379", "10.0.0.1:6379", "10.0.0.1:16379"},
        {"10.0.0.1=example.org", "10.0.0.1:7001", "example.org:7001"},
        {"10.0.0.1:*=example.org:*", "10.0.0.1:7001", "example.org:7001"},
        {"10.0.0.1=example.org:5", "10.0.0.1:7001", "example.org:5"},
        {"10.0.0.1=example.org", "10.0.0.10:7001", "10.0.0.10:7001"},
        {"*:6379=*:16379", "10.0.0.1:6379", "10.0.0.1:16379"},
        {"*:6379=127.0.0.1:16379", "10.0.0.1:6379", "127.0.0.1:16379"},
        {"*:6379=*:16379", "10.0.0.1:6380", "10.0.0.1:6380"},
        {"*=gateway", "10.0.0.1:6380", "gateway:6380"},
        {"*:*=gateway:*", "[2001:db8::1]:6380", "gateway:6380"},
        {"[2001:db8::1]:6379=[::1]:7000", "[2001:db8::1]:6379", "[::1]:7000"},
        {"[2001:db8::1]=127.0.0.1", "[2001:DB8:0::1]:6379", "127.0.0.1:6379"},
        {"[2001:DB8:0::1]=[::1]:*", "[2001:db8::1]:6379", "[::1]:6379"},
        {"Redis-1.internal=127.0.0.1", "redis-1.INTERNAL:6379", "127.0.0.1:6379"},
        {"", "10.0.0.1:6379", "10.0.0.1:6379"},
        {"a:1=b:2 b:2=c:3", "a:1", "b:2"}, // one step
        {"a:1=a:1 a=b", "a:1", "a:1"},     // an exception
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        check(cases[i].rules, cases[i].from, cases[i].expected);
    }
}

static void more_special_rules_come_first(void **state)
{
    static const char *const orders[] = {"a:1=exact a=host *:1=port *=any",
                                         "*=any *:1=port a=host a:1=exact"};
    (void)state;
    for (size_t i = 0; i < COUNT(orders); i++) {
        check(orders[i], "a:1", "exact:1");
        check(orders[i], "a:2", "host:2");
        check(orders[i], "b:1", "port:1");
        check(orders[i], "b:2", "any:2");
    }
}

static void several_rules_are_separated_by_commas(void **state)
{
    (void)state;
    check("a=b,c:1=d:2", "a:5", "b:5");
    check("a=b,c:1=d:2", "c:1", "d:2");
}

static void address_is_as_it_is_without_a_map(void **state)
{
    const struct address address = {.host = "a", .port = 1};
    struct address out;
    (void)state;
    address_map_apply(NULL, &address, &out);
    assert_true(address_equal(&out, &address));
}

static void bad_rules_are_refused(void **state)
{
    static const struct {
        const char *rules;
        const char *part; // of the reason
    } cases[] = {
        {"", "FROM=TO"},
        {"a", "FROM=TO"},
        {"a=", "FROM=TO"},
        {"=a", "FROM=TO"},
        {"a=b=c", "FROM=TO"},
        {"a:0=b", "FROM=TO"},
        {"a=b:70000", "FROM=TO"},
        {"a:=b", "FROM=TO"},
        {"::1=b", "FROM=TO"},
        {"a=b,,c=d", "FROM=TO"},
        {"[::1=b", "FROM=TO"},
        {"a*=b", "FROM=TO"},
        {"10.0.0.0/8=b", "FROM"},
        {"a:x=b", "FROM=TO"},
        {"a:1 b:2", "FROM=TO"},
        {"a=b,a=c", "two"},
        {"a:1=b,A:1=c", "two"},
        {"*:1=b,*:1=c", "two"},
        {"[::1]=a,[0::1]=b", "two"},
        {"redis://a=b", "FROM"},
        {"a=redis://b", "FROM"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address_map map = {.count = 0};
        const char *reason = address_map_add(&map, guarded_text(cases[i].rules));
        assert_non_null(reason);
        assert_non_null(strstr(reason, cases[i].part));
        address_map_clear(&map);
        guards_release();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_say_where_to_connect),
        cmocka_unit_test(more_special_rules_come_first),
        cmocka_unit_test(several_rules_are_separated_by_commas),
        cmocka_unit_test(address_is_as_it_is_without_a_map),
        cmocka_unit_test(bad_rules_are_refused),
    };
    return cmocka_run_group_tests_name("address_map", tests, NULL, NULL);
}
