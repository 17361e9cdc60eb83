#include <jansson.h>

#include "folder.h"

#include "store/tokens.h"

static bool add(struct store *store, const char *id, const char *name, int64_t expires_ms)
{
    const struct store_token token = {
        .id = id, .name = name, .sha256 = "00ff", .created_ms = 5, .expires_ms = expires_ms};
    return store_tokens_add(store, &token);
}

static void test_tokens_outlive_the_process(void **state)
{
    (void)state;
    struct store *store = open_store();
    assert_true(add(store, "id1", "ci", 0));
    assert_true(add(store, "id2", "backup", 100));
    assert_true(add(store, "id3", "nightly", 0));
    assert_false(add(store, "id4", "ci", 0));
    reopen_store(&store);
    json_t *rows = store_tokens_read(store);
    assert_int_equal(json_array_size(rows), 3);
    assert_string_equal(text_of(rows, 0, "name"), "ci");
    assert_string_equal(text_of(rows, 0, "sha256"), "00ff");
    assert_true(json_is_null(json_object_get(json_array_get(rows, 0), "expires")));
    assert_int_equal(number_of(rows, 1, "expires"), 100);
    json_decref(rows);
    assert_true(store_tokens_prune(store, 99));
    assert_int_equal(store_tokens_remove(store, "ci"), 1);
    assert_int_equal(store_tokens_remove(store, "id3"), 1);
    assert_int_equal(store_tokens_remove(store, "nobody"), 0);
    rows = store_tokens_read(store);
    assert_int_equal(json_array_size(rows), 1);
    json_decref(rows);
    assert_true(store_tokens_prune(store, 100));
    rows = store_tokens_read(store);
    assert_int_equal(json_array_size(rows), 0);
    json_decref(rows);
    store_close(&store);
}

static void test_no_database_is_said(void **state)
{
    (void)state;
    assert_false(add(NULL, "i", "ci", 0));
    assert_int_equal(store_tokens_remove(NULL, "ci"), -1);
    assert_false(store_tokens_prune(NULL, 1));
    assert_null(store_tokens_read(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_tokens_outlive_the_process),
        cmocka_unit_test(test_no_database_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
