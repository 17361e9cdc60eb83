/* A database in a folder of its own, for the tests of store. */
#pragma once

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

static char folder[] = "/tmp/store-test-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/reeve.db", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    char name[96];
    static const char *const suffixes[] = {"", "-wal", "-shm", ".corrupt-1"};
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
    return rmdir(folder);
}

static inline struct store *open_store(void)
{
    struct error error = {0};
    struct store *store = store_open(path, NULL, &error);
    if (!store)
        fail_msg("%s", error.text);
    return store;
}

static inline void reopen_store(struct store **store)
{
    store_close(store);
    *store = open_store();
}

/* The member `key` of row `index`, as text. */
static inline const char *text_of(const json_t *rows, size_t index, const char *key)
{
    return json_string_value(json_object_get(json_array_get(rows, index), key));
}

static inline int64_t number_of(const json_t *rows, size_t index, const char *key)
{
    return json_integer_value(json_object_get(json_array_get(rows, index), key));
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
