/* The keeper: the process that decides (design §1, §3). Owns configuration, listeners, targets, gates,
 * journal.
 *
 * Reads only YAML (through config), messages of reeve's own roles and its database: nothing from the network.
 */
#pragma once

#include "base/log.h"
#include "config/config.h"
#include "loop/loop.h"

#include "keep/targets.h"

struct keeper;
struct listeners;

enum keeper_phase {
    KEEPER_STARTING, /* listening; requests wait */
    KEEPER_SERVING,
    KEEPER_STOPPING,
};

/* All from the loop; each may be NULL. */
struct keeper_events {
    /* The loop stands and nothing has been started yet: followers of logs and the like begin here. */
    void (*on_begin)(void *owner, struct keeper *keeper);
    /* Listening, survivors adopted, gates serving: what is wanted at boot is being started. */
    void (*on_serving)(void *owner, struct keeper *keeper);
    void (*on_row)(void *owner, const struct target_row *row);
    /* The loop is about to end: stop what on_begin started. */
    void (*on_end)(void *owner, struct keeper *keeper);
};

struct keeper_settings {
    const struct config *config; /* outlives keeper_run() */
    const struct clock *clock;
    const struct log *log;
    const char *hold_program; /* path of reeve-hold */
    const struct keeper_events *events;
    void *owner;
};

enum {
    KEEPER_EXIT_DONE = 0,
    KEEPER_EXIT_FAILED = 1,
    KEEPER_EXIT_USAGE = 2,
    KEEPER_EXIT_RUNNING = 3,
    KEEPER_EXIT_PORT_HELD = 4,
};

/* The whole life, from the lock to the end. The command's exit code (contract §3), with the text unless it is
 * 0. */
int keeper_run(const struct keeper_settings *settings, struct error *error);

struct loop *keeper_loop(const struct keeper *keeper);
struct targets *keeper_targets(const struct keeper *keeper);
const struct listeners *keeper_listeners(const struct keeper *keeper);
enum keeper_phase keeper_phase(const struct keeper *keeper);
const char *keeper_state_directory(const struct keeper *keeper);
/* Stops in order (design §3 "Stop"); a second call, or `now`, kills. */
void keeper_stop(struct keeper *keeper, bool now);
