/* The parts of a keeper that a reload changes, and in which order. */
#pragma once

#include "keep/desk.h"
#include "keep/reload.h"
#include "keep/reopen.h"

/* All of it outlives the reload. */
struct reload_parts {
    struct loop *loop;
    const struct log *log;
    struct journal *journal;
    struct config *config; /* see struct reload_settings */
    struct listeners *listeners;
    const struct listeners_settings *listening;
    const struct snapshot_user *user;
    struct targets *targets;
    struct instances *instances;
    struct gates *gates;
    struct condition *condition;
    struct desk *desk; /* gets the operation `reload` */
};

struct reload *reload_parts_new(struct reload_parts *parts);
