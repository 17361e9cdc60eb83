/* Viewers for terminals: gates and the command ask, the run's hold gets one end of a link, the asker the
 * other (MESSAGE_GATE_ATTACH, MESSAGE_CONTROL_ATTACH). From then on the keeper is not in between. */
#pragma once

#include "wire/principal.h"

#include "keep/instances.h"
#include "keep/operations.h"
#include "keep/viewing.h"

struct viewings;

/* All outlive it. */
struct viewings_settings {
    struct targets *targets;
    const struct instances *instances;
    const struct operations *operations;
};

struct viewings *viewings_new(const struct viewings_settings *settings);
void viewings_free(struct viewings **viewings);

/* One question, {target, view, columns, rows, api?}: hostile until checked. `api`: who asks has not passed a
 * route's `allow`, so the console's or the template's is asked. `who` may be the operator. done() as for
 * viewing_ask(), once, maybe from inside. */
void viewings_attach(struct viewings *viewings, const json_t *question, const struct principal *who,
                     viewing_done_fn *done, void *owner);
/* The asker has gone. */
void viewings_forget(struct viewings *viewings, const void *owner);
