#include <stdlib.h>

#include "base/memory.h"
#include "store/journal.h"

#include "keep/journal.h"

/* Written by the keeper alone. */
static void tell_newest(struct journal *journal)
{
    if (journal->newest)
        atomic_store_explicit(journal->newest, (uint64_t)store_journal_last(journal->store),
                              memory_order_relaxed);
}

void journal_append(struct journal *journal, const char *target, const char *event, const json_t *evidence)
{
    const struct clock *clock = journal->clock;
    const struct store_journal_row row = {
        .wall_ms = clock->wall_ms(clock),
        .boottime_ms = clock->boottime_ms(clock),
        .target = target,
        .event = event,
        .evidence = evidence,
    };
    if (journal->store && !store_journal_append(journal->store, &row))
        log_warning(journal->log, "the journal could not be written", LOG_TEXT("lost", event));
    tell_newest(journal);
}

void journal_note(struct journal *journal, const char *event, json_t *evidence)
{
    journal_append(journal, NULL, event, evidence);
    json_decref(evidence);
}

void journal_open(struct journal *journal, const char *state_directory)
{
    struct error error = {0};
    char *moved = NULL;
    char *path = memory_format("%s/reeve.db", state_directory);
    journal->store = store_open(path, &moved, &error);
    if (!journal->store)
        log_error(journal->log, "no journal", LOG_TEXT("error", error.text));
    if (moved) {
        log_warning(journal->log, "the database was unusable and was moved aside", LOG_TEXT("to", moved),
                    LOG_TEXT("error", error.text));
        journal_note(journal, "database-moved", json_pack("{s:s, s:s}", "to", moved, "error", error.text));
    }
    free(moved);
    free(path);
}

void journal_close(struct journal *journal)
{
    store_close(&journal->store);
}

void journal_tell(struct journal *journal, _Atomic uint64_t *newest)
{
    journal->newest = newest;
    tell_newest(journal);
}

json_t *journal_page(const struct journal *journal, const char *target, int64_t from, int most)
{
    const struct store_journal_page page = {.target = target, .from = from, .most = most};
    return store_journal_page(journal->store, &page);
}

json_t *journal_read(const struct journal *journal, const char *target, int last)
{
    return store_journal_read(journal->store, target, last);
}
