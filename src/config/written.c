/* A short list per item, newest first. */
#include <string.h>

#include "config/written.h"

void written_add(struct load *load, struct config_item *item, struct slice key, struct config_place place)
{
    struct config_written *written = load_new(load, sizeof *written);
    *written = (struct config_written){.next = item->written, .key = load_text(load, key), .place = place};
    item->written = written;
}

const struct config_written *written_find(const struct config_item *item, const char *key)
{
    const struct config_written *written = item->written;
    while (written && strcmp(written->key, key) != 0)
        written = written->next;
    return written;
}
