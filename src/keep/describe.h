/* What a keeper says of itself, to `reeve status` and to whoever greets it. */
#pragma once

#include <jansson.h>

#include "config/config.h"

#include "keep/keeper.h"
#include "keep/listeners.h"

enum { DESCRIBE_URL_SIZE = 512 };

struct describe {
    const struct config *config;
    const struct listeners *listeners;
    const char *state; /* directory */
    enum keeper_phase phase;
    int64_t started_wall_ms;
    int64_t stop_ms; /* the most that a stop may take */
};

/* {name, pid, version, config, state, phase, started, listen: [addresses], console: URL or null,
 * stop_at_most_ms}; a new
 * reference. */
json_t *describe_keeper(const struct describe *describe);
/* A path may be any bytes, JSON only text. A new reference. */
json_t *describe_path(const char *path);
