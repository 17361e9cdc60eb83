/* A feed is a number: the last change it has told. Those that are gone are kept for a while; a feed that
 * comes too late for one begins anew. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

#include "route/api_reply.h"
#include "route/topic_targets.h"

enum { GONE_MOST = 64 };

struct gone {
    uint64_t change;
    char name[TARGET_NAME_SIZE];
};

struct topic_targets {
    struct loop *loop;
    struct backends *backends;
    struct list feeds;
    struct gone gone[GONE_MOST]; /* a ring; `gone_next` is the oldest */
    size_t gone_next;
    uint64_t forgotten; /* the last change that fell out of it */
    struct loop_task work;
};

/* --- telling ----------------------------------------------------------------------------------------- */

static const struct gone *next_gone(const struct topic_targets *targets, uint64_t seen)
{
    const struct gone *found = NULL;
    for (size_t i = 0; i < GONE_MOST; i++) {
        const struct gone *gone = &targets->gone[i];
        if (gone->change > seen && (!found || gone->change < found->change))
            found = gone;
    }
    return found;
}

static json_t *row_json(const struct topic_feed *feed, const struct backend *backend)
{
    const struct clock *clock = loop_clock(feed->targets->loop);
    json_t *row =
        target_row_encode(backends_row(backend), false, clock->boottime_ms(clock), clock->wall_ms(clock));
    api_reply_add_href(row, feed->base);
    return row;
}

/* The next change as JSON; NULL: there is none. */
static json_t *next_json(struct topic_feed *feed)
{
    const struct topic_targets *targets = feed->targets;
    const struct backend *backend = backends_next_change(targets->backends, feed->seen);
    /* At the beginning nobody has heard of those. */
    const struct gone *gone = feed->seen ? next_gone(targets, feed->seen) : NULL;
    if (gone && (!backend || gone->change < backends_change(backend))) {
        feed->seen = gone->change;
        return json_pack("{s:s, s:b}", "name", gone->name, "gone", true);
    }
    if (!backend)
        return NULL;
    feed->seen = backends_change(backend);
    return row_json(feed, backend);
}

static void serve(struct topic_feed *feed)
{
    bool more = topics_may(feed);
    if (more && feed->seen && feed->seen < feed->targets->forgotten) {
        feed->seen = 0;
        topics_reset(feed, &feed->place, "gone");
        more = topics_may(feed);
    }
    json_t *json = NULL;
    while (more && (json = next_json(feed))) {
        char *text = json_dumps(json, JSON_COMPACT);
        more = topics_tell(feed, slice_of_text(text));
        free(text);
        json_decref(json);
    }
}

static void on_work(struct loop_task *task)
{
    struct topic_targets *targets = LIST_ENTRY(task, struct topic_targets, work);
    LIST_FOR_EACH(link, &targets->feeds)
    serve(LIST_ENTRY(link, struct topic_feed, link));
}

static void on_change(void *owner, const struct backend *backend)
{
    struct topic_targets *targets = owner;
    if (!backends_is_known(backend)) {
        struct gone *gone = &targets->gone[targets->gone_next];
        targets->gone_next = (targets->gone_next + 1) % GONE_MOST;
        targets->forgotten = gone->change;
        gone->change = backends_change(backend);
        snprintf(gone->name, sizeof gone->name, "%s", backends_row(backend)->name);
    }
    if (!list_empty(&targets->feeds))
        loop_task_start(targets->loop, &targets->work, on_work);
}

/* --- life -------------------------------------------------------------------------------------------- */

struct topic_targets *topic_targets_new(struct loop *loop, struct backends *backends)
{
    struct topic_targets *targets = MEMORY_NEW(struct topic_targets);
    targets->loop = loop;
    targets->backends = backends;
    list_init(&targets->feeds);
    backends_observe(backends, on_change, targets);
    return targets;
}

void topic_targets_free(struct topic_targets **owned)
{
    struct topic_targets *targets = *owned;
    if (!targets)
        return;
    CHECK(list_empty(&targets->feeds));
    backends_observe(targets->backends, NULL, NULL);
    loop_task_stop(&targets->work);
    free(targets);
    *owned = NULL;
}

/* --- a feed ------------------------------------------------------------------------------------------ */

static void resume(struct topic_feed *feed)
{
    loop_task_start(feed->targets->loop, &feed->targets->work, on_work);
}

/* There is no place to go on from: how they are now is all there is to know. */
static const char *join(struct topic_feed *feed, bool from_end, const struct event_id *after)
{
    (void)from_end;
    (void)after;
    feed->place = EVENT_ID_BEGINNING;
    list_append(&feed->targets->feeds, &feed->link);
    resume(feed);
    return NULL;
}

static void leave(struct topic_feed *feed)
{
    list_remove(&feed->link);
    feed->targets = NULL;
}

const struct topic_feed_kind topic_targets_kind = {.join = join, .leave = leave, .resume = resume};
