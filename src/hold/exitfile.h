/* run/NAME.GEN/exit.json: how the run ended, for a keeper that was not there to hear it. */
#pragma once

#include <jansson.h>

/* Writes `json` durably under a temporary name, then renames it to exit.json. 0 or -errno. */
int exitfile_write(int directory, const json_t *json);
