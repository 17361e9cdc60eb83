/* What gates hold open and can be lost or found while they serve: a files root that a build has made anew, an
 * access log that could not be opened at first. Looked at once a second; the gates then get another snapshot.
 */
#pragma once

#include "keep/condition.h"

struct reopen {
    struct loop *loop;
    const struct log *log;
    const struct config *config;
    const struct listeners *listeners;
    const struct snapshot_user *user;
    struct gates *gates;
    struct condition *condition;
    struct loop_timer look;
};

/* The first snapshot of all; NULL with the text. What it lacks is told to the condition. */
struct snapshot *reopen_first(struct reopen *reopen, struct error *error);
void reopen_start(struct reopen *reopen);
void reopen_stop(struct reopen *reopen);
