/* ${id} is all that a rule can have filled in: config/templates.c sees to it. */
#include <stdlib.h>

#include "config/rules.h"

#include "keep/instance_allow.h"

static const char *instance_allow_lookup(void *owner, struct slice name)
{
    return slice_equal(name, SLICE("id")) ? owner : NULL;
}

bool instance_allow(const struct config *config, const struct config_template *template, const char *id,
                    const struct principal *who)
{
    const struct config_texts *allow = rules_or_default(config, &template->allow);
    bool passes = principal_passes(who, NULL, 0);
    for (size_t i = 0; i < allow->count && !passes; i++) {
        char *rule = config_expand(allow->items[i], instance_allow_lookup, (void *)(uintptr_t)id, NULL);
        passes = rule && principal_passes(who, (const char *const *)&rule, 1);
        free(rule);
    }
    return passes;
}
