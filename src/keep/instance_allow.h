/* Who may create and steer the instances of a template. */
#pragma once

#include "config/config.h"
#include "wire/principal.h"

/* What the template's `allow` says of this id, or the default (contract §1): signed-in with auth, anyone
 * without. An operator always may. */
bool instance_allow(const struct config *config, const struct config_template *template, const char *id,
                    const struct principal *who);
