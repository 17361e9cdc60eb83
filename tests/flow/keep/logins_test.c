/* One sign-in after another: helpers, verdicts, and who does not behave. */
#include <dirent.h>

#include "admit/checker.h"

#include "sign_in.h"

static void test_the_right_password_makes_a_session(void **state)
{
    static struct keeper keeper; /* its clock is the loop's to the end */
    open_keeper(&keeper, *state);
    assert_int_equal(sign_in(&keeper, 1, "ann", "password"), 200);
    const json_t *answer = answer_to(&keeper, 1);
    struct session_key key = key_of(keeper.admission);
    struct arena arena = ARENA(65536);
    struct session session;
    assert_true(session_open(slice_of_text(json_string_value(json_object_get(answer, "cookie"))), &key, 1,
                             &arena, &session));
    assert_string_equal(session.user, "ann");
    assert_int_equal(session.group_count, 2);
    assert_string_equal(session.groups[1], "mentors");
    assert_int_equal(session.expires_ms - session.issued_ms, 3600000);
    assert_int_equal(json_integer_value(json_object_get(answer, "max_age_s")), 3600);
    assert_string_equal(accounts_session_user(keeper.accounts, session.id), "ann");
    assert_int_equal(journal_rows(&keeper, "signed-in"), 1);
    assert_string_equal(json_string_value(json_object_get(keeper.admission, "method")), "password");
    assert_string_equal(json_string_value(json_object_get(keeper.admission, "cookie")), "reeve-test");
    assert_true(accounts_session_revoke(keeper.accounts, session.id, "ann"));
    UNTIL(keeper.world, json_array_size(json_object_get(keeper.admission, "revoked")) == 1);
    arena_free(&arena);
    close_keeper(&keeper);
}

static void test_wrong_users_and_wrong_passwords_are_one_answer(void **state)
{
    static struct keeper keeper; /* its clock is the loop's to the end */
    open_keeper(&keeper, *state);
    assert_int_equal(sign_in(&keeper, 1, "ann", "wrong password"), 401);
    assert_int_equal(sign_in(&keeper, 2, "nobody", "wrong password"), 401);
    assert_int_equal(sign_in(&keeper, 3, "ann", "short"), 401);
    assert_true(json_equal(answer_to(&keeper, 1), answer_to(&keeper, 2)));
    assert_true(json_equal(answer_to(&keeper, 1), answer_to(&keeper, 3)));
    /* A gate that asks for one name and tries another, and one that talks nonsense. */
    ask(&keeper, 4, "bob");
    assert_int_equal(wait_for_status(&keeper, 4, 0), 100);
    send_record(&keeper, 4, "{\"user\": \"ann\", \"password\": \"password\"}");
    assert_int_equal(wait_for_status(&keeper, 4, 100), 401);
    ask(&keeper, 5, "ann");
    assert_int_equal(wait_for_status(&keeper, 5, 0), 100);
    send_record(&keeper, 5, "let me in");
    assert_int_equal(wait_for_status(&keeper, 5, 100), 401);
    order(&keeper, json_pack("{s:s, s:i, s:{s:i}}", "do", "ask", "id", 6, "question", "user", 1));
    assert_int_equal(wait_for_status(&keeper, 6, 0), 401);
    assert_int_equal(sessions(&keeper), 0);
    assert_true(journal_rows(&keeper, "sign-in-failed") >= 1);
    close_keeper(&keeper);
}

/* Nothing of ours but its three descriptors; what a sanitizer reads at its start is closed soon. */
static bool has_only_its_own(pid_t pid)
{
    char path[64];
    int most = -1;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *folder = opendir(path);
    struct dirent *entry;
    while (folder && (entry = readdir(folder)))
        most = strtol(entry->d_name, NULL, 10) > most ? (int)strtol(entry->d_name, NULL, 10) : most;
    if (folder)
        closedir(folder);
    return most == CHECKER_USERS_FD;
}

/* No right of any kind. */
static void check_confined(pid_t pid)
{
    char path[64], status[8192] = "";
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && read(fd, status, sizeof status - 1) > 0);
    close(fd);
    assert_non_null(strstr(status, "\nCapEff:\t0000000000000000\n"));
    if (getuid() == 0)
        assert_non_null(strstr(status, "\nUid:\t65534\t65534\t65534\t65534\n"));
}

static bool is_confined(pid_t pid)
{
    char path[64], status[8192] = "";
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool read_it = fd >= 0 && read(fd, status, sizeof status - 1) > 0;
    if (fd >= 0)
        close(fd);
    return read_it && strstr(status, "\nNoNewPrivs:\t1\n");
}

static void test_four_at_once(void **state)
{
    static struct keeper keeper; /* its clock is the loop's to the end */
    pid_t pids[16];
    open_keeper(&keeper, *state);
    for (uint32_t id = 1; id <= 4; id++) {
        ask(&keeper, id, "ann");
        assert_int_equal(wait_for_status(&keeper, id, 0), 100);
    }
    ask(&keeper, 5, "ann");
    assert_int_equal(wait_for_status(&keeper, 5, 0), 503);
    assert_true(json_integer_value(json_object_get(answer_to(&keeper, 5), "retry_after_s")) >= 1);
    UNTIL(keeper.world, helpers(pids) == 4);
    for (int i = 0; i < 4; i++) {
        UNTIL(keeper.world, is_confined(pids[i]) && (getuid() != 0 || has_only_its_own(pids[i])));
        check_confined(pids[i]);
        assert_true(logins_has(keeper.logins, pids[i]));
    }
    assert_false(logins_has(keeper.logins, getpid()));
    for (uint32_t id = 1; id <= 4; id++) { /* the clients leave */
        order(&keeper, json_pack("{s:s, s:i}", "do", "close", "id", (int)id));
        assert_int_equal(wait_for_status(&keeper, id, 100), 401);
    }
    UNTIL(keeper.world, logins_count(keeper.logins) == 0);
    assert_int_equal(sign_in(&keeper, 6, "ann", "password"), 200); /* nothing of it counted */
    close_keeper(&keeper);
}

/* One that is ending has no name any more and still has its place: wait for the place, not for the name. */
static void test_helpers_that_fail(void **state)
{
    static const char *const manners[] = {"dies", "babbles"};
    static struct keeper keeper; /* its clock is the loop's to the end */
    pid_t pids[16];
    open_keeper(&keeper, *state);
    for (uint32_t id = 1; id <= 2; id++) {
        setenv("LC_ALL", manners[id - 1], 1);
        ask(&keeper, id, "ann");
        UNTIL(keeper.world, status_of(&keeper, id) == 503);
        UNTIL(keeper.world, logins_count(keeper.logins) == 0);
    }
    setenv("LC_ALL", "hangs", 1);
    ask(&keeper, 3, "ann");
    assert_int_equal(wait_for_status(&keeper, 3, 0), 100);
    UNTIL(keeper.world, helpers(pids) == 1);
    pass_ms(&keeper, 10001);
    UNTIL(keeper.world, status_of(&keeper, 3) == 503);
    UNTIL(keeper.world, logins_count(keeper.logins) == 0);
    assert_int_equal(journal_rows(&keeper, "helper-killed"), 1);
    setenv("LC_ALL", "C", 1);
    write_users(&keeper, "ann\n"); /* then nobody can be checked */
    assert_int_equal(sign_in(&keeper, 4, "ann", "password"), 503);
    write_users(&keeper, ANN);
    assert_int_equal(sign_in(&keeper, 5, "ann", "password"), 200);
    close_keeper(&keeper);
}

static void test_a_gate_that_dies_in_between(void **state)
{
    static struct keeper keeper; /* its clock is the loop's to the end */
    open_keeper(&keeper, *state);
    setenv("LC_ALL", "hangs", 1);
    for (uint32_t id = 1; id <= 4; id++) {
        ask(&keeper, id, "ann");
        assert_int_equal(wait_for_status(&keeper, id, 0), 100);
    }
    setenv("LC_ALL", "C", 1);
    json_decref(keeper.admission);
    keeper.admission = NULL;
    order(&keeper, json_pack("{s:s}", "do", "die"));
    UNTIL(keeper.world, keeper.gone == 1 && logins_count(keeper.logins) == 0);
    UNTIL(keeper.world, keeper.admission); /* the next one knows who may pass */
    assert_int_equal(sign_in(&keeper, 5, "ann", "password"), 200);
    close_keeper(&keeper);
}

static void test_failures_in_a_row_have_to_wait(void **state)
{
    static struct keeper keeper; /* its clock is the loop's to the end */
    open_keeper(&keeper, *state);
    for (uint32_t id = 1; id <= 5; id++)
        assert_int_equal(sign_in(&keeper, id, "ann", "wrong password"), 401);
    assert_int_equal(sign_in(&keeper, 6, "ann", "password"), 429);
    assert_int_equal(json_integer_value(json_object_get(answer_to(&keeper, 6), "retry_after_s")), 1);
    pass_ms(&keeper, 1000);
    assert_int_equal(sign_in(&keeper, 7, "ann", "password"), 200);
    assert_int_equal(sign_in(&keeper, 8, "ann", "password"), 200);
    close_keeper(&keeper);
}

static void test_an_address_that_only_asks_has_to_wait(void **state)
{
    static struct keeper keeper; /* its clock is the loop's to the end */
    open_keeper(&keeper, *state);
    for (uint32_t id = 1; id <= 20; id++) {
        ask(&keeper, id, "ann");
        assert_int_equal(wait_for_status(&keeper, id, 0), 100);
        order(&keeper, json_pack("{s:s, s:i}", "do", "close", "id", (int)id)); /* its client has left */
        assert_int_equal(wait_for_status(&keeper, id, 100), 401);
        UNTIL(keeper.world, logins_count(keeper.logins) == 0);
    }
    assert_int_equal(sign_in(&keeper, 21, "ann", "password"), 429);
    pass_ms(&keeper, 1000);
    assert_int_equal(sign_in(&keeper, 22, "ann", "password"), 200);
    close_keeper(&keeper);
}

int main(int count, char **words)
{
    int role = role_of(count, words);
    if (role != NO_ROLE)
        return role;
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_the_right_password_makes_a_session),
        TEST(test_wrong_users_and_wrong_passwords_are_one_answer),
        TEST(test_four_at_once),
        TEST(test_helpers_that_fail),
        TEST(test_a_gate_that_dies_in_between),
        TEST(test_failures_in_a_row_have_to_wait),
        TEST(test_an_address_that_only_asks_has_to_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
