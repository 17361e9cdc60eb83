/* What is known of users, sessions and tokens, and what gates are told of it. */
#include "admit/usersfile.h"
#include "keep/operate_accounts.h"

#include "sign_in.h"

static void test_users_who_change_are_signed_out(void **state)
{
    static struct keeper keeper; /* its clock is the loop's to the end */
    struct error error;
    open_keeper(&keeper, *state);
    assert_int_equal(sign_in(&keeper, 1, "ann", "password"), 200);
    assert_int_equal(usersfile_change(keeper.users, "bob", "bob:*:ops", &error), USERSFILE_ADDED);
    pass_ms(&keeper, 1000);
    assert_int_equal(sessions(&keeper), 1);
    assert_int_equal(usersfile_change(keeper.users, "ann", NULL, &error), USERSFILE_REMOVED);
    pass_ms(&keeper, 1000);
    UNTIL(keeper.world, revoked(&keeper) == 1);
    assert_int_equal(sessions(&keeper), 0);
    write_users(&keeper, ANN); /* the same line is not another sign-in */
    pass_ms(&keeper, 1000);
    assert_int_equal(sessions(&keeper), 0);
    assert_int_equal(sign_in(&keeper, 2, "ann", "password"), 200);
    pass_ms(&keeper, 600000); /* idle */
    UNTIL(keeper.world, revoked(&keeper) == 2);
    close_keeper(&keeper);
}

static void test_a_database_that_fails_keeps_new_ones_out(void **state)
{
    static struct keeper keeper; /* its clock is the loop's to the end */
    open_keeper(&keeper, *state);
    assert_int_equal(sign_in(&keeper, 1, "ann", "password"), 200);
    journal_close(&keeper.journal);
    assert_int_equal(sign_in(&keeper, 2, "ann", "password"), 503);
    pass_ms(&keeper, 1000);
    assert_int_equal(sessions(&keeper), 1);
    assert_int_equal(revoked(&keeper), 0);
    close_keeper(&keeper);
}

static void test_tokens_come_and_go(void **state)
{
    static struct keeper keeper; /* its clock is the loop's to the end */
    struct error error;
    struct tokens_made made;
    open_keeper(&keeper, *state);
    struct accounts_token ci = {.name = "ci", .expires_in_ms = 5000}, backup = {.name = "backup"};
    assert_int_equal(accounts_token_create(keeper.accounts, &ci, "uid 0", &made, &error), 201);
    assert_int_equal(accounts_token_create(keeper.accounts, &backup, "uid 0", &made, &error), 201);
    UNTIL(keeper.world, json_array_size(json_object_get(keeper.admission, "tokens")) == 2);
    const json_t *row = json_array_get(json_object_get(keeper.admission, "tokens"), 0);
    assert_int_equal(json_integer_value(json_object_get(row, "expires")), ci.expires_ms);
    assert_int_equal(json_string_length(json_object_get(row, "sha256")), 64);
    pass_ms(&keeper, 5000);
    UNTIL(keeper.world, json_array_size(json_object_get(keeper.admission, "tokens")) == 1);
    journal_close(&keeper.journal); /* taken back all the same */
    assert_int_equal(accounts_token_revoke(keeper.accounts, "backup", "uid 0", &error), 503);
    UNTIL(keeper.world, json_array_size(json_object_get(keeper.admission, "tokens")) == 0);
    close_keeper(&keeper);
}

/* --- what gates and the command ask ----------------------------------------------------------------- */

struct reply {
    int status;
    json_t *body;
};

static void on_reply(void *owner, int status, json_t *body)
{
    struct reply *reply = owner;
    json_decref(reply->body);
    *reply = (struct reply){status, body};
}

/* The status; the body stays in `reply`. */
static int operate(struct operations *operations, const char *name, const struct principal *who,
                   json_t *arguments, struct reply *reply)
{
    const struct operation_request request = {.name = name, .arguments = arguments, .who = who};
    reply->status = 0;
    operations_ask(operations, &request, on_reply, reply);
    json_decref(arguments);
    return reply->status;
}

static const char *first_session(const struct reply *reply)
{
    return json_string_value(
        json_object_get(json_array_get(json_object_get(reply->body, "sessions"), 0), "id"));
}

static void test_operations(void **state)
{
    static struct keeper keeper; /* its clock is the loop's to the end */
    const struct principal command = {.kind = PRINCIPAL_OPERATOR, .credential = "uid 0"};
    struct principal ann = {.kind = PRINCIPAL_SESSION, .user = "ann"};
    struct reply reply = {0};
    char id[SESSIONS_ID_SIZE];
    open_keeper(&keeper, *state);
    struct operations *operations = operations_new(&(struct operations_settings){.log = &keeper.log});
    operate_accounts(operations, keeper.accounts);
    assert_int_equal(sign_in(&keeper, 1, "ann", "password"), 200);
    assert_int_equal(operate(operations, "users", &command, NULL, &reply), 200);
    assert_int_equal(json_array_size(json_object_get(reply.body, "users")), 1);
    assert_int_equal(operate(operations, "sessions", &command, NULL, &reply), 200);
    snprintf(id, sizeof id, "%s", first_session(&reply));
    ann.credential = id;
    /* Nobody looks at others, or signs them out; a gate reports use only of who asks. */
    assert_int_equal(operate(operations, "sessions", &ann, NULL, &reply), 403);
    assert_int_equal(operate(operations, "session-revoke", &ann, json_pack("{s:s}", "id", id), &reply), 403);
    assert_int_equal(operate(operations, "session-used", &ann, NULL, &reply), 200);
    assert_int_equal(operate(operations, "session-used", &principal_nobody, NULL, &reply), 404);
    assert_int_equal(operate(operations, "sign-out", &principal_nobody, NULL, &reply), 200);
    assert_int_equal(sessions(&keeper), 1);
    assert_int_equal(operate(operations, "sign-out", &ann, NULL, &reply), 200);
    assert_int_equal(sessions(&keeper), 0);
    assert_int_equal(operate(operations, "session-used", &ann, NULL, &reply), 404);
    assert_int_equal(operate(operations, "session-revoke", &command, json_pack("{s:s}", "id", id), &reply),
                     404);
    assert_int_equal(operate(operations, "session-revoke", &command, NULL, &reply), 422);
    assert_int_equal(operate(operations, "token-create", &command, NULL, &reply), 422);
    assert_int_equal(operate(operations, "token-create", &command,
                             json_pack("{s:s, s:i}", "name", "ci", "expires_ms", -1), &reply),
                     422);
    assert_int_equal(operate(operations, "token-create", &command,
                             json_pack("{s:s, s:I}", "name", "ci", "expires_ms", (json_int_t)INT64_MAX),
                             &reply),
                     422);
    assert_int_equal(operate(operations, "token-create", &command,
                             json_pack("{s:s, s:i}", "name", "ci", "expires_ms", 1000), &reply),
                     201);
    assert_int_equal(json_string_length(json_object_get(reply.body, "token")), 49);
    assert_int_equal(operate(operations, "tokens", &command, NULL, &reply), 200);
    assert_int_equal(operate(operations, "token-revoke", &command, json_pack("{s:s}", "name", "ci"), &reply),
                     200);
    assert_int_equal(operate(operations, "token-revoke", &command, json_pack("{s:s}", "name", "ci"), &reply),
                     404);
    json_decref(reply.body);
    operations_free(&operations);
    close_keeper(&keeper);
}

/* Another configuration: sign-in goes and comes back, and who was in is in again. */
static void test_reload(void **state)
{
    static struct keeper keeper; /* its clock is the loop's to the end */
    open_keeper(&keeper, *state);
    assert_int_equal(sign_in(&keeper, 1, "ann", "password"), 200);
    struct session_key key = key_of(keeper.admission);
    struct config without = *keeper.world->config;
    without.auth.method = CONFIG_AUTH_NONE;
    accounts_reload(keeper.accounts, &without);
    UNTIL(keeper.world, json_array_size(json_object_get(keeper.admission, "keys")) == 0);
    assert_int_equal(sign_in(&keeper, 2, "ann", "password"), 503);
    accounts_reload(keeper.accounts, keeper.world->config);
    UNTIL(keeper.world, json_array_size(json_object_get(keeper.admission, "keys")) == 1);
    struct session_key again = key_of(keeper.admission);
    assert_memory_equal(&key, &again, sizeof key);
    assert_int_equal(sessions(&keeper), 1);
    assert_int_equal(sign_in(&keeper, 3, "ann", "password"), 200);
    close_keeper(&keeper);
}

int main(int count, char **words)
{
    int role = role_of(count, words);
    if (role != NO_ROLE)
        return role;
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_users_who_change_are_signed_out),
        TEST(test_a_database_that_fails_keeps_new_ones_out),
        TEST(test_tokens_come_and_go),
        TEST(test_operations),
        TEST(test_reload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
