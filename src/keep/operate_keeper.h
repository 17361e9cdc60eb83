/* Operations on the keeper itself.
 *
 *   status {}                  200 {keeper: {...}, gates, targets, loops, monitor, degraded}
 *   journal {target?, last?}   200 {rows: [{time_ms, target, event, evidence}]}, oldest first
 *   routes {}                  200 {routes: [{place, host, path, to | files, ...}]}
 *   config {}                  200 {config: {...}, defaults: [...]}, secrets masked
 *   version {}                 200 {version, name} */
#pragma once

#include "keep/condition.h"
#include "keep/gates.h"
#include "keep/journal.h"
#include "keep/operations.h"
#include "keep/targets.h"

struct operate_keeper_settings {
    struct loop *loop;
    struct operations *operations;
    const struct targets *targets;
    const struct gates *gates;
    const struct journal *journal;
    const struct condition *condition;
    const struct config *config;
    /* {name, pid, version, config, state, phase, started, listen ...}; a new reference. */
    json_t *(*describe)(void *owner);
    void *owner;
};

struct operate_keeper; /* the context of its rows */

/* Adds its rows. Everything outlives it. */
struct operate_keeper *operate_keeper_new(const struct operate_keeper_settings *settings);
/* Another configuration takes the place of the old one. */
void operate_keeper_reload(struct operate_keeper *keeper, const struct config *config);
/* After the operations. */
void operate_keeper_free(struct operate_keeper **keeper);
