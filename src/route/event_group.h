/* All event streams of a gate, whatever they carry: who has to be told when reeve or this gate stops. */
#pragma once

#include "loop/loop.h"

struct event_group;

/* Part of the object that is open. */
struct event_member {
    struct list link;
    struct event_group *group;
    struct loop_timer bye;
    /* Tell the client and end. At most once, from the loop; the member leaves in it. */
    void (*say_goodbye)(struct event_member *member);
};

struct event_group *event_group_new(struct loop *loop);
/* There is no member any more. */
void event_group_free(struct event_group **group);
struct loop *event_group_loop(const struct event_group *group);

void event_group_add(struct event_group *group, struct event_member *member,
                     void (*say_goodbye)(struct event_member *member));
/* Nothing for one that is none (all zero, or removed). */
void event_group_remove(struct event_member *member);

/* Each is told: at once up to EVENT_GROUP_AT_ONCE, more spread over `spread_ms`. Those that come later are
 * told at once. */
enum { EVENT_GROUP_AT_ONCE = 100 };
void event_group_say_goodbye(struct event_group *group, int64_t spread_ms);
