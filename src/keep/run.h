/* One run as the keeper sees it: its record, the channel to its hold, its main process, its end (design §4).
 *
 * The same object for a run that was just started and for one that an earlier keeper left behind. It believes
 * a hold only about its own run: the hold's pid and that of the main process are checked against the kernel
 * before anything is signalled. The record is written before the run may start and completed on the way. */
#pragma once

#include "base/log.h"
#include "link/spawn.h"
#include "loop/loop.h"

#include "keep/monitor.h"
#include "keep/record.h"
#include "keep/viewing.h"

struct run;

struct run_end {
    struct target_cause cause; /* exit, signal, exec or lost */
    int64_t after_ms;          /* how long the program ran */
};

/* All from the loop. */
struct run_events {
    /* The program runs; run_main() is known. */
    void (*on_executed)(void *owner);
    /* The main process has gone; the hold stops what it left behind. */
    void (*on_ending)(void *owner);
    /* The hold has gone or talks nonsense: call run_kill(), here or later. */
    void (*on_lost)(void *owner);
    /* Nothing of the run is left (or cannot be ended by us: journalled). The last event; free the run here
     * or later. */
    void (*on_over)(void *owner, const struct run_end *end);
    /* `evidence` is borrowed. */
    void (*on_journal)(void *owner, const char *event, const json_t *evidence);
    /* Its terminal has another size or number of viewers; NULL: nobody wants to know. */
    void (*on_terminal)(void *owner, const struct hold_terminal_news *now);
};

struct run_settings {
    struct loop *loop;
    const struct log *log;
    int directory;           /* run/ of the state directory, stays the caller's, outlives the run */
    int hold_program;        /* as in targets_settings */
    struct monitor *monitor; /* watches its hold; NULL: nobody does */
    const struct run_events *events;
    void *owner;
};

/* Writes the record, then starts the hold with `spawn` (borrowed). NULL with text: nothing runs, and the
 * record says so. */
struct run *run_start(const struct run_settings *settings, const struct record *record,
                      const struct spawn_settings *spawn, struct error *error);
/* Takes over what the record tells of: connects to the hold and asks it. What came of it is told by the first
 * event (on_executed, on_ending, on_over or on_lost): at once where there is no hold, and within
 * RUN_ANSWER_MS where one does not answer (it may only be slow: what it keeps is not killed lightly). */
struct run *run_adopt(const struct run_settings *settings, const struct record *record);
enum { RUN_ANSWER_MS = 10000 };

/* Stop signal to the main process, and SIGKILL to everything after the grace; again with a shorter grace to
 * hurry. A hold that is not done some seconds after that is taken for lost. */
struct run_stop_order {
    int signal;
    int64_t grace_ms;
    const char *reason; /* for the journal; NULL: none */
};
void run_stop(struct run *run, const struct run_stop_order *order);
/* One signal to the main process, through its pidfd; `by` asked for it. 0, -ESRCH (it does not run) or
 * -errno.
 */
int run_signal(struct run *run, int signo, const char *by);
/* Asks its hold for a view of its terminal; done() as for viewing_ask(). */
void run_attach(struct run *run, const struct hold_terminal_attach *attach, viewing_done_fn *done,
                void *owner);
/* SIGKILL to every process of the run, found by identity, until none is left; then on_over. */
void run_kill(struct run *run);
/* Notes in the record when the target became ready. */
void run_set_ready(struct run *run, int64_t ready_after_ms);

bool run_is_executed(const struct run *run);
const struct record *run_record(const struct run *run);
/* Leaves the processes alone: another keeper may adopt them. */
void run_free(struct run **run);
