/* The journal: what reeve decided and why, one row each, the newest 100,000. */
#pragma once

#include <jansson.h>

#include "store/store.h"

struct store_journal_row {
    int64_t wall_ms;
    int64_t boottime_ms;
    const char *target; /* NULL: reeve itself */
    const char *event;  /* "spawn" "signal" "exit" "adopt" "port-takeover" ... */
    const json_t *evidence;
};

/* False when the database fails. `store` may be NULL. */
bool store_journal_append(struct store *store, const struct store_journal_row *row);
/* The newest `last` rows, oldest first, of one target or (NULL) of all: [{time_ms, target, event, evidence}].
 * A new reference; NULL when the database fails. */
json_t *store_journal_read(struct store *store, const char *target, int last);

/* The number of the newest row; 0: there is none, or no database. */
int64_t store_journal_last(struct store *store);

struct store_journal_page {
    const char *target; /* only its rows, and the one with number `from` whosever it is; NULL: all */
    int64_t from;       /* a row's number */
    int most;
};

/* {first, last, rows: [{id, time_ms, target, event, evidence}]}, oldest first; first and last are the numbers
 * of the oldest and newest row of all, 0 when there is none. A new reference; NULL when the database fails.
 */
json_t *store_journal_page(struct store *store, const struct store_journal_page *page);
