#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/memory.h"
#include "base/utf8.h"

#include "keep/degraded.h"

struct degraded {
    struct degraded_settings settings;
    struct list things;
    size_t count;
};

struct degraded_thing {
    struct list link;
    char *what;
    char *reason;
    int64_t since_ms; /* CLOCK_BOOTTIME */
    int64_t since_wall_ms;
};

struct degraded *degraded_new(const struct degraded_settings *settings)
{
    struct degraded *degraded = MEMORY_NEW(struct degraded);
    degraded->settings = *settings;
    list_init(&degraded->things);
    return degraded;
}

static struct degraded_thing *degraded_find(const struct degraded *degraded, const char *what)
{
    LIST_FOR_EACH(link, &degraded->things)
    {
        struct degraded_thing *thing = LIST_ENTRY(link, struct degraded_thing, link);
        if (strcmp(thing->what, what) == 0)
            return thing;
    }
    return NULL;
}

static void degraded_drop(struct degraded *degraded, struct degraded_thing *thing)
{
    list_remove(&thing->link);
    degraded->count--;
    free(thing->what);
    free(thing->reason);
    free(thing);
}

static char *degraded_text(const char *reason)
{
    char *text = memory_text(reason);
    utf8_clean(text); /* it may hold what a program or a path gave */
    return text;
}

static void degraded_add(struct degraded *degraded, const char *what, const char *reason)
{
    const struct degraded_settings *settings = &degraded->settings;
    struct degraded_thing *thing = MEMORY_NEW(struct degraded_thing);
    *thing = (struct degraded_thing){.what = degraded_text(what),
                                     .reason = degraded_text(reason),
                                     .since_ms = settings->clock->boottime_ms(settings->clock),
                                     .since_wall_ms = settings->clock->wall_ms(settings->clock)};
    list_append(&degraded->things, &thing->link);
    degraded->count++;
    settings->on_change(settings->owner, thing->what, thing->reason, 0);
    settings->on_news(settings->owner);
}

void degraded_set(struct degraded *degraded, const char *what, const char *reason)
{
    struct degraded_thing *thing = degraded_find(degraded, what);
    if (!thing && degraded->count < DEGRADED_MOST)
        degraded_add(degraded, what, reason);
    if (!thing || strcmp(thing->reason, reason) == 0)
        return;
    free(thing->reason);
    thing->reason = degraded_text(reason);
    degraded->settings.on_news(degraded->settings.owner);
}

void degraded_clear(struct degraded *degraded, const char *what)
{
    const struct degraded_settings *settings = &degraded->settings;
    struct degraded_thing *thing = degraded_find(degraded, what);
    if (!thing)
        return;
    settings->on_change(settings->owner, thing->what, NULL,
                        settings->clock->boottime_ms(settings->clock) - thing->since_ms);
    degraded_drop(degraded, thing);
    settings->on_news(settings->owner);
}

json_t *degraded_describe(const struct degraded *degraded)
{
    const struct clock *clock = degraded->settings.clock;
    json_t *rows = json_array();
    LIST_FOR_EACH(link, &degraded->things)
    {
        const struct degraded_thing *thing = LIST_ENTRY(link, struct degraded_thing, link);
        char since[CLOCK_TEXT_SIZE];
        json_array_append_new(rows,
                              json_pack("{s:s, s:s, s:s, s:I}", "what", thing->what, "reason", thing->reason,
                                        "since", clock_format(thing->since_wall_ms, since), "age_ms",
                                        (json_int_t)(clock->boottime_ms(clock) - thing->since_ms)));
    }
    return rows;
}

void degraded_free(struct degraded **where)
{
    struct degraded *degraded = *where;
    if (!degraded)
        return;
    LIST_FOR_EACH(link, &degraded->things)
    degraded_drop(degraded, LIST_ENTRY(link, struct degraded_thing, link));
    free(degraded);
    *where = NULL;
}
