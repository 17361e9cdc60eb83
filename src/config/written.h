/* Which settings of an item were in the file, and where: the others have their default. */
#pragma once

#include "config/load.h"

struct config_written {
    const struct config_written *next;
    const char *key; /* below the item: "ready.timeout" */
    struct config_place place;
};

void written_add(struct load *load, struct config_item *item, struct slice key, struct config_place place);
/* NULL: not written. */
const struct config_written *written_find(const struct config_item *item, const char *key);
