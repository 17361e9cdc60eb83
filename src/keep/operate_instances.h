/* Operations on templates and instances; who may is what the template's `allow` says.
 *
 *   templates {}   200 {templates: [{name, create, max_instances, instances, parameters}]}
 *   create {template, id?, parameters?}
 *       201 target object; 200 the same when there is one like it; 409 with other parameters, or being
 * removed; 422 {text, errors: [{pointer, detail}]}; 403 404 429 503 {text} remove {name}  200 when nothing of
 * it is left, 403, 404 */
#pragma once

#include "keep/instances.h"
#include "keep/operations.h"

/* Adds the rows. The instances outlive the operations. */
void operate_instances_add(struct operations *operations, struct instances *instances);
