/* The keeper's journal and the database it is in (design §2 "Truth about runs"): one row per decision.
 *
 * Works without a database as well: then rows are lost, with a warning each, and nothing else stops. */
#pragma once

#include <jansson.h>
#include <stdatomic.h>

#include "base/log.h"

struct store;

struct journal {
    const struct clock *clock;
    const struct log *log;
    struct store *store;      /* NULL: not opened yet, or it cannot be */
    _Atomic uint64_t *newest; /* where the number of the newest row is told; NULL: nowhere */
};

/* Opens STATE/reeve.db. One that is unusable was moved aside: logged, and the first row of the new one. */
void journal_open(struct journal *journal, const char *state_directory);
void journal_close(struct journal *journal);
/* From now on the number of the newest row is in *newest, which outlives the journal. */
void journal_tell(struct journal *journal, _Atomic uint64_t *newest);

/* Appends a row about `target`; NULL: about reeve itself. `evidence` is borrowed. */
void journal_append(struct journal *journal, const char *target, const char *event, const json_t *evidence);
/* A row about reeve itself; the reference to `evidence` is taken. */
void journal_note(struct journal *journal, const char *event, json_t *evidence);
/* The newest `last` rows, oldest first, of one target or (NULL) of all; a new reference, NULL when the
 * database fails. */
json_t *journal_read(const struct journal *journal, const char *target, int last);
/* As store_journal_page(). */
json_t *journal_page(const struct journal *journal, const char *target, int64_t from, int most);
