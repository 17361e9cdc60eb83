#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "link/memfd.h"

#include "keep/health.h"

enum { HEALTH_SOON_MS = 100 };

struct health {
    struct health_settings settings;
    struct loop_timer soon;
};

struct health *health_new(const struct health_settings *settings)
{
    struct health *health = MEMORY_NEW(struct health);
    health->settings = *settings;
    return health;
}

static void health_push(struct health *health, unsigned slot)
{
    const struct health_settings *settings = &health->settings;
    json_t *details = settings->describe(settings->owner);
    char *text = json_dumps(details, JSON_COMPACT);
    json_decref(details);
    int memfd = text ? memfd_seal("reeve-health", slice_of_text(text)) : -1;
    free(text);
    if (memfd < 0)
        return; /* the gates go on with what they have, and it says how old it is */
    const struct gates_message message = {.type = MESSAGE_GATE_HEALTH, .descriptors = &memfd, .count = 1};
    gates_send(settings->gates, slot, &message);
    close(memfd);
}

static void health_on_soon(struct loop_timer *timer)
{
    health_push(LIST_ENTRY(timer, struct health, soon), GATES_ALL);
}

void health_changed(struct health *health)
{
    if (!loop_timer_armed(&health->soon))
        loop_timer_start(health->settings.loop, &health->soon, HEALTH_SOON_MS, health_on_soon);
}

void health_greet(struct health *health, unsigned slot)
{
    health_push(health, slot);
}

void health_free(struct health **where)
{
    struct health *health = *where;
    if (!health)
        return;
    loop_timer_stop(&health->soon);
    loop_free_later(health->settings.loop, health, free);
    *where = NULL;
}
