#include <jansson.h>

#include "folder.h"

#include "store/journal.h"

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
    struct store *store = open_store();
    assert_true(append(store, "api", "spawn"));
    assert_true(append(store, NULL, "start"));
    assert_true(append(store, "api", "exit"));
    reopen_store(&store);
    json_t *rows = store_journal_read(store, "api", 10);
    assert_int_equal(json_array_size(rows), 2);
    assert_string_equal(text_of(rows, 1, "event"), "exit");
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(json_array_get(rows, 1), "evidence"), "pid")),
        812);
    json_decref(rows);
    rows = store_journal_read(store, NULL, 2);
    assert_int_equal(json_array_size(rows), 2);
    assert_string_equal(text_of(rows, 0, "event"), "start");
    json_decref(rows);
    store_close(&store);
}

static void expect_page(struct store *store, struct store_journal_page page, const int64_t *ids)
{
    json_t *answer = store_journal_page(store, &page), *rows = json_object_get(answer, "rows");
    size_t count = 0;
    for (; ids[count]; count++)
        assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, count), "id")), ids[count]);
    assert_int_equal(json_array_size(rows), count);
    assert_int_equal(json_integer_value(json_object_get(answer, "first")), 1);
    assert_int_equal(json_integer_value(json_object_get(answer, "last")), 4);
    json_decref(answer);
}

static void test_pages(void **state)
{
    (void)state;
    struct store *store = open_store();
    assert_int_equal(store_journal_last(store), 0);
    assert_true(append(store, "api", "spawn") && append(store, NULL, "start") &&
                append(store, "web", "spawn") && append(store, "api", "exit"));
    assert_int_equal(store_journal_last(store), 4);
    reopen_store(&store);
    assert_int_equal(store_journal_last(store), 4);
    expect_page(store, (struct store_journal_page){.most = 10}, (const int64_t[]){1, 2, 3, 4, 0});
    expect_page(store, (struct store_journal_page){.from = 2, .most = 2}, (const int64_t[]){2, 3, 0});
    expect_page(store, (struct store_journal_page){.target = "api", .most = 10}, (const int64_t[]){1, 4, 0});
    expect_page(store, (struct store_journal_page){.target = "api", .from = 3, .most = 10},
                (const int64_t[]){3, 4, 0});
    expect_page(store, (struct store_journal_page){.from = 9, .most = 10}, (const int64_t[]){0});
    store_close(&store);
}

static void test_no_database_is_no_trouble(void **state)
{
    (void)state;
    assert_false(append(NULL, "api", "spawn"));
    assert_null(store_journal_read(NULL, NULL, 1));
    assert_null(store_journal_page(NULL, &(struct store_journal_page){.most = 1}));
    assert_int_equal(store_journal_last(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_the_journal_outlives_the_process),
        IN_FOLDER(test_pages),
        cmocka_unit_test(test_no_database_is_no_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
