/* A timer for each member once it is to be told; none before. */
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"

#include "route/event_group.h"

struct event_group {
    struct loop *loop;
    struct list open;
    size_t count;
    bool leaving;
};

struct event_group *event_group_new(struct loop *loop)
{
    struct event_group *group = MEMORY_NEW(struct event_group);
    group->loop = loop;
    list_init(&group->open);
    return group;
}

void event_group_free(struct event_group **group)
{
    if (!*group)
        return;
    CHECK((*group)->count == 0);
    free(*group);
    *group = NULL;
}

struct loop *event_group_loop(const struct event_group *group)
{
    return group->loop;
}

static void on_bye(struct loop_timer *timer)
{
    struct event_member *member = LIST_ENTRY(timer, struct event_member, bye);
    member->say_goodbye(member);
}

static void say_goodbye_in(struct event_member *member, int64_t delay_ms)
{
    if (!loop_timer_armed(&member->bye))
        loop_timer_start(member->group->loop, &member->bye, delay_ms, on_bye);
}

void event_group_add(struct event_group *group, struct event_member *member,
                     void (*say_goodbye)(struct event_member *member))
{
    member->group = group;
    member->say_goodbye = say_goodbye;
    list_append(&group->open, &member->link);
    group->count++;
    if (group->leaving)
        say_goodbye_in(member, 0);
}

void event_group_remove(struct event_member *member)
{
    if (!member->group)
        return;
    list_remove(&member->link);
    loop_timer_stop(&member->bye);
    member->group->count--;
    member->group = NULL;
}

void event_group_say_goodbye(struct event_group *group, int64_t spread_ms)
{
    size_t place = 0, spread = group->count > EVENT_GROUP_AT_ONCE ? group->count : 0;
    group->leaving = true;
    LIST_FOR_EACH(link, &group->open)
    say_goodbye_in(LIST_ENTRY(link, struct event_member, link),
                   spread ? spread_ms * (int64_t)place++ / (int64_t)spread : 0);
}
