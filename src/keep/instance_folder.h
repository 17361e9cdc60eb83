/* The folder of one instance, ${instance_dir}: its program's, readable for gates (contract §4). */
#pragma once

#include <jansson.h>

#include "keep/account.h"

/* Makes `id` in the directory `parent`, which only we can write: 0750, owner the run's account, group the
 * gates', with parameters.json in it. 0 or -errno; -EEXIST: something of this name is there. */
int instance_folder_make(int parent, const char *id, const struct account *account, gid_t gates,
                         const json_t *parameters);
