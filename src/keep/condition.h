/* The condition of this reeve: what it knows of itself, kept together, told to gates, journal and log (design
 * §5, "Loops are watched"). */
#pragma once

#include "keep/gates.h"
#include "keep/journal.h"
#include "keep/loops.h"

struct condition;

struct condition_settings {
    struct targets_settings made; /* what targets are made with: jobs are too */
    struct journal *journal;
    struct targets *targets;
    struct gates *gates;
};

/* Everything that is pointed at outlives it. */
struct condition *condition_new(const struct condition_settings *settings);
/* The loops, not yet started, and what all jobs share. */
struct loops *condition_loops(const struct condition *condition);
const struct job_shared *condition_jobs(const struct condition *condition);
/* `what` is degraded for this reason; NULL: it is well (again). See keep/degraded.h. */
void condition_set(struct condition *condition, const char *what, const char *reason);
/* Another configuration is in force: loops and addresses follow it, and nothing points into the old one. */
void condition_reload(struct condition *condition, const struct config *config);
/* Something else that is shown has changed: a target, a loop, the phase. */
void condition_changed(struct condition *condition);
void condition_set_phase(struct condition *condition, const char *phase);
/* The body of MESSAGE_GATE_TROUBLE, hostile until checked; its loop does not turn; it has gone, its troubles
 * with it. */
void condition_gate_trouble(struct condition *condition, unsigned slot, const json_t *body);
void condition_gate_late(struct condition *condition, unsigned slot, bool late);
void condition_gate_gone(struct condition *condition, unsigned slot);
/* A gate has been started: it gets the details. */
void condition_greet(struct condition *condition, unsigned slot);
/* {status: "ok" | "degraded", name, version, pid, phase, started, as_of_ms, targets: {wanted, ready,
 * not_ready:
 * [...]}, loops, gates, degraded}: the details of /health; a new reference. */
json_t *condition_describe(const struct condition *condition);
void condition_free(struct condition **condition);
