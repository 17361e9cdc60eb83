/* All targets of one keeper: wanted and actual state, runs, readiness, backoff, adoption, stop (design §4).
 *
 * Knows nothing of gates, listeners and the control socket: what changes goes up through struct
 * targets_events, what others wish comes down through calls. All callbacks fire from the loop. */
#pragma once

#include <jansson.h>

#include "base/log.h"
#include "config/config.h"
#include "loop/loop.h"
#include "wire/target.h"

#include "keep/instance.h"

struct targets;

/* One HTTP GET that is to tell whether a target is ready. */
struct targets_probe {
    uint32_t id;
    const struct target_row *row;
    int socket; /* O_PATH descriptor of its unix socket (borrowed), or -1 */
    const char *path;
    int64_t timeout_ms;
};

struct targets_events {
    /* A row changed (state, address, cause ...). `socket`: O_PATH descriptor of its unix socket (borrowed) or
     * -1. */
    void (*on_change)(void *owner, const struct target_row *row, int socket);
    /* After targets_remove(): nothing of it is left, the row goes with the return. Its name is free again. */
    void (*on_gone)(void *owner, const struct target_row *row);
    /* An HTTP readiness probe to be made by a gate: answer with targets_probed(), same `id`. */
    void (*on_probe)(void *owner, const struct targets_probe *probe);
    /* One decision with its evidence for the journal (design §4 "Signals"): spawn, signal, refusal, adoption,
     * exit ... `evidence` is borrowed. */
    void (*on_journal)(void *owner, const char *target, const char *event, const json_t *evidence);
};

/* Everything that is pointed at outlives the targets. */
struct targets_settings {
    struct loop *loop;
    const struct log *log;
    const struct config *config;
    const char *state_directory;
    const char *runtime_directory; /* sockets of reeve itself, 0700 */
    const char *socket_directory;  /* sockets of kept processes: a folder per run, passable by everyone */
    int hold_program;              /* descriptor of reeve-hold */
    int64_t open_files_soft;       /* RLIMIT_NOFILE that kept processes start with; 0: ours */
    struct monitor *monitor;       /* watches the holds; may be NULL */
    gid_t gates_group;             /* may connect to unix sockets of targets */
    const char *const
        *environment; /* reeve's own variables, "NAME=value", NULL at the end; NULL: environ(7) */
    const struct targets_events *events;
    void *owner;
};

struct targets *targets_new(const struct targets_settings *settings);
/* Reads the run records, adopts holds that are still wanted and match by identity, stops the others, kills
 * whole the runs whose hold is gone. Calls done(owner) when that is settled (bounded by 1 s for adoptions;
 * what must be killed goes on in the background). Before anything is started. */
void targets_adopt(struct targets *targets, void (*done)(void *owner), void *owner);
/* A loop or hook of an earlier reeve is still being ended. */
bool targets_end_jobs(const struct targets *targets);
/* Starts what is wanted at boot, dependencies first. */
void targets_boot(struct targets *targets);

/* --- instances: targets that come and go ------------------------------------------------------------------
 */

struct targets_instance {
    const struct config_service *service; /* its own: its name is the target's. Both outlive the target */
    const struct instance *instance;      /* NULL: a service, that is new */
    bool up;                              /* it was when the last keeper ended: up again */
    const struct target_row *outcome;     /* it ended before this keeper; NULL: it did not */
};

/* The name is no other target's. One that is added before targets_adopt() takes over its run there. The row
 * has been told (on_change) before this returns. */
const struct target_row *targets_add(struct targets *targets, const struct targets_instance *instance);
/* Stops it, whoever wants it, and when it is down forgets it: on_gone follows from the loop. Of services too,
 * when none that stays depends on it. */
void targets_remove(struct targets *targets, const char *name);

/* Another configuration: every service that is in it goes on by its new settings; what it depends on is found
 * anew. Services must have been added before. */
void targets_reload(struct targets *targets, const struct config *config);
/* One that was removed is not down yet; this one is not. */
bool targets_are_leaving(const struct targets *targets);
bool targets_is_leaving(const struct targets *targets, const char *name);

/* --- what is wanted
 * ----------------------------------------------------------------------------------------- */

/* A request waits for a `demand` target; nobody waits any more (per asking gate; `asker` is its slot).
 * False: no such target. */
bool targets_want(struct targets *targets, const char *name, unsigned asker);
void targets_unwant(struct targets *targets, const char *name, unsigned asker);
/* A gate died: all its wishes go. */
void targets_forget_asker(struct targets *targets, unsigned asker);

/* The operator's verbs. done(owner, row, ok) fires when the effect is there or has failed (row->cause says
 * why); at once from the loop when there is nothing to do. False: no such target, or one without a command.
 */
enum targets_verb { TARGETS_START, TARGETS_STOP, TARGETS_RESTART };
struct targets_order {
    const char *name;
    enum targets_verb verb;
    const char *by; /* who wants it, for the journal */
};
typedef void targets_done_fn(void *owner, const struct target_row *row, bool ok);
bool targets_do(struct targets *targets, const struct targets_order *order, targets_done_fn *done,
                void *owner);
/* It has a command here, and may be started: it is not about to go. */
bool targets_is_kept(const struct targets *targets, const char *name);
/* Its run; NULL: nothing runs, or there is no such target. */
struct run *targets_run(const struct targets *targets, const char *name);
/* What it is made of; it must be there. */
const struct config_service *targets_service(const struct targets *targets, const char *name);
/* One signal to the main process of its run. 0, -ESRCH (nothing runs) or -errno. */
int targets_signal(struct targets *targets, const char *name, int signo, const char *by);
/* Takes back the callbacks of an owner that has gone. */
void targets_forget_owner(struct targets *targets, void *owner);

void targets_probed(struct targets *targets, uint32_t id, bool ok, const char *text);

/* Stops everything in reverse order of dependencies (except what outlives reeve); done fires when all are
 * down. `now`: no grace. */
void targets_stop_all(struct targets *targets, bool now, void (*done)(void *owner), void *owner);

/* targets_stop_all() was called: what goes down now is not what anybody wants. */
bool targets_are_stopping(const struct targets *targets);

/* Rows in the order of the configuration, then of their creation. */
size_t targets_count(const struct targets *targets);
const struct target_row *targets_row(const struct targets *targets, size_t index, int *socket);
/* What gates have counted; nobody is told of it, the row has it when it is asked for. */
struct targets_traffic {
    uint64_t streams; /* open now */
    int64_t last_ms;  /* CLOCK_BOOTTIME of the last user traffic; 0: none yet */
};
void targets_set_traffic(struct targets *targets, size_t index, const struct targets_traffic *traffic);
const struct target_row *targets_find(const struct targets *targets, const char *name);
void targets_free(struct targets **targets); /* leaves runs alone */
