/* One sign-in under way: a password helper (admit/checker.h), the socket to it that a gate gets, the verdict.
 * The password is never here. */
#pragma once

#include "base/log.h"
#include "loop/loop.h"

#include "keep/journal.h"
#include "keep/snapshot.h"

enum { HELPER_PATIENCE_MS = 10000 /* from the start of the helper to its end */ };

enum helper_kind {
    HELPER_FITS,    /* stamp: of the user's line at that moment */
    HELPER_WRONG,   /* no such user, another password, or one that nobody can have */
    HELPER_NOTHING, /* nothing was asked: the client has left */
    HELPER_BROKEN,  /* the helper could not do its work, or took too long; text says why */
};

struct helper_verdict {
    enum helper_kind kind;
    const char *user; /* whom it was about, as the helper says; NULL: nobody */
    const char *stamp;
    const char *text;
};

struct helper;

struct helper_events {
    /* Once, from the loop; not after helper_drop(). */
    void (*on_verdict)(void *owner, const struct helper_verdict *verdict);
    /* The helper's process has gone, and with it the struct helper; always, also after helper_drop(). `place`
     * is what helper_start() got. */
    void (*on_gone)(void *place);
};

struct helper_start {
    struct loop *loop;
    const struct log *log;
    struct journal *journal;   /* of the signals it gets */
    struct snapshot_user user; /* what the helper becomes when we are root */
    int users;                 /* descriptor of the users file; stays the caller's */
    const struct helper_events *events;
    void *owner; /* of the verdict */
    void *place; /* of the process */
};

/* NULL with -errno in *error. *socket: the gate's end, the caller's from here on. */
struct helper *helper_start(const struct helper_start *start, int *socket, int *error);
/* Nobody waits for the verdict any more: the helper is killed. */
void helper_drop(struct helper *helper);
/* At the end of the keeper: kills it and frees at once; on_gone does not fire. */
void helper_free(struct helper **helper);
pid_t helper_pid(const struct helper *helper);
