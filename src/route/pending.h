/* Questions of a gate that the keeper has not answered yet: each has a number by which its answer finds it,
 * and a timer by which it gives up. What is asked, and what becomes of it, is its owner's. */
#pragma once

#include "loop/loop.h"

/* All of one kind. */
struct pendings {
    struct loop *loop;
    struct list open;
    uint32_t last_id;
};

/* One, inside its owner's object; all zero: not under way. */
struct pending {
    struct list link;
    uint32_t id; /* 0: not under way */
    struct loop_timer patience;
};

void pending_begin(struct pendings *all, struct loop *loop);
/* Gives it a number, which no other of them has. It is not under way. */
void pending_add(struct pendings *all, struct pending *one);
/* Gives up after `ms`: 0 is with the loop's next turn, never inside this call. The last call counts. */
void pending_wait(const struct pendings *all, struct pending *one, int64_t ms, loop_timer_fn *on_late);
/* It is under way no more. False: nor was it before. */
bool pending_end(struct pending *one);
/* NULL: nobody waits for this answer any more. */
struct pending *pending_find(const struct pendings *all, uint32_t id);
size_t pending_count(const struct pendings *all);
/* Calls `end`, which has to pending_end(), for each that is there now. It may end others of them and add new
 * ones, which are let alone. */
void pending_each(struct pendings *all, void (*end)(struct pending *one));
