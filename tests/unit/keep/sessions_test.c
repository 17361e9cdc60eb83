#include "database.h"

#include "keep/sessions.h"

enum { LIFETIME_MS = 60000, IDLE_MS = 10000 };

static struct sessions *open_sessions(struct database *database)
{
    const struct sessions_settings settings = {
        .clock = &database->clock.clock,
        .journal = &database->journal,
        .times = {.lifetime_ms = LIFETIME_MS, .idle_ms = IDLE_MS},
    };
    return sessions_new(&settings);
}

static struct users *users_of(const char *text)
{
    struct error error = {0};
    struct users *users = users_parse(slice_of_text(text), "users", &error);
    if (!users)
        fail_msg("%s", error.text);
    return users;
}

/* One session of the first of `users`. */
static struct sessions_new add(struct sessions *sessions, const struct users *users)
{
    struct sessions_new made;
    assert_int_equal(sessions_add(sessions, &users->items[0], "192.0.2.1", &made), SESSIONS_ADDED);
    return made;
}

static size_t revoked(const struct sessions *sessions)
{
    json_t *ids = sessions_revoked(sessions);
    size_t count = json_array_size(ids);
    json_decref(ids);
    return count;
}

static size_t living(const struct sessions *sessions)
{
    json_t *rows = sessions_describe(sessions);
    size_t count = json_array_size(rows);
    json_decref(rows);
    return count;
}

static void test_a_session_lives_and_is_taken_back(void **state)
{
    struct database *database = *state;
    struct sessions *sessions = open_sessions(database);
    struct users *users = users_of("ann:*:ops\n");
    struct sessions_new one = add(sessions, users), two = add(sessions, users);
    assert_string_not_equal(one.id, two.id);
    assert_int_equal(strlen(one.id), SESSIONS_ID_SIZE - 1);
    assert_int_equal(one.issued_ms, now_ms(database));
    assert_int_equal(one.expires_ms, now_ms(database) + LIFETIME_MS);
    assert_string_equal(sessions_user(sessions, one.id), "ann");
    assert_null(sessions_user(sessions, "nobody"));
    assert_null(sessions_user(sessions, NULL));
    assert_int_equal(living(sessions), 2);
    assert_true(sessions_revoke(sessions, one.id, "ann", "taken back"));
    assert_false(sessions_revoke(sessions, one.id, "ann", "taken back"));
    assert_false(sessions_use(sessions, one.id));
    assert_true(sessions_use(sessions, two.id));
    assert_int_equal(living(sessions), 1);
    assert_int_equal(revoked(sessions), 1);
    assert_int_equal(count_rows(database, "signed-out"), 1);
    sessions_free(&sessions);
    users_free(&users);
}

static void test_what_was_there_is_there_again(void **state)
{
    struct database *database = *state;
    struct sessions *sessions = open_sessions(database);
    struct users *users = users_of("ann:*:ops\n");
    struct sessions_new one = add(sessions, users), two = add(sessions, users);
    sessions_revoke(sessions, one.id, NULL, "taken back");
    pass_ms(database, IDLE_MS - 1);
    sessions_free(&sessions);
    reopen_database(database);
    sessions = open_sessions(database);
    assert_null(sessions_user(sessions, one.id));
    assert_string_equal(sessions_user(sessions, two.id), "ann");
    assert_int_equal(revoked(sessions), 1);
    assert_int_equal(sessions_check(sessions, users), 0);
    assert_int_equal(sessions_sweep(sessions), 0);
    pass_ms(database, 1); /* the time before the restart counts as idle as well */
    assert_int_equal(sessions_sweep(sessions), 1);
    sessions_free(&sessions);
    users_free(&users);
}

static void test_idle_and_lifetime(void **state)
{
    struct database *database = *state;
    struct sessions *sessions = open_sessions(database);
    struct users *users = users_of("ann:*:ops\n");
    struct sessions_new idle = add(sessions, users), used = add(sessions, users);
    for (int64_t at = 0; at < LIFETIME_MS - IDLE_MS; at += IDLE_MS / 2) {
        pass_ms(database, IDLE_MS / 2);
        assert_true(sessions_use(sessions, used.id));
        sessions_sweep(sessions);
    }
    assert_null(sessions_user(sessions, idle.id));
    assert_non_null(sessions_user(sessions, used.id));
    assert_int_equal(revoked(sessions), 1);
    pass_ms(database, IDLE_MS);
    assert_null(sessions_user(sessions, used.id)); /* its lifetime is over, used or not */
    assert_false(sessions_use(sessions, used.id));
    assert_int_equal(sessions_sweep(sessions), 0);
    assert_int_equal(revoked(sessions), 0); /* cookies that have expired need not be told */
    sessions_free(&sessions);
    reopen_database(database);
    sessions = open_sessions(database);
    assert_int_equal(living(sessions) + revoked(sessions), 0);
    sessions_free(&sessions);
    users_free(&users);
}

static void test_users_who_have_changed(void **state)
{
    struct database *database = *state;
    static const struct {
        const char *users;
        size_t ended;
    } rows[] = {
        {"# new\nann:*:ops\nbob:*\n", 0},
        {"ann:*:ops,mentors\n", 1}, /* groups */
        {"ann:!:ops\n", 1},         /* password */
        {"bob:*:ops\n", 1},         /* gone */
        {"", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sessions *sessions = open_sessions(database);
        struct users *before = users_of("ann:*:ops\n"), *after = users_of(rows[i].users);
        struct sessions_new made = add(sessions, before);
        assert_int_equal(sessions_check(sessions, after), rows[i].ended);
        assert_int_equal(sessions_user(sessions, made.id) == NULL, rows[i].ended);
        sessions_revoke(sessions, made.id, NULL, "test");
        users_free(&before);
        users_free(&after);
        sessions_free(&sessions);
    }
}

/* Nobody new gets in, nobody who is in gets lost, and who is sent away goes. */
static void test_a_database_that_fails(void **state)
{
    struct database *database = *state;
    struct sessions *sessions = open_sessions(database);
    struct users *users = users_of("ann:*:ops\n");
    struct sessions_new one = add(sessions, users), two;
    journal_close(&database->journal);
    assert_int_equal(sessions_add(sessions, &users->items[0], "192.0.2.1", &two), SESSIONS_FAILED);
    assert_true(sessions_use(sessions, one.id));
    assert_int_equal(sessions_sweep(sessions), 0);
    assert_non_null(sessions_user(sessions, one.id));
    assert_true(sessions_revoke(sessions, one.id, NULL, "taken back"));
    assert_null(sessions_user(sessions, one.id));
    sessions_free(&sessions);
    users_free(&users);
    sessions = open_sessions(database); /* without any database */
    assert_int_equal(living(sessions), 0);
    sessions_free(&sessions);
    reopen_database(database);
}

static void test_one_user_cannot_fill_it(void **state)
{
    struct database *database = *state;
    struct sessions *sessions = open_sessions(database);
    struct users *users = users_of("ann:*:ops\nbob:*\n");
    struct sessions_new last = {0}, made;
    for (int i = 0; i < SESSIONS_OF_USER_MOST; i++)
        last = add(sessions, users);
    assert_int_equal(sessions_add(sessions, &users->items[0], "x", &made), SESSIONS_FULL);
    for (int i = SESSIONS_OF_USER_MOST; i < SESSIONS_OF_USER_KEPT_MOST; i++) { /* nor by leaving each time */
        assert_true(sessions_revoke(sessions, last.id, "ann", "signed out"));
        last = add(sessions, users);
    }
    assert_true(sessions_revoke(sessions, last.id, "ann", "signed out"));
    assert_int_equal(sessions_add(sessions, &users->items[0], "x", &made), SESSIONS_FULL);
    assert_int_equal(sessions_add(sessions, &users->items[1], "x", &made), SESSIONS_ADDED);
    sessions_free(&sessions);
    users_free(&users);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DATABASE(test_a_session_lives_and_is_taken_back),
        WITH_DATABASE(test_what_was_there_is_there_again),
        WITH_DATABASE(test_idle_and_lifetime),
        WITH_DATABASE(test_users_who_have_changed),
        WITH_DATABASE(test_a_database_that_fails),
        WITH_DATABASE(test_one_user_cannot_fill_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
