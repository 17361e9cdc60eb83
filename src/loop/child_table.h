/* The children that somebody waits for, by pid, and the one place that reaps (waitid(2), P_ALL). */
#pragma once

#include "loop/loop.h"

struct child_table {
    struct child_table_row *by_pid; /* uthash */
    loop_child_fn *on_unknown;
    void *unknown_owner;
};

/* As loop_child(). */
void child_table_set(struct child_table *table, pid_t pid, loop_child_fn *on_exit, void *owner);
/* Reaps at most `most` ended children and reports each. True when there may be more. */
bool child_table_reap(struct child_table *table, int most);
void child_table_free(struct child_table *table);
