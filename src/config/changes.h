/* What differs between two configurations, by the paths of settings: what a reload has to do. */
#pragma once

#include "config/config.h"

enum { CHANGES_DEPTH = 8 };

/* One setting, or a whole named entry that came or went. */
struct config_change {
    char *path; /* "services.api.command", "drain.timeout", "routes"; "services.api" for a whole entry */
    const json_t *before; /* as `reeve config` shows it; NULL: it was not there */
    const json_t *after;  /* NULL: it is not there any more */
};

struct config_changes {
    struct config_change *items;
    size_t count;
    json_t *before, *after; /* both configurations, which the items point into */
};

/* Everything that differs; lists are one value, mappings are compared key by key. Secrets are compared, and
 * shown masked: one that differs is the same before and after. Nothing that is only written otherwise (a
 * default spelled out, a moved line) is a change. */
void changes_find(const struct config *before, const struct config *after, struct config_changes *changes);
void changes_free(struct config_changes *changes);
