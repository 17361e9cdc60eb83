/* The set of them; what one does is keep/loop_item. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

#include "keep/loop_item.h"
#include "keep/loops.h"

struct loops {
    struct loops_settings settings;
    struct loop_item_shared shared;
    struct loop_item **items;
    size_t count;
    bool started;
    bool stopping;
    struct loop_task ended;
    void (*on_stopped)(void *owner);
    void *stopped_owner;
};

static void loops_changed(const struct loops *loops)
{
    loops->settings.events->on_change(loops->settings.owner);
}

/* --- the end --------------------------------------------------------------------------------------- */

static void loops_on_ended(struct loop_task *task)
{
    struct loops *loops = LIST_ENTRY(task, struct loops, ended);
    void (*done)(void *owner) = loops->on_stopped;
    loops->on_stopped = NULL;
    if (done)
        done(loops->stopped_owner);
}

static void loops_check_stopped(struct loops *loops)
{
    for (size_t i = 0; i < loops->count; i++)
        if (loop_item_is_running(loops->items[i]))
            return;
    loop_task_start(loops->shared.loop, &loops->ended, loops_on_ended);
}

/* One that is no longer configured goes as soon as nothing of it is open. */
static void loops_let_go(struct loops *loops, struct loop_item *item)
{
    if (!loop_item_is_leaving(item) || loop_item_is_busy(item))
        return;
    size_t at = 0;
    while (loops->items[at] != item)
        at++;
    memmove(&loops->items[at], &loops->items[at + 1], (loops->count - at - 1) * sizeof(struct loop_item *));
    loops->count--;
    loop_item_free(&item);
}

static void loops_on_item_ended(void *owner, struct loop_item *item)
{
    struct loops *loops = owner;
    loops_check_stopped(loops);
    loops_let_go(loops, item);
}

void loops_stop(struct loops *loops, void (*done)(void *owner), void *owner)
{
    loops->stopping = true;
    loops->on_stopped = done;
    loops->stopped_owner = owner;
    for (size_t i = 0; i < loops->count; i++)
        loop_item_stop(loops->items[i]);
    loops_check_stopped(loops);
}

void loops_hurry(struct loops *loops)
{
    for (size_t i = 0; i < loops->count; i++)
        loop_item_hurry(loops->items[i]);
}

/* --- the beginning, and another configuration ------------------------------------------------------ */

static struct loop_item *loops_add(struct loops *loops, const struct config_loop *config)
{
    struct loop_item *item = loop_item_new(&loops->shared, config);
    loops->items = memory_resize(loops->items, (loops->count + 1) * sizeof(struct loop_item *));
    loops->items[loops->count++] = item;
    return item;
}

struct loops *loops_new(const struct loops_settings *settings)
{
    struct loops *loops = MEMORY_NEW(struct loops);
    loops->settings = *settings;
    loops->shared = (struct loop_item_shared){
        .settings = &loops->settings,
        .loop = settings->jobs->targets.loop,
        .on_ended = loops_on_item_ended,
        .owner = loops,
    };
    for (size_t i = 0; i < settings->config->count; i++)
        loops_add(loops, &settings->config->items[i]);
    return loops;
}

void loops_start(struct loops *loops)
{
    loops->started = true;
    for (size_t i = 0; i < loops->count; i++)
        loop_item_begin(loops->items[i]);
    loops_changed(loops);
}

static const struct config_loop *loops_find_config(const struct config_loops *config, const char *name)
{
    for (size_t i = 0; i < config->count; i++)
        if (strcmp(config->items[i].name, name) == 0)
            return &config->items[i];
    return NULL;
}

static bool loops_has(const struct loops *loops, const char *name)
{
    for (size_t i = 0; i < loops->count; i++)
        if (!loop_item_is_leaving(loops->items[i]) && strcmp(loop_item_name(loops->items[i]), name) == 0)
            return true;
    return false;
}

static void loops_reload_one(struct loops *loops, struct loop_item *item, const struct config_loop *config)
{
    if (config) {
        loop_item_renew(item, config, loops->started);
    } else {
        loop_item_leave(item);
        loops_let_go(loops, item);
    }
}

void loops_reload(struct loops *loops, const struct config_loops *config)
{
    for (size_t i = loops->count; i-- > 0;) {
        struct loop_item *item = loops->items[i];
        if (!loop_item_is_leaving(item))
            loops_reload_one(loops, item, loops_find_config(config, loop_item_name(item)));
    }
    for (size_t i = 0; i < config->count && !loops->stopping; i++) {
        if (loops_has(loops, config->items[i].name))
            continue;
        struct loop_item *item = loops_add(loops, &config->items[i]);
        if (loops->started)
            loop_item_begin(item);
    }
    loops->settings.config = config;
    loops_changed(loops);
}

/* --- all of them ----------------------------------------------------------------------------------- */

bool loops_vital_fails(const struct loops *loops)
{
    for (size_t i = 0; i < loops->count; i++)
        if (loop_item_vital_fails(loops->items[i]))
            return true;
    return false;
}

json_t *loops_describe(const struct loops *loops)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < loops->count; i++)
        if (!loop_item_is_leaving(loops->items[i]))
            json_array_append_new(rows, loop_item_describe(loops->items[i]));
    return rows;
}

void loops_free(struct loops **where)
{
    struct loops *loops = *where;
    if (!loops)
        return;
    for (size_t i = 0; i < loops->count; i++)
        loop_item_free(&loops->items[i]);
    loop_task_stop(&loops->ended);
    free(loops->items);
    loop_free_later(loops->shared.loop, loops, free);
    *where = NULL;
}
