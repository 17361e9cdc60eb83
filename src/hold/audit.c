#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#include "hold/audit.h"

enum {
    AUDIT_PERIOD_MS = 60000,
    AUDIT_MOST = 256, /* of viewers that left while nobody listened; then the oldest is forgotten */
};

struct audit {
    struct loop *loop;
    struct list *viewers;
    struct audit_events events;
    struct loop_timer period;
    struct hold_terminal_news *waiting;
    size_t count;
};

static int64_t audit_now(const struct audit *audit)
{
    const struct clock *clock = loop_clock(audit->loop);
    return clock->boottime_ms(clock);
}

static struct hold_terminal_news audit_news(struct spectator *viewer, enum hold_terminal_action action)
{
    const struct spectator_note *note = spectator_note(viewer);
    struct hold_terminal_news news = {.action = action,
                                      .viewer = note->number,
                                      .bytes = note->bytes,
                                      .first_ms = note->first_ms,
                                      .last_ms = note->last_ms};
    snprintf(news.user, sizeof news.user, "%s", spectator_user(viewer));
    return news;
}

static void audit_keep(struct audit *audit, const struct hold_terminal_news *news)
{
    if (audit->count == AUDIT_MOST)
        memmove(audit->waiting, audit->waiting + 1, --audit->count * sizeof *news);
    audit->waiting = memory_resize(audit->waiting, (audit->count + 1) * sizeof *news);
    audit->waiting[audit->count++] = *news;
}

static bool audit_say(struct audit *audit, struct hold_terminal_news *news)
{
    return audit->events.on_news(audit->events.owner, news);
}

/* Whether its sum is told, if there is one. */
static bool audit_say_typed(struct audit *audit, struct spectator *viewer)
{
    struct spectator_note *note = spectator_note(viewer);
    struct hold_terminal_news news = audit_news(viewer, HOLD_TERMINAL_INPUT);
    if (note->bytes == 0)
        return true;
    if (!audit_say(audit, &news))
        return false;
    note->bytes = 0;
    return true;
}

static void audit_on_period(struct loop_timer *timer)
{
    struct audit *audit = LIST_ENTRY(timer, struct audit, period);
    int64_t now_ms = audit_now(audit), next_ms = 0;
    LIST_FOR_EACH(link, audit->viewers)
    {
        struct spectator *viewer = spectator_of(link);
        const struct spectator_note *note = spectator_note(viewer);
        if (note->bytes == 0)
            continue;
        int64_t left_ms = note->first_ms + AUDIT_PERIOD_MS - now_ms;
        if (left_ms <= 0 && audit_say_typed(audit, viewer))
            continue;
        left_ms = left_ms > 0 ? left_ms : AUDIT_PERIOD_MS;
        next_ms = next_ms == 0 || left_ms < next_ms ? left_ms : next_ms;
    }
    if (next_ms)
        loop_timer_start(audit->loop, timer, next_ms, audit_on_period);
}

void audit_typed(struct audit *audit, struct spectator *viewer, size_t bytes)
{
    struct spectator_note *note = spectator_note(viewer);
    note->last_ms = audit_now(audit);
    if (note->bytes == 0)
        note->first_ms = note->last_ms;
    note->bytes += (int64_t)bytes;
    if (!loop_timer_armed(&audit->period))
        loop_timer_start(audit->loop, &audit->period, AUDIT_PERIOD_MS, audit_on_period);
}

void audit_left(struct audit *audit, struct spectator *viewer)
{
    if (!audit_say_typed(audit, viewer)) {
        struct hold_terminal_news news = audit_news(viewer, HOLD_TERMINAL_INPUT);
        audit_keep(audit, &news);
        spectator_note(viewer)->bytes = 0;
    }
    spectator_note(viewer)->first_ms = spectator_note(viewer)->last_ms = audit_now(audit);
    struct hold_terminal_news news = audit_news(viewer, HOLD_TERMINAL_DETACH);
    if (audit->count || !audit_say(audit, &news)) /* in their order */
        audit_keep(audit, &news);
}

void audit_tell(struct audit *audit)
{
    size_t told = 0;
    while (told < audit->count && audit_say(audit, &audit->waiting[told]))
        told++;
    if (told == 0)
        return;
    audit->count -= told;
    memmove(audit->waiting, audit->waiting + told, audit->count * sizeof *audit->waiting);
    if (audit->count)
        return;
    free(audit->waiting);
    audit->waiting = NULL;
}

void audit_finish(struct audit *audit)
{
    loop_timer_stop(&audit->period);
    audit_tell(audit);
    LIST_FOR_EACH(link, audit->viewers)
    audit_say_typed(audit, spectator_of(link));
}

struct audit *audit_new(struct loop *loop, struct list *viewers, const struct audit_events *events)
{
    struct audit *audit = MEMORY_NEW(struct audit);
    audit->loop = loop;
    audit->viewers = viewers;
    audit->events = *events;
    return audit;
}

void audit_free(struct audit **where)
{
    struct audit *audit = *where;
    if (!audit)
        return;
    loop_timer_stop(&audit->period);
    free(audit->waiting);
    free(audit);
    *where = NULL;
}
