/* What viewers did, for the keeper's journal: who left, who typed, when and how much; never what.
 *
 * What is typed is summed per viewer, and told when a minute has passed since it began, or when the viewer
 * leaves. While nobody listens it waits. */
#pragma once

#include "loop/loop.h"
#include "wire/hold_terminal.h"

#include "hold/spectator.h"

struct audit;

struct audit_events {
    /* False: nobody is there to hear it. Size and viewers are the owner's to fill in. */
    bool (*on_news)(void *owner, struct hold_terminal_news *news);
    void *owner;
};

/* `viewers` is the list of those who watch. */
struct audit *audit_new(struct loop *loop, struct list *viewers, const struct audit_events *events);
void audit_typed(struct audit *audit, struct spectator *viewer, size_t bytes);
/* Call before the viewer leaves the list. */
void audit_left(struct audit *audit, struct spectator *viewer);
/* Somebody listens now: tells what waits. */
void audit_tell(struct audit *audit);
/* The run ends: everything that was typed is told, or tried to. */
void audit_finish(struct audit *audit);
void audit_free(struct audit **audit);
