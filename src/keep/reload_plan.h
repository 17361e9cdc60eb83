/* What a reload has to do for each setting that changed (design §3 "Reload"). Pure: one table of settings and
 * their effects; what it does not name belongs to the gates' snapshot or is looked at when it is needed. */
#pragma once

#include "config/changes.h"

enum reload_effect {
    RELOAD_NOTHING, /* did not change, or is looked at when it is needed */
    RELOAD_UPDATE,  /* of a service: its run goes on under the new settings */
    RELOAD_RESTART, /* of a service: its run was begun with the old value */
    RELOAD_ADD,     /* a service that is new */
    RELOAD_REMOVE,  /* a service that is gone */
};

/* False with the text when something changed that only a new start takes: which settings, and what to do. */
bool reload_plan_check(const struct config_changes *changes, struct error *error);
/* The strongest effect on one entry of `section` ("services", "templates"). */
enum reload_effect reload_plan_effect(const struct config_changes *changes, const char *section,
                                      const char *name);
/* Whether anything at or below `path` ("loops", "auth.users") changed. */
bool reload_plan_touches(const struct config_changes *changes, const char *path);
