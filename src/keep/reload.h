/* Another configuration for a keeper that runs (design §3 "Reload"): read and checked whole, tried by all
 * gates, and only then taken. Anything wrong anywhere: nothing changes.
 *
 *   reading → listeners that are new → services that are new → all gates prepare and commit → the rest
 *
 * Services that are new are known before gates send anybody there; those that are gone end after no route
 * leads there any more. */
#pragma once

#include "config/changes.h"

#include "keep/gates.h"
#include "keep/journal.h"
#include "keep/listeners.h"

struct reload;

struct reload_events {
    /* Whether it can be taken just now; false with the text. */
    bool (*on_check)(void *owner, const struct config *config, const struct config_changes *changes,
                     struct error *error);
    /* Before the gates are asked: what only may come, such as services that are new. */
    void (*on_prepare)(void *owner, const struct config *config, const struct config_changes *changes);
    /* The gates serve it: everything that points into parts of the old configuration is to point into this
     * one when it returns, but for targets that are leaving (see `is_leaving`). */
    void (*on_taken)(void *owner, const struct config *config, const struct config_changes *changes);
    /* The gates would not: what on_prepare brought is to go again. */
    void (*on_dropped)(void *owner, const struct config *config, const struct config_changes *changes);
    /* Something that has left the configuration still runs by the old one. */
    bool (*is_leaving)(void *owner);
    /* The snapshot of a configuration; NULL with the text. */
    struct snapshot *(*make_snapshot)(void *owner, const struct config *config,
                                      const struct listeners *listeners, uint64_t number,
                                      struct error *error);
};

/* Everything that is pointed at outlives it. */
struct reload_settings {
    struct loop *loop;
    const struct log *log;
    struct journal *journal;
    struct gates *gates;
    struct listeners *listeners; /* the keeper's: others when a reload is taken */
    struct config *config;       /* what rules: whoever looks at it sees the new values in place */
    const struct listeners_settings *listening;
    const struct reload_events *events;
    void *owner;
};

struct reload *reload_new(const struct reload_settings *settings);
void reload_free(struct reload **reload);

/* 200: taken (or, tried only, it could be); `changes` is [{path, before, after}]. 422: the text says what is
 * wrong and where; 409: another one is under way, or reeve does not serve (yet, or any more). */
typedef void reload_done_fn(void *owner, int status, const json_t *changes, const char *text);

/* Refused unless it is open: while reeve serves. */
void reload_set_open(struct reload *reload, bool open);
/* `by` is who asks, for the journal. The answer comes from inside the call or from the loop; `done` may be
 * NULL. */
void reload_ask(struct reload *reload, bool try_only, const char *by, reload_done_fn *done, void *owner);
/* Who asked has gone: it goes on, and tells nobody. */
void reload_forget(struct reload *reload, const void *owner);
/* The gates' on_served. False: it was not about a reload. */
bool reload_served(struct reload *reload, bool ok, const char *text);
