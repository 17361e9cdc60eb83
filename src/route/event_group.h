/* All event streams of a gate, whatever they carry: who has to be told when reeve or this gate stops. */
#pragma once

#include "route/farewell.h"

struct event_group;

/* Part of the object that is open. */
struct event_member {
    struct list link;
    struct event_group *group;
    bool waits; /* for its goodbye */
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

/* Each is told: few at once, more spread over `spread_ms` (route/farewell.h). Those that come later are told
 * at once. */
void event_group_say_goodbye(struct event_group *group, int64_t spread_ms);
