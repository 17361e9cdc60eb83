/* What viewers of one run's terminal do, as rows of the journal: who, when and how often.
 *
 * What one user does is told at once, until it has been told VISITS_EACH times within VISITS_PERIOD_MS of the
 * first time; what comes then is told once at the end of that time, as a sum. So a client that comes back in
 * a loop fills no journal. */
#pragma once

#include <jansson.h>

#include "loop/loop.h"

struct visits;

enum { VISITS_EACH = 5, VISITS_PERIOD_MS = 60000, VISITS_USERS = 64 /* beyond them: all in one sum */ };

enum visit_action {
    VISIT_ATTACH,
    VISIT_WATCH, /* attaches, and may not type */
    VISIT_INPUT,
    VISIT_DETACH,
};

struct visit {
    enum visit_action action;
    const char *user; /* UTF-8 */
    int64_t viewer;
    int64_t bytes, first_ms, last_ms; /* of INPUT, wall clock */
};

/* Steals `evidence`. */
typedef void visits_row_fn(void *owner, json_t *evidence);

struct visits *visits_new(struct loop *loop, visits_row_fn *on_row, void *owner);
/* on_row may fire from inside each of these. */
void visits_add(struct visits *visits, const struct visit *visit);
/* Tells all sums now. */
void visits_tell(struct visits *visits);
void visits_free(struct visits **visits);
