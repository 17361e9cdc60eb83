/* The operation that reads the configuration again.
 *
 *   reload {dry_run?: bool}   200 {changes: [{path, before?, after?}]}; 422, 409 {text}: nothing was changed
 */
#pragma once

#include "keep/operations.h"
#include "keep/reload.h"

/* Adds its row. The reload outlives the operations. */
void operate_reload_add(struct operations *operations, struct reload *reload);
