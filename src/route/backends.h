/* The targets as this gate sees them, and the requests that wait for one (design §4 "Single flight").
 *
 * Rows come from the keeper, whole at the gate's start and then by change. A request asks for the verdict:
 * go, wait or be refused. While requests wait for a target that is started on demand, the keeper is told so
 * once; when the last of them has left, it is told that too. */
#pragma once

#include <jansson.h>

#include "http/upstream.h"
#include "link/page.h"
#include "wire/target.h"

#include "route/backends_verdict.h"
#include "route/policies.h"

enum {
    BACKENDS_WAITERS_MOST = 1000, /* per target; the next one gets 503 */
    BACKENDS_NEWS_MS = 1000,      /* how long news of a process that just died may take */
    BACKENDS_DISTRUST_MS = 10000, /* how often on_distrust is told of one target */
};

struct backends;
struct backend; /* one target; lives as long as anybody waits for it, watches it or has a request open there
                 */

struct backends_settings {
    struct loop *loop;
    struct page *page; /* this gate's own; may be NULL */
    void (*on_want)(void *owner, const char *target);
    void (*on_unwant)(void *owner, const char *target);
    /* Its certificate did not pass, or it speaks no TLS. */
    void (*on_distrust)(void *owner, const char *target, const char *text);
    const struct policies *policies; /* may be NULL: then nothing is reached over TLS */
    struct resolver *resolver;       /* outlives them */
    void *owner;
};

struct backends *backends_new(const struct backends_settings *settings);
/* Nobody waits and no call is open any more. */
void backends_free(struct backends **backends);

/* The whole table: an array of rows; a target that is not in it is gone. False: malformed, nothing changed.
 */
bool backends_set_table(struct backends *backends, const json_t *rows);
/* One row, or {name, gone: true}: that target is no more. `socket`: O_PATH descriptor of the target's unix
 * socket, taken over; -1: none. */
bool backends_set_row(struct backends *backends, const json_t *row, int socket);
/* Policies have been committed: rows that waited for theirs find it. */
void backends_find_policies(struct backends *backends);
/* The keeper has gone: nothing is started any more. */
void backends_set_keeper_away(struct backends *backends);
bool backends_is_keeper_away(const struct backends *backends);
/* /ready: every target that shall be up is ready; false before the first table. */
bool backends_are_ready(const struct backends *backends);
/* Writes last_activity_ms of the targets that had traffic since the last call into the page, and frees those
 * that are gone and that nobody holds any more. */
void backends_tick(struct backends *backends);

/* NULL: never heard of. */
struct backend *backends_find(struct backends *backends, struct slice name);
const struct target_row *backends_row(const struct backend *backend);
struct upstream_pool *backends_pool(struct backends *backends);

/* Where a call has gone. */
struct backends_way {
    struct backend *backend; /* NULL: nowhere */
    struct address address;
    uint64_t trust; /* under which of its policies */
};

/* Where to connect; one after the other when there are several. Only after BACKENDS_GO. */
struct backends_way backends_way(struct backend *backend);
/* How to check who answers there; borrowed until the return to the loop, NULL: in the clear. */
struct tls_policy *backends_tls(const struct backend *backend);
/* Whether a call would still go there, under this policy. What goes to a run of ours ends with it, so it is
 * not asked: true. The way's backend is held. */
bool backends_way_holds(const struct backends_way *way);
/* Some ways may hold no more since the last call. */
bool backends_have_moved(struct backends *backends);

/* A call to it has failed for `text`. */
void backends_distrust(struct backend *backend, const char *text);

/* --- may a request go there? --------------------------------------------------------------------- */

enum backends_verdict backends_verdict(const struct backend *backend);

/* One who waits, inside its owner's object. */
struct backends_waiter {
    struct list link; /* all zero: waits for nothing */
    struct loop_timer limit;
    struct backend *backend;
    /* The row has changed: ask for the verdict again. Fires from the loop; may leave or go on waiting. */
    void (*on_news)(struct backends_waiter *waiter);
    /* `limit_ms` have passed. The waiter has left. */
    void (*on_late)(struct backends_waiter *waiter);
};

/* Sets the waiter's callbacks first. False: too many wait. A waiter that waits already stays with its limit.
 */
bool backends_wait(struct backend *backend, struct backends_waiter *waiter, int64_t limit_ms);
/* Does nothing for one who does not wait. */
void backends_leave(struct backends_waiter *waiter);

/* --- one who only looks on ----------------------------------------------------------------------- */

/* Inside its owner's object; all zero: looks at nothing. Nothing is started for it. */
struct backends_watcher {
    struct list link;
    /* The row has changed, or is gone. From the loop; may unwatch itself, no other. */
    void (*on_change)(struct backends_watcher *watcher);
};

void backends_watch(struct backend *backend, struct backends_watcher *watcher,
                    void (*on_change)(struct backends_watcher *watcher));
void backends_unwatch(struct backends_watcher *watcher);
/* False: the keeper does not know it (any more). */
bool backends_is_known(const struct backend *backend);
/* It is over for good: ended, failed, stopped by an operator, or gone. */
bool backends_has_ended(const struct backend *backend);

/* --- one who looks at all of them ---------------------------------------------------------------- */

/* The row has changed or the target is gone (backends_is_known()); from inside backends_set_*(). One
 * observer; NULL: none. */
void backends_observe(struct backends *backends,
                      void (*on_change)(void *owner, const struct backend *backend), void *owner);
/* Every change has a number, higher than all before it. */
uint64_t backends_change(const struct backend *backend);
/* The known target whose last change comes next after `seen`; NULL: none has changed since. */
const struct backend *backends_next_change(const struct backends *backends, uint64_t seen);

/* --- traffic, for the page ----------------------------------------------------------------------- */

void backends_open(struct backend *backend);  /* a request or stream begins */
void backends_close(struct backend *backend); /* ... and ends */
void backends_touch(struct backend *backend); /* user data has passed */
