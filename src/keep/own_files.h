/* What of reeve's own lies in a folder that a route serves: a starter says `files: .`, and beside the page
 * there are then the configuration, the users' passwords, the state. Nobody may fetch these, whoever may read
 * them. */
#pragma once

#include <jansson.h>

#include "config/config.h"

/* Names relative to the folder behind `root` (O_PATH), each a file or a folder with all that is in it; "" is
 * all of the folder. NULL: there are none. A new reference. */
json_t *own_files_below(int root, const struct config *config, const char *state);
/* The same for a route of events whose file is `file` below the folder: who names one of these itself,
 * without {captures}, means it. */
json_t *own_files_beside(int root, const char *file, const struct config *config, const char *state);
