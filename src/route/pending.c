#include "base/check.h"

#include "route/pending.h"

void pending_begin(struct pendings *all, struct loop *loop)
{
    *all = (struct pendings){.loop = loop};
    list_init(&all->open);
}

void pending_add(struct pendings *all, struct pending *one)
{
    CHECK(!one->id);
    all->last_id = all->last_id == UINT32_MAX ? 1 : all->last_id + 1;
    one->id = all->last_id;
    list_append(&all->open, &one->link);
}

void pending_wait(const struct pendings *all, struct pending *one, int64_t ms, loop_timer_fn *on_late)
{
    loop_timer_start(all->loop, &one->patience, ms, on_late);
}

bool pending_end(struct pending *one)
{
    if (!one->id)
        return false;
    one->id = 0;
    list_remove(&one->link);
    loop_timer_stop(&one->patience);
    return true;
}

struct pending *pending_find(const struct pendings *all, uint32_t id)
{
    LIST_FOR_EACH(link, &all->open)
    {
        struct pending *one = LIST_ENTRY(link, struct pending, link);
        if (one->id == id)
            return one;
    }
    return NULL;
}

size_t pending_count(const struct pendings *all)
{
    size_t count = 0;
    for (const struct list *link = all->open.next; link != &all->open; link = link->next)
        count++;
    return count;
}

void pending_each(struct pendings *all, void (*end)(struct pending *one))
{
    struct list now;
    list_init(&now);
    list_append_all(&now, &all->open);
    while (!list_empty(&now))
        end(LIST_ENTRY(now.next, struct pending, link));
}
