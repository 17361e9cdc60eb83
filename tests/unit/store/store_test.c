#include <jansson.h>
#include <sqlite3.h>

#include "folder.h"

#include "store/journal.h"
#include "store/tokens.h"

static void run_sql(const char *sql)
{
    sqlite3 *database = NULL;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
}

static bool works(struct store *store)
{
    const struct store_token token = {.id = "i", .name = "ci", .sha256 = "00", .created_ms = 1};
    return store_journal_append(store, &(struct store_journal_row){.event = "start"}) &&
           store_tokens_add(store, &token);
}

static void test_nobody_else_can_read_it(void **state)
{
    (void)state;
    struct store *store = open_store();
    assert_true(works(store));
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    char log[96];
    snprintf(log, sizeof log, "%s-wal", path);
    assert_int_equal(stat(log, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    store_close(&store);
}

static void test_a_corrupt_file_is_moved_aside(void **state)
{
    (void)state;
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 1000; i++)
        fputs("this is no database. ", file);
    fclose(file);
    struct error error = {0};
    char *moved = NULL;
    struct store *store = store_open(path, &moved, &error);
    assert_non_null(store);
    assert_non_null(moved);
    assert_int_equal(access(moved, F_OK), 0);
    assert_true(works(store));
    free(moved);
    store_close(&store);
}

/* The tables of the first version, made before there were versions. */
static void test_an_older_database_gets_what_it_lacks(void **state)
{
    (void)state;
    run_sql("CREATE TABLE journal (id INTEGER PRIMARY KEY AUTOINCREMENT, wall_ms INTEGER NOT NULL,"
            " boottime_ms INTEGER NOT NULL, target TEXT, event TEXT NOT NULL, evidence TEXT NOT NULL);"
            "INSERT INTO journal (wall_ms, boottime_ms, event, evidence) VALUES (1, 1, 'old', '{}')");
    struct store *store = open_store();
    assert_true(works(store));
    json_t *rows = store_journal_read(store, NULL, 10);
    assert_int_equal(json_array_size(rows), 2);
    assert_string_equal(text_of(rows, 0, "event"), "old");
    json_decref(rows);
    store_close(&store);
}

static void test_a_newer_database_is_left_as_it_is(void **state)
{
    (void)state;
    struct store *store = open_store();
    store_close(&store);
    run_sql("CREATE TABLE later (x); PRAGMA user_version=1000");
    char *moved = NULL;
    store = store_open(path, &moved, NULL);
    assert_null(moved);
    assert_true(works(store));
    store_close(&store);
    run_sql("INSERT INTO later VALUES (1)");
    store = open_store();
    assert_false(works(store)); /* the token is there already, so is the rest */
    store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_nobody_else_can_read_it),
        IN_FOLDER(test_a_corrupt_file_is_moved_aside),
        IN_FOLDER(test_an_older_database_gets_what_it_lacks),
        IN_FOLDER(test_a_newer_database_is_left_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
