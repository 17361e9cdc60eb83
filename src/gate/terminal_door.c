#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "route/problem.h"

#include "gate/terminal_door.h"

struct terminal_door {
    struct rules *view;
    bool local;
};

struct terminal_door *terminal_door_new(const json_t *row, const char *path, const char *host,
                                        struct error *error)
{
    struct terminal_door *door = MEMORY_NEW(struct terminal_door);
    door->local = json_is_true(json_object_get(row, "local"));
    door->view = rules_new(json_object_get(row, "view"), path, host, error);
    if (!door->view)
        terminal_door_free(&door);
    return door;
}

void terminal_door_free(struct terminal_door **door)
{
    if (!*door)
        return;
    rules_free(&(*door)->view);
    free(*door);
    *door = NULL;
}

void terminal_door_ask(const struct terminal_door *door, const struct exchange_request *request,
                       struct arena *arena, struct door_question *question)
{
    const char *const *view;
    size_t count = rules_fill(door->view, request, arena, &view), all = question->allow_count + count;
    if (count == 0)
        return;
    const char **both = arena_new(arena, all * sizeof *both);
    if (!both)
        return; /* who only watches is turned away: the request takes too much memory */
    for (size_t i = 0; i < all; i++)
        both[i] = i < question->allow_count ? question->allow[i] : view[i - question->allow_count];
    question->allow = both;
    question->allow_count = all;
}

bool terminal_door_types(const struct principal *principal, const char *const *allow, size_t count)
{
    return principal_passes(principal, allow, count);
}

bool terminal_door_opens(const struct terminal_door *door, struct exchange *exchange, const char *listener)
{
    struct address address;
    if (!door->local ||
        (address_parse(slice_of_text(listener), &address, NULL) && address_is_local(&address)))
        return true;
    problem_reply_status(
        exchange, 403,
        "Without `auth` terminals are shown on loopback and unix listeners only, unless their route "
        "says `allow: [anyone]`.");
    return false;
}
