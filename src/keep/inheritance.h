/* What an earlier keeper left: runs that a target takes over, and those that none owns any more, which are
 * ended in the background. */
#pragma once

#include "keep/run.h"

struct inheritance;

/* From the loop and from inside inheritance_read(); none may free it. */
struct inheritance_events {
    /* The newest run of a target. True: it has an owner now. */
    bool (*on_run)(void *owner, const struct record *record);
    /* A run that was taken over has not been heard of yet. */
    bool (*is_adopting)(void *owner);
    /* Time for inheritance_review(). */
    void (*on_change)(void *owner);
    /* `evidence` is borrowed. */
    void (*on_journal)(void *owner, const char *target, const char *event, const json_t *evidence);
};

struct inheritance_settings {
    struct run_settings run; /* its events and owner are ours to set */
    const struct inheritance_events *events;
    void *owner;
};

struct inheritance *inheritance_new(const struct inheritance_settings *settings);
/* Reads the records, once. done(owner) comes from a review, when all that was taken over has been heard of
 * or INHERITANCE_PATIENCE_MS have passed. */
void inheritance_read(struct inheritance *inheritance, void (*done)(void *owner), void *owner);
enum { INHERITANCE_PATIENCE_MS = 1000 };
/* Looks whether that is so. */
void inheritance_review(struct inheritance *inheritance);
/* Nothing without an owner is left. */
bool inheritance_is_settled(const struct inheritance *inheritance);
/* A job of an earlier keeper is still being ended. */
bool inheritance_has_job(const struct inheritance *inheritance);
/* Without grace from here on. */
void inheritance_hurry(struct inheritance *inheritance);
/* Leaves runs alone. */
void inheritance_free(struct inheritance **inheritance);
