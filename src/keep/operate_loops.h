/* Operations on the loops and on the condition of reeve.
 *
 *   loops {}    200 {loops: [...]}: what loops_describe() says
 *   health {}   200 the details of /health */
#pragma once

#include "keep/condition.h"
#include "keep/operations.h"

/* Adds its rows. The condition outlives the operations. */
void operate_loops_add(struct operations *operations, struct condition *condition);
