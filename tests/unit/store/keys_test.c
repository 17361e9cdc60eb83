#include <jansson.h>

#include "folder.h"

#include "store/keys.h"

static void test_two_keys_live_and_no_number_comes_again(void **state)
{
    (void)state;
    struct store *store = open_store();
    assert_int_equal(store_keys_add(store, "one", 10), 1);
    assert_int_equal(store_keys_add(store, "two", 20), 2);
    assert_int_equal(store_keys_add(store, "three", 30), 3);
    reopen_store(&store);
    json_t *rows = store_keys_read(store);
    assert_int_equal(json_array_size(rows), 2);
    assert_string_equal(text_of(rows, 0, "key"), "three");
    assert_int_equal(number_of(rows, 0, "id"), 3);
    assert_int_equal(number_of(rows, 0, "created"), 30);
    assert_string_equal(text_of(rows, 1, "key"), "two");
    json_decref(rows);
    store_close(&store);
}

static void test_no_database_is_said(void **state)
{
    (void)state;
    assert_int_equal(store_keys_add(NULL, "x", 1), 0);
    assert_null(store_keys_read(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_two_keys_live_and_no_number_comes_again),
        cmocka_unit_test(test_no_database_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
