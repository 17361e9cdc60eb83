#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

#include "store/database.h"

enum { STORE_BUSY_MS = 1000, STORE_MOST_ASIDE = 1000 };

static const char store_settings[] = "PRAGMA locking_mode=EXCLUSIVE;"
                                     "PRAGMA journal_mode=WAL;"
                                     "PRAGMA synchronous=NORMAL;";

/* What each version adds to the one before (PRAGMA user_version counts them). Nothing is ever changed here,
 * so that an older reeve can go on with the database of a newer one. */
static const char *const store_versions[] = {
    "CREATE TABLE IF NOT EXISTS journal ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " wall_ms INTEGER NOT NULL,"
    " boottime_ms INTEGER NOT NULL,"
    " target TEXT,"
    " event TEXT NOT NULL,"
    " evidence TEXT NOT NULL);"
    "CREATE INDEX IF NOT EXISTS journal_target ON journal (target, id);",

    /* Times are wall clock milliseconds. A session's `stamp` is that of its user's line in the users file. */
    "CREATE TABLE keys (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, created INTEGER NOT NULL);"
    "CREATE TABLE sessions ("
    " id TEXT PRIMARY KEY,"
    " user TEXT NOT NULL,"
    " stamp TEXT NOT NULL,"
    " address TEXT NOT NULL,"
    " created INTEGER NOT NULL,"
    " expires INTEGER NOT NULL,"
    " used INTEGER NOT NULL,"
    " revoked INTEGER);"
    "CREATE TABLE tokens ("
    " id TEXT PRIMARY KEY,"
    " name TEXT NOT NULL UNIQUE,"
    " sha256 TEXT NOT NULL,"
    " created INTEGER NOT NULL,"
    " expires INTEGER);",
};

enum { STORE_VERSIONS = sizeof store_versions / sizeof store_versions[0] };

static int store_version(struct store *store)
{
    sqlite3_stmt *query = NULL;
    int version = -1;
    if (sqlite3_prepare_v2(store->database, "PRAGMA user_version", -1, &query, NULL) == SQLITE_OK &&
        sqlite3_step(query) == SQLITE_ROW)
        version = sqlite3_column_int(query, 0);
    sqlite3_finalize(query);
    return version;
}

/* Each version whole or not at all. */
static bool store_bring_up(struct store *store)
{
    int version = store_version(store);
    bool done = version >= 0;
    for (int next = version; done && next < STORE_VERSIONS; next++) {
        char *sql =
            memory_format("BEGIN; %s PRAGMA user_version=%d; COMMIT;", store_versions[next], next + 1);
        done = sqlite3_exec(store->database, sql, NULL, NULL, NULL) == SQLITE_OK;
        free(sql);
    }
    return done;
}

static bool store_prepare(struct store *store, const char *path)
{
    /* Made by us first, so that it never exists with a wider mode. */
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    close(fd);
    if (sqlite3_open_v2(path, &store->database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        return false;
    sqlite3_busy_timeout(store->database, STORE_BUSY_MS);
    return sqlite3_exec(store->database, store_settings, NULL, NULL, NULL) == SQLITE_OK &&
           store_bring_up(store);
}

static void store_shut(struct store *store)
{
    sqlite3_finalize(store->append);
    sqlite3_close(store->database);
    *store = (struct store){0};
}

/* path → path.corrupt-N with the first free N; the write-ahead log goes with it. */
static char *store_move_aside(const char *path)
{
    for (int i = 1; i <= STORE_MOST_ASIDE; i++) {
        char *aside = memory_format("%s.corrupt-%d", path, i);
        if (access(aside, F_OK) != 0 && rename(path, aside) == 0) {
            char *log = memory_format("%s-wal", path);
            unlink(log);
            free(log);
            return aside;
        }
        free(aside);
    }
    return NULL;
}

struct store *store_open(const char *path, char **moved, struct error *error)
{
    struct store *store = MEMORY_NEW(struct store);
    char *aside = NULL;
    if (!store_prepare(store, path)) {
        error_set(error, "%s: %s", path, store->database ? sqlite3_errmsg(store->database) : strerror(errno));
        store_shut(store);
        aside = store_move_aside(path);
        if (!aside || !store_prepare(store, path)) {
            store_shut(store);
            free(store);
            free(aside);
            return NULL;
        }
    }
    if (moved)
        *moved = aside;
    else
        free(aside);
    return store;
}

void store_close(struct store **store)
{
    if (!*store)
        return;
    store_shut(*store);
    free(*store);
    *store = NULL;
}
