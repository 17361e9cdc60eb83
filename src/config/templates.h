/* What is set around the keys of one template and of its parameters (see setting_at.begin and finish). */
#pragma once

#include "config/load.h"

void templates_begin(struct load *load, void *item, const struct yaml_node *name);
/* Settles what services_finish() settles, and checks what only instances must not have. */
void templates_finish(struct load *load, void *item);
bool templates_applies(const void *item, const struct setting *child);

void templates_parameter_begin(struct load *load, void *item, const struct yaml_node *name);
void templates_parameter_finish(struct load *load, void *item);

/* Whether ${name} is one that each instance has for itself, or a parameter of the template under way; then
 * *always tells whether each instance has it. */
bool templates_find_late(const struct load *load, struct slice name, bool *always);
