/* `reeve reload [--dry-run]`: the keeper reads its configuration again; what it changes is printed. */
#include <stdio.h>

#include "reeve/difference.h"
#include "reeve/verbs.h"

enum { RELOAD_LIMIT = 1 << 20 };

static void reload_print(const json_t *changes)
{
    struct buffer out = BUFFER(RELOAD_LIMIT);
    for (size_t i = 0; i < json_array_size(changes); i++) {
        const json_t *change = json_array_get(changes, i);
        difference_append(&out, json_string_value(json_object_get(change, "path")),
                          json_object_get(change, "before"), json_object_get(change, "after"));
    }
    if (json_array_size(changes) == 0)
        buffer_append_text(&out, "nothing differs from what is running\n");
    command_print(stdout, buffer_slice(&out));
    buffer_free(&out);
}

int reload_verb(const struct command *command)
{
    json_t *answer = NULL;
    int code = command_ask(command, "reload", json_pack("{s:b}", "dry_run", command->dry_run), &answer);
    if (code == COMMAND_DONE && command->json)
        command_print_json(json_incref(answer));
    else if (code == COMMAND_DONE)
        reload_print(json_object_get(answer, "changes"));
    json_decref(answer);
    return code;
}
