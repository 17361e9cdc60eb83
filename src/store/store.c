#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

#include "store/store.h"

enum { STORE_JOURNAL_ROWS = 100000, STORE_PRUNE_EVERY = 1000, STORE_BUSY_MS = 1000, STORE_MOST_ASIDE = 1000 };

struct store {
    sqlite3 *database;
    sqlite3_stmt *append;
    unsigned appended;
};

static const char store_schema[] = "PRAGMA locking_mode=EXCLUSIVE;"
                                   "PRAGMA journal_mode=WAL;"
                                   "PRAGMA synchronous=NORMAL;"
                                   "CREATE TABLE IF NOT EXISTS journal ("
                                   " id INTEGER PRIMARY KEY AUTOINCREMENT,"
                                   " wall_ms INTEGER NOT NULL,"
                                   " boottime_ms INTEGER NOT NULL,"
                                   " target TEXT,"
                                   " event TEXT NOT NULL,"
                                   " evidence TEXT NOT NULL);"
                                   "CREATE INDEX IF NOT EXISTS journal_target ON journal (target, id);";

static const char store_append_sql[] =
    "INSERT INTO journal (wall_ms, boottime_ms, target, event, evidence) VALUES (?1, ?2, ?3, ?4, ?5)";

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
    return sqlite3_exec(store->database, store_schema, NULL, NULL, NULL) == SQLITE_OK &&
           sqlite3_prepare_v3(store->database, store_append_sql, -1, SQLITE_PREPARE_PERSISTENT,
                              &store->append, NULL) == SQLITE_OK;
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

static void store_prune(struct store *store)
{
    char sql[128];
    snprintf(sql, sizeof sql, "DELETE FROM journal WHERE id <= (SELECT MAX(id) FROM journal) - %d",
             STORE_JOURNAL_ROWS);
    sqlite3_exec(store->database, sql, NULL, NULL, NULL);
}

bool store_journal_append(struct store *store, const struct store_journal_row *row)
{
    if (!store)
        return false;
    char *evidence = row->evidence ? json_dumps(row->evidence, JSON_COMPACT) : memory_text("{}");
    sqlite3_bind_int64(store->append, 1, row->wall_ms);
    sqlite3_bind_int64(store->append, 2, row->boottime_ms);
    sqlite3_bind_text(store->append, 3, row->target, -1, SQLITE_STATIC);
    sqlite3_bind_text(store->append, 4, row->event, -1, SQLITE_STATIC);
    sqlite3_bind_text(store->append, 5, evidence ? evidence : "{}", -1, SQLITE_STATIC);
    bool done = sqlite3_step(store->append) == SQLITE_DONE;
    sqlite3_reset(store->append);
    sqlite3_clear_bindings(store->append);
    free(evidence);
    if (done && ++store->appended % STORE_PRUNE_EVERY == 0)
        store_prune(store);
    return done;
}

static json_t *store_row_json(sqlite3_stmt *query)
{
    const char *target = (const char *)sqlite3_column_text(query, 1);
    const char *evidence = (const char *)sqlite3_column_text(query, 3);
    json_t *parsed = evidence ? json_loads(evidence, 0, NULL) : NULL;
    return json_pack("{s:I, s:s?, s:s, s:o}", "time_ms", (json_int_t)sqlite3_column_int64(query, 0), "target",
                     target, "event", (const char *)sqlite3_column_text(query, 2), "evidence",
                     parsed ? parsed : json_object());
}

json_t *store_journal_read(struct store *store, const char *target, int last)
{
    static const char sql[] =
        "SELECT wall_ms, target, event, evidence FROM ("
        " SELECT * FROM journal WHERE ?1 IS NULL OR target = ?1 ORDER BY id DESC LIMIT ?2"
        ") ORDER BY id";
    sqlite3_stmt *query = NULL;
    if (!store || sqlite3_prepare_v2(store->database, sql, -1, &query, NULL) != SQLITE_OK)
        return NULL;
    sqlite3_bind_text(query, 1, target, -1, SQLITE_STATIC);
    sqlite3_bind_int(query, 2, last);
    json_t *rows = json_array();
    int step;
    while ((step = sqlite3_step(query)) == SQLITE_ROW)
        json_array_append_new(rows, store_row_json(query));
    sqlite3_finalize(query);
    if (step == SQLITE_DONE)
        return rows;
    json_decref(rows);
    return NULL;
}
