/* Who comes late is on a list of its own, which is told in the next turn. */
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"

#include "route/event_group.h"

struct event_group {
    struct loop *loop;
    struct list open, late; /* late: after the goodbye */
    size_t count;
    bool leaving;
    struct farewell farewell;
    struct loop_timer late_turn;
};

struct event_group *event_group_new(struct loop *loop)
{
    struct event_group *group = MEMORY_NEW(struct event_group);
    group->loop = loop;
    list_init(&group->open);
    list_init(&group->late);
    return group;
}

void event_group_free(struct event_group **group)
{
    if (!*group)
        return;
    CHECK((*group)->count == 0);
    farewell_stop(&(*group)->farewell);
    loop_timer_stop(&(*group)->late_turn);
    free(*group);
    *group = NULL;
}

struct loop *event_group_loop(const struct event_group *group)
{
    return group->loop;
}

static void on_late(struct loop_timer *timer)
{
    struct event_group *group = LIST_ENTRY(timer, struct event_group, late_turn);
    while (!list_empty(&group->late)) {
        struct event_member *member = LIST_ENTRY(group->late.next, struct event_member, link);
        member->say_goodbye(member);
    }
}

void event_group_add(struct event_group *group, struct event_member *member,
                     void (*say_goodbye)(struct event_member *member))
{
    member->group = group;
    member->say_goodbye = say_goodbye;
    member->waits = false;
    list_append(group->leaving ? &group->late : &group->open, &member->link);
    group->count++;
    if (group->leaving)
        loop_timer_start(group->loop, &group->late_turn, 0, on_late);
}

void event_group_remove(struct event_member *member)
{
    if (!member->group)
        return;
    list_remove(&member->link);
    member->group->farewell.waiting -= member->waits;
    member->group->count--;
    member->group = NULL;
}

static void tell_next(struct farewell *farewell)
{
    struct event_group *group = LIST_ENTRY(farewell, struct event_group, farewell);
    struct event_member *member = LIST_ENTRY(group->open.next, struct event_member, link);
    member->say_goodbye(member);
}

void event_group_say_goodbye(struct event_group *group, int64_t spread_ms)
{
    group->leaving = true;
    group->farewell.waiting = 0;
    LIST_FOR_EACH(link, &group->open)
    {
        LIST_ENTRY(link, struct event_member, link)->waits = true;
        group->farewell.waiting++;
    }
    farewell_begin(&group->farewell, group->loop, spread_ms, tell_next);
}
