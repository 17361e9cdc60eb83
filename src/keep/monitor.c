/* One round per interval over all members: who was asked and has not answered by then is silent, the others
 * are asked. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/list.h"
#include "base/memory.h"

#include "keep/monitor.h"
#include "keep/watchdog.h"

enum {
    MONITOR_COST_US = 60, /* of one question and its answer on both sides, measured (bench/idle) */
    MONITOR_SHARE = 4000, /* one part of so many of a core */
    MONITOR_TEXT_SIZE = 128,
};

struct monitor {
    struct loop *loop;
    const struct monitor_events *events; /* NULL: not started */
    void *owner;
    struct list members;
    size_t count;
    size_t silent;
    int64_t round_ms; /* the last one */
    int64_t interval_ms;
    struct loop_timer next;
};

int64_t monitor_interval(size_t count)
{
    int64_t interval_ms = (int64_t)count * MONITOR_COST_US * MONITOR_SHARE / 1000;
    return interval_ms > MONITOR_FASTEST_MS ? interval_ms : MONITOR_FASTEST_MS;
}

struct monitor *monitor_new(struct loop *loop)
{
    struct monitor *monitor = MEMORY_NEW(struct monitor);
    monitor->loop = loop;
    monitor->interval_ms = MONITOR_FASTEST_MS;
    list_init(&monitor->members);
    return monitor;
}

void monitor_add(struct monitor *monitor, struct monitor_member *member)
{
    if (!monitor || member->monitor)
        return;
    member->monitor = monitor;
    member->asked_ms = 0;
    member->silent = false;
    list_append(&monitor->members, &member->link);
    monitor->count++;
}

static void monitor_settle(struct monitor_member *member, bool answers)
{
    struct monitor *monitor = member->monitor;
    member->asked_ms = 0;
    if (!member->silent)
        return;
    member->silent = false;
    monitor->silent--;
    if (monitor->events)
        monitor->events->on_settled(monitor->owner, member->name, answers);
}

void monitor_heard(struct monitor_member *member)
{
    if (member->monitor)
        monitor_settle(member, true);
}

void monitor_note_output(struct monitor_member *member, const char *text)
{
    const struct monitor *monitor = member->monitor;
    if (monitor && monitor->events)
        monitor->events->on_output(monitor->owner, member->name, text);
}

void monitor_remove(struct monitor_member *member)
{
    struct monitor *monitor = member->monitor;
    if (!monitor)
        return;
    monitor_settle(member, false);
    if (monitor->events)
        monitor->events->on_output(monitor->owner, member->name, NULL);
    member->monitor = NULL;
    list_remove(&member->link);
    monitor->count--;
}

/* --- a round --------------------------------------------------------------------------------------- */

static void monitor_judge(struct monitor_member *member)
{
    struct monitor *monitor = member->monitor;
    const struct watchdog_view view = {
        .silent_ms = loop_now_ms(monitor->loop) - member->asked_ms,
        .state = identity_state(member->who),
    };
    char text[MONITOR_TEXT_SIZE];
    watchdog_text(&view, text, sizeof text);
    json_t *evidence = json_pack("{s:i, s:I, s:s#, s:I}", "pid", (int)member->who->pid, "start_time",
                                 (json_int_t)member->who->start_time, "state", &view.state, 1, "silent_ms",
                                 (json_int_t)view.silent_ms);
    CHECK(evidence);
    if (!member->silent) {
        member->silent = true;
        monitor->silent++;
        monitor->events->on_silent(monitor->owner, member->name, evidence, text);
    } else if (watchdog_judge(&view) == WATCHDOG_GIVE_UP) {
        monitor->events->on_give_up(monitor->owner, member->name, evidence, text);
        member->give_up(member, text);
    }
    json_decref(evidence);
}

static void monitor_on_round(struct loop_timer *timer)
{
    struct monitor *monitor = LIST_ENTRY(timer, struct monitor, next);
    monitor->round_ms = loop_now_ms(monitor->loop);
    LIST_FOR_EACH(link, &monitor->members)
    {
        struct monitor_member *member = LIST_ENTRY(link, struct monitor_member, link);
        if (member->asked_ms) {
            monitor_judge(member);
        } else {
            member->asked_ms = monitor->round_ms;
            member->ask(member);
        }
    }
    monitor->interval_ms = monitor_interval(monitor->count);
    loop_timer_start(monitor->loop, timer, monitor->interval_ms, monitor_on_round);
}

void monitor_start(struct monitor *monitor, const struct monitor_events *events, void *owner)
{
    monitor->events = events;
    monitor->owner = owner;
    monitor->round_ms = loop_now_ms(monitor->loop);
    loop_timer_start(monitor->loop, &monitor->next, monitor->interval_ms, monitor_on_round);
}

void monitor_stop(struct monitor *monitor)
{
    monitor->events = NULL;
    loop_timer_stop(&monitor->next);
}

json_t *monitor_describe(const struct monitor *monitor)
{
    return json_pack("{s:I, s:I, s:I, s:I}", "interval_ms", (json_int_t)monitor->interval_ms, "watched",
                     (json_int_t)monitor->count, "silent", (json_int_t)monitor->silent, "age_ms",
                     (json_int_t)(loop_now_ms(monitor->loop) - monitor->round_ms));
}

void monitor_free(struct monitor **where)
{
    struct monitor *monitor = *where;
    if (!monitor)
        return;
    CHECK(list_empty(&monitor->members));
    loop_timer_stop(&monitor->next);
    loop_free_later(monitor->loop, monitor, free);
    *where = NULL;
}
