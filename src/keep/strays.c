/* The hold answers, is told to stop, and its end is acknowledged; if it does not, the run is killed whole. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/memory.h"

#include "keep/strays.h"

enum { STRAYS_GRACE_MS = 10000 };

struct stray {
    struct list link;
    struct strays *strays;
    struct run *run;
};

struct strays {
    struct strays_settings settings;
    struct list list;
    size_t count;
};

static void stray_free(struct stray *stray)
{
    struct loop *loop = stray->strays->settings.run.loop;
    list_remove(&stray->link);
    stray->strays->count--;
    run_free(&stray->run);
    loop_free_later(loop, stray, free);
}

static void strays_on_executed(void *owner)
{
    struct stray *stray = owner;
    run_stop(stray->run, &(struct run_stop_order){SIGTERM, STRAYS_GRACE_MS, "nobody wants it any more"});
}

static void strays_on_ending(void *owner)
{
    (void)owner; /* the hold ends what is left */
}

static void strays_on_lost(void *owner)
{
    struct stray *stray = owner;
    run_kill(stray->run);
}

static void strays_on_over(void *owner, const struct run_end *end)
{
    struct stray *stray = owner;
    struct strays *strays = stray->strays;
    (void)end;
    stray_free(stray);
    strays->settings.on_gone(strays->settings.owner);
}

static void strays_on_journal(void *owner, const char *event, const json_t *evidence)
{
    struct stray *stray = owner;
    const struct strays_settings *settings = &stray->strays->settings;
    settings->on_journal(settings->owner, run_record(stray->run)->target, event, evidence);
}

static const struct run_events strays_run_events = {
    .on_executed = strays_on_executed,
    .on_ending = strays_on_ending,
    .on_lost = strays_on_lost,
    .on_over = strays_on_over,
    .on_journal = strays_on_journal,
};

struct strays *strays_new(const struct strays_settings *settings)
{
    struct strays *strays = MEMORY_NEW(struct strays);
    strays->settings = *settings;
    list_init(&strays->list);
    return strays;
}

void strays_end(struct strays *strays, const struct record *record)
{
    struct stray *stray = MEMORY_NEW(struct stray);
    struct run_settings run = strays->settings.run;
    run.events = &strays_run_events;
    run.owner = stray;
    stray->strays = strays;
    list_append(&strays->list, &stray->link);
    strays->count++;
    stray->run = run_adopt(&run, record);
}

size_t strays_count(const struct strays *strays)
{
    return strays->count;
}

bool strays_have_job(const struct strays *strays)
{
    LIST_FOR_EACH(link, &strays->list)
    {
        if (strchr(run_record(LIST_ENTRY(link, struct stray, link)->run)->target, ':'))
            return true;
    }
    return false;
}

void strays_hurry(struct strays *strays)
{
    LIST_FOR_EACH(link, &strays->list)
    {
        const struct run_stop_order order = {.signal = SIGKILL, .reason = "without grace"};
        run_stop(LIST_ENTRY(link, struct stray, link)->run, &order);
    }
}

void strays_free(struct strays **where)
{
    struct strays *strays = *where;
    if (!strays)
        return;
    LIST_FOR_EACH(link, &strays->list)
    {
        stray_free(LIST_ENTRY(link, struct stray, link));
    }
    free(strays);
    *where = NULL;
}
