/* All of it asks what is served, or will be; the telling and its pace are of route/streams. */
#include <string.h>

#include "route/backends.h"

#include "gate/review.h"

/* What let it in has ended before the stream began. */
static bool was_late(void *owner, const struct stream_member *member, enum streams_reason *reason)
{
    const struct review *review = owner;
    *reason = STREAMS_SIGNED_OUT;
    if (!admission_stands(review->admission, member->principal))
        return true;
    return *review->serving && !serving_still_admits(*review->serving, member, reason);
}

/* A drain has words of its own for everybody, and so has whoever ends those who may not come in any more. */
static bool may_stay(void *owner, const struct stream_member *member)
{
    const struct review *review = owner;
    bool routed = !member->route || serving_has_route(*review->serving, member->route);
    enum streams_reason reason = STREAMS_MOVED;
    if (review->draining || (routed && backends_way_holds(&member->way)))
        return true;
    return !serving_still_admits(*review->serving, member, &reason) && reason != STREAMS_MOVED;
}

void review_begin(struct review *review)
{
    streams_judge(review->streams, may_stay, review);
}

void review_fresh(struct review *review)
{
    streams_review_fresh(review->streams, was_late, review);
}

void review_leave_moved(const struct review *review)
{
    if (!review->draining && *review->serving)
        streams_leave_moved(review->streams, serving_settings(*review->serving)->drain_ms);
}

/* --- another configuration ------------------------------------------------------------------------ */

static bool is_same_listener(const struct serving_settings *a, const struct serving_settings *b, size_t index)
{
    return index < a->listener_count && index < b->listener_count &&
           a->is_console[index] == b->is_console[index] &&
           strcmp(a->addresses[index], b->addresses[index]) == 0;
}

struct change {
    const struct serving_settings *before, *after; /* before NULL: the first */
    const struct serving *serving;                 /* after */
};

/* A connection is known by its listener's index: what came in by one must not pass for another's. */
static void leave_moved_listeners(const struct review *review, const struct change *change)
{
    for (size_t i = 0; change->before && i < change->before->listener_count; i++)
        if (!is_same_listener(change->before, change->after, i))
            http_server_leave(review->server, (unsigned)i);
}

/* The listener of a stream of the API is where it came from; those of routes belong to all. */
static bool is_out(void *owner, const struct stream_member *member, enum streams_reason *reason)
{
    const struct change *change = owner;
    struct stream_visit visit;
    *reason = STREAMS_MOVED;
    if (!member->route && streams_visit(member, &visit) && change->before &&
        !is_same_listener(change->before, change->after, visit.listener))
        return true;
    return !serving_still_admits(change->serving, member, reason);
}

void review_change(const struct review *review, struct serving *next)
{
    struct change change = {.before = *review->serving ? serving_settings(*review->serving) : NULL,
                            .after = serving_settings(next),
                            .serving = next};
    leave_moved_listeners(review, &change);
    streams_review_all(review->streams, is_out, &change);
}
