/* The kept program: fork, the child's last steps before exec, and how exec went. */
#pragma once

#include "loop/loop.h"
#include "wire/hold.h"

struct program;

struct program_settings {
    const struct hold_spec *spec; /* outlives the callbacks below */
    int cgroup_procs;             /* open for writing; -1: none */
    int terminal;                 /* the program's end of its terminal, stays the caller's; -1: pipes */
    /* exec has succeeded (or a signal ended the child before it, which its exit tells). `contained`: it is in
     * its cgroup. */
    void (*on_started)(void *owner, bool contained);
    /* It never ran: `failure` has error, stage, path and text. The child's exit is reported by the loop too.
     */
    void (*on_failed)(void *owner, const struct hold_end *failure);
    void *owner;
};

/* Both -1 with a terminal. */
struct program_pipes {
    int output; /* read end of the program's stdout; non-blocking, the caller's */
    int error;  /* of its stderr */
};

/* Forks. NULL with `failure` filled when not even that was possible. on_started or on_failed fires later,
 * once, from the loop or from program_settle(). */
struct program *program_start(struct loop *loop, const struct program_settings *settings,
                              struct program_pipes *pipes, struct hold_end *failure);
pid_t program_pid(const struct program *program);
/* The child has exited: whatever exec had to report is there now. Fires the callback if it has not fired. */
void program_settle(struct program *program);
void program_free(struct program **program);
