#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"

#include "store/database.h"
#include "store/journal.h"

enum { JOURNAL_ROWS = 100000, JOURNAL_PRUNE_EVERY = 1000 };

static const char journal_append_sql[] =
    "INSERT INTO journal (wall_ms, boottime_ms, target, event, evidence) VALUES (?1, ?2, ?3, ?4, ?5)";

static void journal_prune(struct store *store)
{
    char sql[128];
    snprintf(sql, sizeof sql, "DELETE FROM journal WHERE id <= (SELECT MAX(id) FROM journal) - %d",
             JOURNAL_ROWS);
    sqlite3_exec(store->database, sql, NULL, NULL, NULL);
}

/* Rows come often: the statement is kept. */
static bool journal_prepare(struct store *store)
{
    return store && (store->append ||
                     sqlite3_prepare_v3(store->database, journal_append_sql, -1, SQLITE_PREPARE_PERSISTENT,
                                        &store->append, NULL) == SQLITE_OK);
}

bool store_journal_append(struct store *store, const struct store_journal_row *row)
{
    if (!journal_prepare(store))
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
    if (done)
        store->newest = sqlite3_last_insert_rowid(store->database);
    if (done && ++store->appended % JOURNAL_PRUNE_EVERY == 0)
        journal_prune(store);
    return done;
}

static json_t *journal_row_json(sqlite3_stmt *query)
{
    const char *target = (const char *)sqlite3_column_text(query, 1);
    const char *evidence = (const char *)sqlite3_column_text(query, 3);
    json_t *parsed = evidence ? json_loads(evidence, 0, NULL) : NULL;
    int64_t wall_ms = sqlite3_column_int64(query, 0);
    char time[CLOCK_TEXT_SIZE];
    return json_pack("{s:I, s:s, s:s?, s:s, s:o}", "time_ms", (json_int_t)wall_ms, "time",
                     clock_format(wall_ms, time), "target", target, "event",
                     (const char *)sqlite3_column_text(query, 2), "evidence",
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
        json_array_append_new(rows, journal_row_json(query));
    sqlite3_finalize(query);
    if (step == SQLITE_DONE)
        return rows;
    json_decref(rows);
    return NULL;
}

static bool journal_ends(struct store *store, int64_t *first, int64_t *last)
{
    sqlite3_stmt *query = NULL;
    bool found = store &&
                 sqlite3_prepare_v2(store->database, "SELECT MIN(id), MAX(id) FROM journal", -1, &query,
                                    NULL) == SQLITE_OK &&
                 sqlite3_step(query) == SQLITE_ROW;
    *first = found ? sqlite3_column_int64(query, 0) : 0;
    *last = found ? sqlite3_column_int64(query, 1) : 0;
    sqlite3_finalize(query);
    return found;
}

int64_t store_journal_last(struct store *store)
{
    int64_t first, last;
    if (store && store->newest)
        return store->newest;
    if (journal_ends(store, &first, &last))
        store->newest = last;
    return last;
}

json_t *store_journal_page(struct store *store, const struct store_journal_page *page)
{
    static const char sql[] =
        "SELECT wall_ms, target, event, evidence, id FROM journal "
        "WHERE id >= ?2 AND (?1 IS NULL OR target = ?1 OR id = ?2) ORDER BY id LIMIT ?3";
    sqlite3_stmt *query = NULL;
    int64_t first, last;
    if (!journal_ends(store, &first, &last) ||
        sqlite3_prepare_v2(store->database, sql, -1, &query, NULL) != SQLITE_OK)
        return NULL;
    sqlite3_bind_text(query, 1, page->target, -1, SQLITE_STATIC);
    sqlite3_bind_int64(query, 2, page->from);
    sqlite3_bind_int(query, 3, page->most);
    json_t *rows = json_array();
    int step;
    while ((step = sqlite3_step(query)) == SQLITE_ROW) {
        json_t *row = journal_row_json(query);
        json_object_set_new(row, "id", json_integer(sqlite3_column_int64(query, 4)));
        json_array_append_new(rows, row);
    }
    sqlite3_finalize(query);
    json_t *answer =
        json_pack("{s:I, s:I, s:o}", "first", (json_int_t)first, "last", (json_int_t)last, "rows", rows);
    if (step == SQLITE_DONE)
        return answer;
    json_decref(answer);
    return NULL;
}
