#include <jansson.h>

#include "folder.h"

#include "store/sessions.h"

static bool add(struct store *store, const char *id, int64_t created_ms)
{
    const struct store_session session = {.id = id,
                                          .user = "ann",
                                          .stamp = "0abc",
                                          .address = "192.0.2.1",
                                          .created_ms = created_ms,
                                          .expires_ms = created_ms + 100};
    return store_sessions_add(store, &session);
}

static void test_sessions_outlive_the_process(void **state)
{
    (void)state;
    struct store *store = open_store();
    assert_true(add(store, "second", 2000));
    assert_true(add(store, "first", 1000));
    assert_false(add(store, "first", 3000));
    assert_true(store_sessions_use(store, "second", 2050));
    assert_true(store_sessions_revoke(store, "first", 1010));
    assert_true(store_sessions_revoke(store, "first", 1020)); /* the first word stays */
    reopen_store(&store);
    json_t *rows = store_sessions_read(store);
    assert_int_equal(json_array_size(rows), 2);
    assert_string_equal(text_of(rows, 0, "id"), "first");
    assert_string_equal(text_of(rows, 0, "user"), "ann");
    assert_string_equal(text_of(rows, 0, "stamp"), "0abc");
    assert_string_equal(text_of(rows, 0, "address"), "192.0.2.1");
    assert_int_equal(number_of(rows, 0, "used"), 1000);
    assert_int_equal(number_of(rows, 0, "revoked"), 1010);
    assert_int_equal(number_of(rows, 1, "used"), 2050);
    assert_int_equal(number_of(rows, 1, "expires"), 2100);
    assert_true(json_is_null(json_object_get(json_array_get(rows, 1), "revoked")));
    json_decref(rows);
    assert_true(store_sessions_prune(store, 1100));
    rows = store_sessions_read(store);
    assert_int_equal(json_array_size(rows), 1);
    json_decref(rows);
    store_close(&store);
}

static void test_no_database_is_said(void **state)
{
    (void)state;
    assert_false(add(NULL, "x", 1));
    assert_false(store_sessions_use(NULL, "x", 1));
    assert_false(store_sessions_revoke(NULL, "x", 1));
    assert_false(store_sessions_prune(NULL, 1));
    assert_null(store_sessions_read(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_sessions_outlive_the_process),
        cmocka_unit_test(test_no_database_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
