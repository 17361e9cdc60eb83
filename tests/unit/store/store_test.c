#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "store/store.h"

static char directory[] = "/tmp/store-test-XXXXXX";
static char path[64];

static int make_directory(void **state)
{
    (void)state;
    memcpy(directory + sizeof directory - 7, "XXXXXX", 6);
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/reeve.db", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    char name[96];
    static const char *const suffixes[] = {"", "-wal", "-shm", ".corrupt-1"};
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
    return rmdir(directory);
}

static bool append(struct store *store, const char *target, const char *event)
{
    json_t *evidence = json_pack("{s:i}", "pid", 812);
    struct store_journal_row row = {
        .wall_ms = 5, .boottime_ms = 4, .target = target, .event = event, .evidence = evidence};
    bool done = store_journal_append(store, &row);
    json_decref(evidence);
    return done;
}

static void test_the_journal_outlives_the_process(void **state)
{
    (void)state;
    struct error error = {0};
    struct store *store = store_open(path, NULL, &error);
    assert_non_null(store);
    assert_true(append(store, "api", "spawn"));
    assert_true(append(store, NULL, "start"));
    assert_true(append(store, "api", "exit"));
    store_close(&store);
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);

    store = store_open(path, NULL, &error);
    json_t *rows = store_journal_read(store, "api", 10);
    assert_int_equal(json_array_size(rows), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 1), "event")), "exit");
    json_decref(rows);
    rows = store_journal_read(store, NULL, 2);
    assert_int_equal(json_array_size(rows), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 0), "event")), "start");
    json_decref(rows);
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
    assert_true(append(store, "api", "spawn"));
    free(moved);
    store_close(&store);
}

static void test_no_database_is_no_trouble(void **state)
{
    (void)state;
    assert_false(append(NULL, "api", "spawn"));
    assert_null(store_journal_read(NULL, NULL, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_journal_outlives_the_process, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(test_a_corrupt_file_is_moved_aside, make_directory, remove_directory),
        cmocka_unit_test(test_no_database_is_no_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
