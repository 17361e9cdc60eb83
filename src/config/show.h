/* The effective configuration, written out again by the table. */
#pragma once

#include "config/config.h"

/* As config_to_json() and config_to_text(). */
json_t *show_json(const struct config *config, bool mark_defaults);
char *show_text(const struct config *config);
