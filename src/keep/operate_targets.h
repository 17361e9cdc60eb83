/* Operations on targets: what they are, and start, stop and restart of them. An instance is shown to
 * and steered by those whom its template's `allow` names, and by nobody else but the command; all others are
 * the console's (403).
 *
 *   targets {}                                    200 {targets: [target object]}
 *   target {name}                                 200 target object
 *   start stop restart {targets: [names], wait?: bool, wait_ms?: n, generation?: n}
 *       200 {targets} when the effect is there, 202 {targets} when it is not after `wait_ms` (wait: false is
 * 0; neither: no limit), 503 {text, targets} when it has failed, 404 and 409 (one without a command), 412
 *       when the generation is another one.
 *   signal {targets: [name], signal: name or number, generation?}
 *       200 {targets} when it was sent, 404, 409 (nothing runs) and 412 as above, 422 for what is no signal.
 */
#pragma once

#include "loop/loop.h"

#include "keep/instances.h"
#include "keep/operations.h"
#include "keep/targets.h"

struct operate_targets; /* the context of its rows */

/* Adds its rows. Everything outlives it. */
struct operate_targets *operate_targets_new(struct loop *loop, struct targets *targets,
                                            const struct instances *instances, struct operations *operations);
/* After the operations. */
void operate_targets_free(struct operate_targets **targets);
