/* Parsed with the same limits of depth as a message. */
#include <string.h>

#include "link/memfd.h"
#include "wire/message.h"

#include "keep/arguments.h"

json_t *arguments_read(const struct channel_message *message, struct error *error)
{
    struct slice bytes;
    json_t *inside = json_object_get(message->body, "arguments");
    if (inside || message->descriptor_count == 0)
        return inside ? json_incref(inside) : json_object();
    int failed = memfd_map(message->descriptors[0], ARGUMENTS_MOST, &bytes);
    if (failed) {
        error_set(error, "the arguments cannot be read: %s", strerror(-failed));
        return NULL;
    }
    json_t *arguments = message_parse(bytes, error);
    memfd_unmap(&bytes);
    return arguments;
}
