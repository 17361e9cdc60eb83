/* Records are read by keep/adoption, strays ended by keep/strays; here it is decided which is which. */
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"

#include "keep/adoption.h"
#include "keep/inheritance.h"
#include "keep/strays.h"

struct inheritance {
    struct inheritance_settings settings;
    struct strays *strays;
    struct loop_timer patience;
    void (*on_done)(void *owner); /* NULL: nobody waits */
    void *done_owner;
};

/* Takes `evidence`. */
static void inheritance_journal(const struct inheritance *inheritance, const char *target, const char *event,
                                json_t *evidence)
{
    const struct inheritance_settings *settings = &inheritance->settings;
    CHECK(evidence);
    settings->events->on_journal(settings->owner, target, event, evidence);
    json_decref(evidence);
}

/* --- what the records tell ---------------------------------------------------------------------- */

static bool inheritance_on_run(void *owner, const struct record *record)
{
    const struct inheritance *inheritance = owner;
    return inheritance->settings.events->on_run(inheritance->settings.owner, record);
}

static void inheritance_on_stray(void *owner, const struct record *record)
{
    const struct inheritance *inheritance = owner;
    inheritance_journal(
        inheritance, record->target, "stray",
        json_pack("{s:I, s:i}", "generation", (json_int_t)record->generation, "pid", (int)record->main.pid));
    strays_end(inheritance->strays, record);
}

static void inheritance_on_corrupt(void *owner, const char *name, const char *text)
{
    const struct inheritance *inheritance = owner;
    log_warning(inheritance->settings.run.log, "a run record cannot be understood and was moved aside",
                LOG_TEXT("record", name), LOG_TEXT("error", text));
    inheritance_journal(inheritance, NULL, "record-moved",
                        json_pack("{s:s, s:s}", "record", name, "text", text));
}

static const struct adoption_events inheritance_adoption_events = {
    .on_run = inheritance_on_run,
    .on_stray = inheritance_on_stray,
    .on_corrupt = inheritance_on_corrupt,
};

static void inheritance_on_late(struct loop_timer *timer)
{
    const struct inheritance *inheritance = LIST_ENTRY(timer, struct inheritance, patience);
    /* The timer is not armed any more: who has not answered is not waited for. */
    inheritance->settings.events->on_change(inheritance->settings.owner);
}

void inheritance_read(struct inheritance *inheritance, void (*done)(void *owner), void *owner)
{
    const struct run_settings *run = &inheritance->settings.run;
    inheritance->on_done = done;
    inheritance->done_owner = owner;
    adoption_read(run->directory, &inheritance_adoption_events, inheritance);
    adoption_prune(run->directory, NULL);
    loop_timer_start(run->loop, &inheritance->patience, INHERITANCE_PATIENCE_MS, inheritance_on_late);
    inheritance->settings.events->on_change(inheritance->settings.owner);
}

void inheritance_review(struct inheritance *inheritance)
{
    const struct inheritance_settings *settings = &inheritance->settings;
    bool late = !loop_timer_armed(&inheritance->patience);
    if (!inheritance->on_done || (!late && settings->events->is_adopting(settings->owner)))
        return;
    loop_timer_stop(&inheritance->patience);
    void (*done)(void *owner) = inheritance->on_done;
    inheritance->on_done = NULL;
    done(inheritance->done_owner);
}

/* --- what has no owner -------------------------------------------------------------------------- */

static void inheritance_on_stray_gone(void *owner)
{
    const struct inheritance *inheritance = owner;
    inheritance->settings.events->on_change(inheritance->settings.owner);
}

static void inheritance_on_stray_journal(void *owner, const char *target, const char *event,
                                         const json_t *evidence)
{
    const struct inheritance *inheritance = owner;
    inheritance->settings.events->on_journal(inheritance->settings.owner, target, event, evidence);
}

bool inheritance_is_settled(const struct inheritance *inheritance)
{
    return strays_count(inheritance->strays) == 0;
}

bool inheritance_has_job(const struct inheritance *inheritance)
{
    return strays_have_job(inheritance->strays);
}

void inheritance_hurry(struct inheritance *inheritance)
{
    strays_hurry(inheritance->strays);
}

/* --- beginning and end -------------------------------------------------------------------------- */

struct inheritance *inheritance_new(const struct inheritance_settings *settings)
{
    struct inheritance *inheritance = MEMORY_NEW(struct inheritance);
    inheritance->settings = *settings;
    const struct strays_settings strays = {
        .run = settings->run,
        .on_gone = inheritance_on_stray_gone,
        .on_journal = inheritance_on_stray_journal,
        .owner = inheritance,
    };
    inheritance->strays = strays_new(&strays);
    return inheritance;
}

void inheritance_free(struct inheritance **where)
{
    struct inheritance *inheritance = *where;
    if (!inheritance)
        return;
    strays_free(&inheritance->strays);
    loop_timer_stop(&inheritance->patience);
    loop_free_later(inheritance->settings.run.loop, inheritance, free);
    *where = NULL;
}
