#include "database.h"

#include "keep/signkeys.h"

enum { LIFETIME_MS = 60000 };

static bool rotate(struct signkeys *keys, const struct database *database)
{
    return signkeys_rotate(keys, database->journal.store, now_ms(database), LIFETIME_MS);
}

static bool same(const struct session_key *a, const struct session_key *b)
{
    return a->id == b->id && memcmp(a->bytes, b->bytes, SEAL_SIZE) == 0;
}

/* A cookie lives for LIFETIME_MS at most: its key must be there all that time. */
static void test_no_cookie_outlives_its_key(void **state)
{
    struct database *database = *state;
    struct signkeys keys;
    signkeys_load(&keys, database->journal.store, now_ms(database));
    assert_int_equal(keys.count, 1);
    struct session_key first = keys.keys[0];
    assert_false(rotate(&keys, database));
    pass_ms(database, LIFETIME_MS - 1);
    assert_false(rotate(&keys, database));
    pass_ms(database, 1);
    assert_true(rotate(&keys, database)); /* the first has signed until now */
    assert_int_equal(keys.count, 2);
    assert_false(same(&keys.keys[0], &first));
    assert_true(same(&keys.keys[1], &first));
    pass_ms(database, LIFETIME_MS - 1);
    assert_false(rotate(&keys, database));
    pass_ms(database, 1);
    assert_true(rotate(&keys, database));
    assert_int_equal(keys.count, 2);
    assert_false(same(&keys.keys[1], &first));
    assert_int_equal(keys.keys[0].id, first.id + 2);
    signkeys_wipe(&keys);
    assert_int_equal(keys.count, 0);
}

static void test_keys_outlive_the_process(void **state)
{
    struct database *database = *state;
    struct signkeys keys, again;
    signkeys_load(&keys, database->journal.store, now_ms(database));
    pass_ms(database, LIFETIME_MS);
    rotate(&keys, database);
    reopen_database(database);
    signkeys_load(&again, database->journal.store, now_ms(database));
    assert_int_equal(again.count, 2);
    assert_true(same(&again.keys[0], &keys.keys[0]) && same(&again.keys[1], &keys.keys[1]));
    assert_int_equal(again.created_ms, keys.created_ms);
    json_t *encoded = signkeys_encode(&again);
    assert_int_equal(json_array_size(encoded), 2);
    assert_int_equal(strlen(json_string_value(json_object_get(json_array_get(encoded, 0), "key"))), 43);
    json_decref(encoded);
}

static void test_a_rebuilt_database_means_new_keys(void **state)
{
    struct database *database = *state;
    struct signkeys keys, again;
    signkeys_load(&keys, database->journal.store, now_ms(database));
    journal_close(&database->journal);
    char *path = memory_format("%s/reeve.db", database->folder);
    FILE *file = fopen(path, "we");
    fputs("no database", file);
    fclose(file);
    reopen_database(database);
    signkeys_load(&again, database->journal.store, now_ms(database));
    assert_memory_not_equal(keys.keys[0].bytes, again.keys[0].bytes, SEAL_SIZE);
    assert_int_equal(count_rows(database, "database-moved"), 1);
    char *aside = memory_format("%s.corrupt-1", path);
    assert_int_equal(unlink(aside), 0);
    free(aside);
    free(path);
}

/* The keys that there are go on; one that no database has is replaced by one that it has. */
static void test_a_database_that_fails(void **state)
{
    struct database *database = *state;
    struct signkeys keys, without;
    signkeys_load(&keys, database->journal.store, now_ms(database));
    struct session_key first = keys.keys[0];
    signkeys_load(&without, NULL, now_ms(database));
    assert_int_equal(without.count, 1);
    assert_false(without.stored);
    struct session_key lonely = without.keys[0];
    pass_ms(database, LIFETIME_MS);
    assert_false(signkeys_rotate(&keys, NULL, now_ms(database), LIFETIME_MS));
    assert_true(same(&keys.keys[0], &first));
    assert_false(signkeys_rotate(&without, NULL, now_ms(database), LIFETIME_MS));
    assert_true(signkeys_rotate(&without, database->journal.store, now_ms(database), LIFETIME_MS));
    assert_int_equal(without.count, 1);
    assert_true(without.stored);
    assert_memory_not_equal(without.keys[0].bytes, lonely.bytes, SEAL_SIZE);
    assert_true(signkeys_rotate(&keys, database->journal.store, now_ms(database), LIFETIME_MS));
}

static void test_a_clock_set_back(void **state)
{
    struct database *database = *state;
    struct signkeys keys;
    signkeys_load(&keys, database->journal.store, now_ms(database));
    pass_ms(database, -10 * LIFETIME_MS);
    assert_true(rotate(&keys, database));
    assert_false(rotate(&keys, database));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DATABASE(test_no_cookie_outlives_its_key),
        WITH_DATABASE(test_keys_outlive_the_process),
        WITH_DATABASE(test_a_rebuilt_database_means_new_keys),
        WITH_DATABASE(test_a_database_that_fails),
        WITH_DATABASE(test_a_clock_set_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
