/* What a reload means for the services among the targets. */
#pragma once

#include "config/changes.h"

#include "keep/targets.h"

/* False with the text: a service that is new has the name of one that is still ending. */
bool reload_targets_check(const struct targets *targets, const struct config *config,
                          const struct config_changes *changes, struct error *error);
/* Adds the services that are new: known, and started if they are wanted at boot. */
void reload_targets_prepare(struct targets *targets, const struct config *config,
                            const struct config_changes *changes);
/* Services that are gone are stopped and then forgotten. */
void reload_targets_remove(struct targets *targets, const struct config_changes *changes);
/* Restarts what runs by values that are others now: services, and instances of templates. */
void reload_targets_restart(struct targets *targets, const struct config_changes *changes);
/* Takes back what prepare did. */
void reload_targets_drop(struct targets *targets, const struct config *config,
                         const struct config_changes *changes);
