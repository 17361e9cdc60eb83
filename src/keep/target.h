/* One target as its keeper sees it: row, current run, readiness, backoff; what happens to it goes through
 * keep/table. What it shall do comes from targets.c, which alone knows the other targets. */
#pragma once

#include "keep/instance.h"
#include "keep/ports.h"
#include "keep/record.h"
#include "keep/table.h"
#include "keep/targets.h"

struct target;

/* All fire from inside target_event() and from the loop; none may free the target or call target_event() for
 * another one: note it and act later. */
struct target_events {
    /* Row, run or socket changed; look at target_waits() too. */
    void (*on_change)(void *owner, struct target *target);
    void (*on_probe)(void *owner, struct target *target, const char *path, int64_t timeout_ms);
};

/* What all targets of a keeper share. */
struct target_shared {
    struct targets_settings settings;
    struct ports *ports;
    int run_directory;
    const struct target_events *events;
    config_lookup_fn *lookup; /* services.NAME.port and .socket */
    void *owner;
};

/* What a target is made of; all outlives it. */
struct target_form {
    const struct config_service *service;
    const struct instance *instance; /* NULL: the service itself */
    unsigned slot;                   /* in the shared pages */
    uint64_t generation;             /* the highest that a record tells of */
};

/* A service with addresses is ready at once and for ever. */
struct target *target_new(const struct target_shared *shared, const struct target_form *form);
/* Another form of the same service, after a reload (or the same one, whose values are others now): for what
 * comes next; a run goes on as it is. */
void target_set_service(struct target *target, const struct config_service *service);
/* Leaves a run alone. */
void target_free(struct target **target);

void target_event(struct target *target, enum table_event event);
/* As TABLE_DEPENDENCY_FAILED, with the cause; `next_attempt_ms` (CLOCK_BOOTTIME) when the dependency's own is
 * known, else 0. */
void target_dependency_failed(struct target *target, const char *text, int64_t next_attempt_ms);
/* What is wanted, for the row and for what follows a run's end; the caller sends the event. */
void target_set_wanted(struct target *target, bool wanted);
/* Shall not run whoever wants it: the operator's wish or the end of reeve; `why` (static) is for the cause.
 */
void target_set_stopped(struct target *target, bool stopped, const char *why);
/* It ended or failed before this keeper: how, as its row said then. From TARGET_DOWN only. */
void target_restore(struct target *target, const struct target_row *outcome);
/* For the row alone; `idle_since_ms` (wall clock) 0: it is not idle, or nothing is known. */
void target_set_traffic(struct target *target, uint64_t streams, int64_t idle_since_ms);
/* Takes over a recorded run; from TARGET_DOWN only. */
void target_adopt(struct target *target, const struct record *record);
struct run *target_run(const struct target *target); /* NULL: none */
/* The answer to on_probe. */
void target_probed(struct target *target, bool ok, const char *text);

const struct target_row *target_row(const struct target *target);
const struct config_service *target_service(const struct target *target);
int target_socket(const struct target *target);   /* O_PATH or -1; borrowed */
bool target_is_kept(const struct target *target); /* it has a command */
bool target_waits(
    const struct target *target); /* for its dependencies: send TABLE_DEPENDENCIES_READY or _FAILED */
bool target_heals(const struct target *target);          /* in backoff because of a dependency */
bool target_is_adopting(const struct target *target);    /* the adopted run has not been heard of yet */
bool target_has_been_ready(const struct target *target); /* since it was wanted: a demand target stays up */
