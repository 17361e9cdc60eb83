/* A journal with a database in a folder of its own and a clock moved by hand, for the tests of accounts. */
#pragma once

#include "../support.h"

#include <sys/stat.h>

#include "base/memory.h"
#include "keep/journal.h"
#include "store/store.h"

struct database {
    char folder[32];
    struct fake_clock clock;
    struct journal journal;
};

static int make_database(void **state)
{
    struct database *database = MEMORY_NEW(struct database);
    *database = (struct database){.folder = "/tmp/accounts-test-XXXXXX", .clock = FAKE_CLOCK(1000000000000)};
    assert_non_null(mkdtemp(database->folder));
    database->journal.clock = &database->clock.clock;
    journal_open(&database->journal, database->folder);
    assert_non_null(database->journal.store);
    *state = database;
    return 0;
}

static int remove_database(void **state)
{
    struct database *database = *state;
    static const char *const names[] = {"reeve.db", "reeve.db-wal", "reeve.db-shm", "users"};
    journal_close(&database->journal);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path = memory_format("%s/%s", database->folder, names[i]);
        unlink(path);
        free(path);
    }
    int failed = rmdir(database->folder);
    free(database);
    return failed;
}

static inline void reopen_database(struct database *database)
{
    journal_close(&database->journal);
    journal_open(&database->journal, database->folder);
}

static inline int64_t now_ms(const struct database *database)
{
    return database->clock.now_us / 1000;
}

static inline void pass_ms(struct database *database, int64_t span_ms)
{
    database->clock.now_us += span_ms * 1000;
}

/* How many rows of the journal are about this. */
static inline size_t count_rows(const struct database *database, const char *event)
{
    json_t *rows = journal_read(&database->journal, NULL, 1000);
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(rows); i++)
        count += strcmp(json_string_value(json_object_get(json_array_get(rows, i), "event")), event) == 0;
    json_decref(rows);
    return count;
}

#define WITH_DATABASE(test) cmocka_unit_test_setup_teardown(test, make_database, remove_database)
