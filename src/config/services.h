/* What is set around the keys of one service (see setting_at.begin and finish). */
#pragma once

#include "config/load.h"

void services_begin(struct load *load, void *item, const struct yaml_node *name);
/* Settles listen, ready, directory and variables, and checks what needs several keys. */
void services_finish(struct load *load, void *item);
/* How to run something means nothing for a service with an address, nor how to check it for one in the clear.
 */
bool services_applies(const void *item, const struct setting *child);

/* The directory that a relative command or env_file of the service under way starts at. */
const char *services_directory(const struct load *load, struct config_place place);
