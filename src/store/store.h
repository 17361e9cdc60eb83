/* SQLite behind plain calls: the journal (later sessions and tokens). Keeper only.
 *
 * The database may be rebuilt at any time: one that cannot be used is moved aside. A failing database never
 * stops anything: calls return false and the caller goes on (design §2 "Truth about runs"). */
#pragma once

#include <jansson.h>

#include "base/error.h"

struct store;

/* Opens (or makes) `path` with WAL, synchronous=NORMAL, exclusive, mode 0600. A corrupt file is renamed to
 * path.corrupt-N and a fresh one made; *moved (may be NULL) then tells its new name (free it). NULL with the
 * text when even that fails. */
struct store *store_open(const char *path, char **moved, struct error *error);
void store_close(struct store **store);

struct store_journal_row {
    int64_t wall_ms;
    int64_t boottime_ms;
    const char *target; /* NULL: reeve itself */
    const char *event;  /* "spawn" "signal" "exit" "adopt" "port-takeover" ... */
    const json_t *evidence;
};

/* Appends; keeps the newest 100,000 rows. False when the database fails. `store` may be NULL. */
bool store_journal_append(struct store *store, const struct store_journal_row *row);
/* The newest `last` rows, oldest first, of one target or (NULL) of all: [{time_ms, target, event, evidence}].
 * A new reference; NULL when the database fails. */
json_t *store_journal_read(struct store *store, const char *target, int last);
