#include "store/database.h"
#include "store/query.h"

static void query_bind(sqlite3_stmt *statement, const json_t *values)
{
    for (size_t i = 0; i < json_array_size(values); i++) {
        const json_t *value = json_array_get(values, i);
        if (json_is_integer(value))
            sqlite3_bind_int64(statement, (int)i + 1, json_integer_value(value));
        else if (json_is_string(value))
            sqlite3_bind_text(statement, (int)i + 1, json_string_value(value), (int)json_string_length(value),
                              SQLITE_TRANSIENT);
    }
}

/* NULL when the database fails. Takes `values`. */
static sqlite3_stmt *query_begin(struct store *store, const char *sql, json_t *values)
{
    sqlite3_stmt *statement = NULL;
    if (store && sqlite3_prepare_v2(store->database, sql, -1, &statement, NULL) == SQLITE_OK)
        query_bind(statement, values);
    json_decref(values);
    return statement;
}

int query_change(struct store *store, const char *sql, json_t *values)
{
    sqlite3_stmt *statement = query_begin(store, sql, values);
    bool done = statement && sqlite3_step(statement) == SQLITE_DONE;
    sqlite3_finalize(statement);
    return done ? sqlite3_changes(store->database) : -1;
}

bool query_run(struct store *store, const char *sql, json_t *values)
{
    return query_change(store, sql, values) >= 0;
}

static json_t *query_value(sqlite3_stmt *statement, int column)
{
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        return json_integer(sqlite3_column_int64(statement, column));
    case SQLITE_TEXT: {
        json_t *text = json_string((const char *)sqlite3_column_text(statement, column));
        return text ? text : json_null(); /* not UTF-8: never ours */
    }
    default:
        return json_null();
    }
}

static json_t *query_row(sqlite3_stmt *statement)
{
    json_t *row = json_object();
    for (int i = 0; i < sqlite3_column_count(statement); i++)
        json_object_set_new(row, sqlite3_column_name(statement, i), query_value(statement, i));
    return row;
}

json_t *query_rows(struct store *store, const char *sql, json_t *values)
{
    sqlite3_stmt *statement = query_begin(store, sql, values);
    if (!statement)
        return NULL;
    json_t *rows = json_array();
    int step;
    while ((step = sqlite3_step(statement)) == SQLITE_ROW)
        json_array_append_new(rows, query_row(statement));
    sqlite3_finalize(statement);
    if (step == SQLITE_DONE)
        return rows;
    json_decref(rows);
    return NULL;
}
