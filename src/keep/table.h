/* What a target does when something happens to it: the whole state × event table (design §4).
 *
 * Pure. Wanted and actual are apart: the table holds the actual state; whoever calls turns what is wanted
 * into the event (a run that is over comes as one of TABLE_OVER_*, chosen by what is wanted and by policy).
 * News of an older run never gets here. */
#pragma once

#include "wire/target.h"

enum table_event {
    TABLE_WANT,               /* boot, a request or a dependent needs it */
    TABLE_START,              /* the operator said start */
    TABLE_UNWANT,             /* nobody needs it any more; what is ready stays */
    TABLE_STOP,               /* shall not run: the operator, the end of reeve */
    TABLE_RESTART,            /* the operator said restart */
    TABLE_ADOPT,              /* a hold of an earlier reeve was found running */
    TABLE_DEPENDENCIES_READY, /* everything it depends on is ready */
    TABLE_DEPENDENCY_FAILED,  /* something it depends on cannot get ready now */
    TABLE_EXECUTED,           /* the program runs */
    TABLE_READY,              /* traffic may flow */
    TABLE_NOT_READY,          /* the time to get ready is over */
    TABLE_ENDING,             /* the main process has gone; its hold stops what it left behind */
    TABLE_LOST,               /* the hold has gone without a word */
    TABLE_OVER_AGAIN,         /* nothing of the run is left, and the next one begins at once */
    TABLE_OVER_DOWN,          /* ... and nothing shall run */
    TABLE_OVER_RETRY,         /* ... and policy tries again later */
    TABLE_OVER_ENDED,         /* ... and policy says done, with success */
    TABLE_OVER_FAILED,        /* ... and policy says done, without */
    TABLE_BACKOFF_DUE,        /* the time of the next attempt has come and somebody needs it */
    TABLE_BACKOFF_LAPSED,     /* ... and nobody does */
};
enum { TABLE_EVENTS = TABLE_BACKOFF_LAPSED + 1 };

enum table_action {
    TABLE_NOTHING,
    TABLE_BEGIN,  /* ask for the dependencies; DEPENDENCIES_READY or _FAILED follows */
    TABLE_LAUNCH, /* make a run: directories, port, hold */
    TABLE_WATCH,  /* look whether it is ready */
    TABLE_OPEN,   /* it is: tell who waits */
    TABLE_END,    /* stop signal and grace through the hold; without a run it is over at once */
    TABLE_LEAVE,  /* the hold ends it already: only stop looking */
    TABLE_KILL,   /* without the hold: every process of the run, by identity */
    TABLE_SETTLE, /* nothing runs: forget the run, the port, the next attempt */
    TABLE_DEFER,  /* the same, and note the next attempt */
};
enum { TABLE_ACTIONS = TABLE_DEFER + 1 };

struct table_cell {
    enum target_state next;
    enum table_action action;
};

struct table_cell table_apply(enum target_state state, enum table_event event);
const char *table_event_name(enum table_event event); /* "want" "executed" ...; for the log */
