#include <stdlib.h>

#include "base/memory.h"
#include "store/journal.h"

#include "keep/journal.h"

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

json_t *journal_read(const struct journal *journal, const char *target, int last)
{
    return store_journal_read(journal->store, target, last);
}
