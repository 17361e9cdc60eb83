/* What is left of a run whose hold is gone, found by identity: the recorded processes while they are still
 * the same ones, every process with the run's nonce in its environment, and what descends from any of them
 * (design §4, "Whole kills"). Never by name, port or user. */
#pragma once

#include "keep/identity.h"

struct survivors_run {
    const char *nonce;    /* REEVE_RUN of the run; never empty */
    struct identity hold; /* pid 0: unknown */
    struct identity main; /* pid 0: unknown */
};

enum survivors_why {
    SURVIVORS_HOLD,       /* the recorded hold itself */
    SURVIVORS_MAIN,       /* the recorded main process */
    SURVIVORS_NONCE,      /* REEVE_RUN=nonce in /proc/PID/environ */
    SURVIVORS_DESCENDANT, /* a child of one of these */
};

struct survivor {
    struct identity identity;
    enum survivors_why why;
};

/* "recorded hold" "recorded main process" "nonce" "descendant": for the journal. */
const char *survivors_why_name(enum survivors_why why);

/* Live processes of the run. The count, at most `most`; look again after killing what was found, until it is
 * 0 (a process may fork meanwhile). The calling process is never among them. */
int survivors_find(const struct survivors_run *run, struct survivor *found, int most);
