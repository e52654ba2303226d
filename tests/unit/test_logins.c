#include "web/logins.h"

#include <arpa/inet.h>
#include <crypt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "support.h"

struct scene {
    struct event_base *base;
    struct logins *logins;
};

static struct web_user user_of(const char *name, const char *password)
{
    struct crypt_data *data = mem_new(1, sizeof(*data));
    const char *hash = crypt_r(password, "$2b$04$abcdefghijklmnopqrstuu", data);
    struct web_user user = {mem_copy(name, strlen(name)), mem_copy(hash, strlen(hash))};
    free(data);
    return user;
}

static void clear_user(struct web_user *user)
{
    free(user->name);
    free(user->hash);
}

static int begin(void **state)
{
    struct scene *scene = mem_new(1, sizeof(*scene));
    struct web_user user[] = {user_of("alice", "right"), user_of("bob", "other")};
    scene->base = event_base_new();
    scene->logins = logins_new(scene->base);
    logins_set(scene->logins, user, COUNT(user));
    clear_user(&user[0]);
    clear_user(&user[1]);
    *state = scene;
    return 0;
}

static int end(void **state)
{
    struct scene *scene = *state;
    logins_free(scene->logins);
    event_base_free(scene->base);
    free(scene);
    return 0;
}

// The verdict, after the comparison if one is needed.
static enum login settle(struct scene *scene, const char *name, const char *password)
{
    enum login login = logins_judge(scene->logins, name, password, 1);
    for (int i = 0; login == LOGIN_PENDING && i < 10; i++) {
        event_base_loop(scene->base, EVLOOP_ONCE);
        login = logins_judge(scene->logins, name, password, 1);
    }
    return login;
}

static void verdicts_are_right_and_kept(void **state)
{
    struct scene *scene = *state;
    static const struct {
        const char *name;
        const char *password;
        enum login login;
    } cases[] = {{"alice", "right", LOGIN_GOOD}, {"alice", "wrong", LOGIN_BAD},
                 {"alice", "", LOGIN_BAD},       {"bob", "other", LOGIN_GOOD},
                 {"bob", "right", LOGIN_BAD},    {"carol", "right", LOGIN_BAD},
                 {"", "right", LOGIN_BAD}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(settle(scene, cases[i].name, cases[i].password), cases[i].login);
        assert_int_equal(logins_comparisons(scene->logins), i + 1);
    }
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(logins_judge(scene->logins, cases[i].name, cases[i].password, 2),
                         cases[i].login);
    }
    assert_int_equal(logins_comparisons(scene->logins), COUNT(cases));
}

// Names and passwords are told apart, not what they make together.
static void parts_do_not_run_into_each_other(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(settle(scene, "alice", "right"), LOGIN_GOOD);
    assert_int_equal(settle(scene, "alic", "eright"), LOGIN_BAD);
    assert_int_equal(settle(scene, "alicer", "ight"), LOGIN_BAD);
}

static void wrong_logins_never_drive_out_a_right_one(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(settle(scene, "alice", "right"), LOGIN_GOOD);
    for (int i = 0; i < 300; i++) {
        char password[16];
        snprintf(password, sizeof(password), "guess %d", i);
        assert_int_equal(settle(scene, i % 2 == 0 ? "alice" : "carol", password), LOGIN_BAD);
    }
    uint64_t before = logins_comparisons(scene->logins);
    assert_int_equal(logins_judge(scene->logins, "alice", "right", 1), LOGIN_GOOD);
    assert_int_equal(logins_judge(scene->logins, "carol", "guess 299", 1), LOGIN_BAD);
    assert_int_equal(logins_judge(scene->logins, "alice", "guess 0", 1), LOGIN_PENDING);
    assert_int_equal(logins_comparisons(scene->logins), before + 1);
}

static void one_client_does_not_fill_the_queue(void **state)
{
    struct scene *scene = *state;
    int of_client[12] = {0};
    for (uint64_t client = 0; client < COUNT(of_client); client++) {
        for (int i = 0; i < 10; i++) {
            char password[32];
            snprintf(password, sizeof(password), "%d %d", (int)client, i);
            enum login login = logins_judge(scene->logins, "alice", password, client);
            assert_true(login == LOGIN_PENDING || login == LOGIN_BUSY);
            of_client[client] += login == LOGIN_PENDING ? 1 : 0;
        }
    }
    for (size_t i = 0; i < COUNT(of_client); i++) {
        assert_int_equal(of_client[i], i < 8 ? 4 : 0); // 32 in all
    }
    assert_int_equal(logins_judge(scene->logins, "alice", "0 0", 99), LOGIN_PENDING);
}

static void new_users_keep_what_is_known_of_them(void **state)
{
    struct scene *scene = *state;
    struct web_user same = user_of("alice", "right");
    assert_int_equal(settle(scene, "alice", "right"), LOGIN_GOOD);
    assert_int_equal(settle(scene, "bob", "other"), LOGIN_GOOD);
    logins_set(scene->logins, &same, 1);
    assert_int_equal(logins_judge(scene->logins, "alice", "right", 1), LOGIN_GOOD);
    assert_int_equal(settle(scene, "bob", "other"), LOGIN_BAD);
    struct web_user changed = user_of("alice", "fresh");
    logins_set(scene->logins, &changed, 1);
    assert_int_equal(settle(scene, "alice", "right"), LOGIN_BAD);
    assert_int_equal(settle(scene, "alice", "fresh"), LOGIN_GOOD);
    clear_user(&same);
    clear_user(&changed);
}

// A verdict that comes after its user has gone is nobody's.
static void user_who_goes_while_compared_is_not_let_in(void **state)
{
    struct scene *scene = *state;
    struct web_user other = user_of("bob", "other");
    assert_int_equal(logins_judge(scene->logins, "alice", "right", 1), LOGIN_PENDING);
    logins_set(scene->logins, &other, 1);
    assert_int_equal(settle(scene, "alice", "right"), LOGIN_BAD);
    clear_user(&other);
}

static void it_may_end_while_passwords_wait(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(logins_judge(scene->logins, "alice", "a", 1), LOGIN_PENDING);
    assert_int_equal(logins_judge(scene->logins, "alice", "b", 1), LOGIN_PENDING);
    logins_stop(scene->logins);
    assert_int_equal(logins_judge(scene->logins, "alice", "c", 1), LOGIN_BUSY);
}

static uint64_t client(const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        return client_of((struct sockaddr *)&v4);
    }
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return client_of((struct sockaddr *)&v6);
}

static void clients_are_told_apart_by_network(void **state)
{
    (void)state;
    assert_true(client("10.0.0.1") == client("10.0.0.1"));
    assert_true(client("10.0.0.1") != client("10.0.0.2"));
    assert_true(client("::ffff:10.0.0.1") == client("10.0.0.1"));
    assert_true(client("::ffff:10.0.0.1") != client("::ffff:10.0.0.2"));
    assert_true(client("2001:db8::1") == client("2001:db8::ffff:2"));
    assert_true(client("2001:db8::1") != client("2001:db8:0:1::1"));
    assert_true(client_of(NULL) == client_of(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(verdicts_are_right_and_kept, begin, end),
        cmocka_unit_test_setup_teardown(parts_do_not_run_into_each_other, begin, end),
        cmocka_unit_test_setup_teardown(wrong_logins_never_drive_out_a_right_one, begin, end),
        cmocka_unit_test_setup_teardown(one_client_does_not_fill_the_queue, begin, end),
        cmocka_unit_test_setup_teardown(new_users_keep_what_is_known_of_them, begin, end),
        cmocka_unit_test_setup_teardown(user_who_goes_while_compared_is_not_let_in, begin, end),
        cmocka_unit_test_setup_teardown(it_may_end_while_passwords_wait, begin, end),
        cmocka_unit_test(clients_are_told_apart_by_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
