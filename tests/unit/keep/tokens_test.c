#include "database.h"

#include "keep/tokens.h"

static int create(struct database *database, const char *name, int64_t life_ms, struct tokens_made *made)
{
    const struct tokens_new wanted = {.name = name, .now_ms = now_ms(database), .life_ms = life_ms};
    struct error error = {0};
    int status = tokens_create(database->journal.store, &wanted, made, &error);
    assert_int_equal(status != 201, error.text[0] != '\0');
    return status;
}

static void test_only_a_digest_is_kept(void **state)
{
    struct database *database = *state;
    struct tokens_made one, two;
    assert_int_equal(create(database, "ci", 0, &one), 201);
    assert_int_equal(create(database, "backup", 0, &two), 201);
    assert_int_equal(strncmp(one.text, "reeve_", 6), 0);
    assert_int_equal(strlen(one.text), 6 + 43);
    assert_string_not_equal(one.text, two.text);
    assert_string_not_equal(one.id, two.id);
    assert_null(strstr(one.text, one.id));
    uint8_t digest[SEAL_SIZE];
    char sha256[SEAL_HEX_SIZE + 1];
    seal_digest(slice_of_text(one.text), digest);
    seal_to_hex(digest, sha256);
    json_t *rows = tokens_read(database->journal.store, now_ms(database));
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 0), "sha256")), sha256);
    char *all = json_dumps(rows, 0);
    assert_null(strstr(all, one.text + 6));
    free(all);
    json_t *described = tokens_describe(rows);
    assert_null(json_object_get(json_array_get(described, 0), "sha256"));
    assert_true(json_is_null(json_object_get(json_array_get(described, 0), "expires")));
    json_decref(described);
    json_decref(rows);
}

static void test_names_and_ends(void **state)
{
    struct database *database = *state;
    struct error error;
    struct tokens_made made;
    struct store *store = database->journal.store;
    assert_int_equal(create(database, "ci", 1000, &made), 201);
    assert_int_equal(made.expires_ms, now_ms(database) + 1000);
    assert_int_equal(create(database, "ci", 0, &made), 409);
    assert_int_equal(create(database, "c i", 0, &made), 422);
    assert_int_equal(create(database, "", 0, &made), 422);
    assert_int_equal(create(database, "ever", INT64_MAX, &made), 422); /* no clock goes so far */
    assert_int_equal(create(database, "ever", TOKENS_LIFE_MOST_MS + 1, &made), 422);
    assert_int_equal(create(database, "ever", TOKENS_LIFE_MOST_MS, &made), 201);
    pass_ms(database, 1000);
    assert_int_equal(create(database, "ci", 0, &made), 201); /* the first has expired */
    assert_int_equal(tokens_revoke(store, "nobody", &error), 404);
    assert_string_equal(error.text, "there is no token nobody; `reeve token list` shows them");
    assert_int_equal(tokens_revoke(store, made.id, &error), 200);
    assert_int_equal(tokens_revoke(store, "ci", &error), 404);
}

static void test_a_database_that_fails(void **state)
{
    struct database *database = *state;
    struct error error;
    struct tokens_made made;
    journal_close(&database->journal);
    assert_int_equal(create(database, "ci", 0, &made), 503);
    assert_int_equal(tokens_revoke(NULL, "ci", &error), 503);
    assert_null(tokens_read(NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DATABASE(test_only_a_digest_is_kept),
        WITH_DATABASE(test_names_and_ends),
        WITH_DATABASE(test_a_database_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
