/* The set of all, and when each is told to go; what passes through one is viewer's. */
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"

#include "route/viewer.h"
#include "route/viewers.h"

enum {
    GOODBYE_MS = 2000, /* for the client to close, then it is cut */
    REVOKED_MS = 800,  /* the same for one whose credential has ended */
    CLOSE_SIGNED_OUT = 4401,
    CLOSE_FORBIDDEN = 4403,
};

struct viewers {
    struct loop *loop;
    struct streams *streams;
    struct list open;
    size_t count;
    bool leaving; /* a goodbye was said: to those who come now too */
    enum viewers_goodbye code;
    struct farewell farewell;
    void (*on_empty)(void *owner);
    void *owner;
};

/* One in the set. */
struct seat {
    struct list link;
    struct stream_member member;
    struct viewers *viewers;
    struct backend *backend;
    struct viewer *viewer;
    bool waits;            /* for the goodbye of all */
    struct loop_timer due; /* of one that came late */
};

struct viewers *viewers_new(struct loop *loop, struct streams *streams, void (*on_empty)(void *owner),
                            void *owner)
{
    struct viewers *viewers = MEMORY_NEW(struct viewers);
    viewers->loop = loop;
    viewers->streams = streams;
    viewers->on_empty = on_empty;
    viewers->owner = owner;
    list_init(&viewers->open);
    return viewers;
}

size_t viewers_count(const struct viewers *viewers)
{
    return viewers->count;
}

static void leave(struct seat *seat)
{
    list_remove(&seat->link);
    streams_remove(&seat->member);
    seat->viewers->count--;
    seat->viewers->farewell.waiting -= seat->waits;
    loop_timer_stop(&seat->due);
    viewer_free(&seat->viewer);
    backends_close(seat->backend);
    loop_free_later(seat->viewers->loop, seat, free);
}

void viewers_free(struct viewers **viewers)
{
    if (!*viewers)
        return;
    LIST_FOR_EACH(link, &(*viewers)->open)
    leave(LIST_ENTRY(link, struct seat, link));
    farewell_stop(&(*viewers)->farewell);
    free(*viewers);
    *viewers = NULL;
}

/* --- what comes up from one ------------------------------------------------------------------------ */

static void on_end(void *owner)
{
    struct seat *seat = owner;
    struct viewers *viewers = seat->viewers;
    leave(seat);
    if (viewers->count == 0 && viewers->on_empty)
        viewers->on_empty(viewers->owner);
}

static void on_traffic(void *owner, bool typed)
{
    struct seat *seat = owner;
    backends_touch(seat->backend);
    seat->member.used |= typed;
}

/* --- goodbye --------------------------------------------------------------------------------------- */

static void on_due(struct loop_timer *timer)
{
    struct seat *seat = LIST_ENTRY(timer, struct seat, due);
    viewer_leave(seat->viewer, seat->viewers->code, (struct slice){0}, GOODBYE_MS);
}

static void on_told(struct stream_member *member, enum streams_reason reason)
{
    static const unsigned codes[] = {
        [STREAMS_SIGNED_OUT] = CLOSE_SIGNED_OUT,
        [STREAMS_FORBIDDEN] = CLOSE_FORBIDDEN,
        [STREAMS_MOVED] = VIEWERS_RESTART,
        [STREAMS_CLOSED] = VIEWERS_GOING_AWAY,
    };
    struct seat *seat = LIST_ENTRY(member, struct seat, member);
    bool revoked = reason == STREAMS_SIGNED_OUT || reason == STREAMS_FORBIDDEN;
    viewer_leave(seat->viewer, codes[reason], (struct slice){0}, revoked ? REVOKED_MS : GOODBYE_MS);
}

/* Those who wait are in front. */
static void tell_next(struct farewell *farewell)
{
    struct viewers *viewers = LIST_ENTRY(farewell, struct viewers, farewell);
    struct seat *seat = LIST_ENTRY(viewers->open.next, struct seat, link);
    CHECK(seat->waits);
    seat->waits = false;
    farewell->waiting--;
    list_remove(&seat->link);
    list_append(&viewers->open, &seat->link);
    viewer_leave(seat->viewer, viewers->code, (struct slice){0}, GOODBYE_MS);
}

void viewers_say_goodbye(struct viewers *viewers, enum viewers_goodbye code, int64_t spread_ms)
{
    viewers->leaving = true;
    viewers->code = code;
    viewers->farewell.waiting = viewers->count;
    LIST_FOR_EACH(link, &viewers->open)
    LIST_ENTRY(link, struct seat, link)->waits = true;
    farewell_begin(&viewers->farewell, viewers->loop, spread_ms, tell_next);
}

/* --- what operators see ----------------------------------------------------------------------------- */

static void describe(struct stream_member *member, json_t *row)
{
    const struct seat *seat = LIST_ENTRY(member, struct seat, member);
    struct viewer_counts counts = viewer_counts(seat->viewer);
    int64_t idle_ms = (loop_now_us(seat->viewers->loop) - counts.used_us) / 1000;
    json_object_set_new(row, "target", json_string(backends_row(seat->backend)->name));
    json_object_set_new(row, "bytes_in", json_integer((json_int_t)counts.typed));
    json_object_set_new(row, "bytes_out", json_integer((json_int_t)counts.shown));
    json_object_set_new(row, "idle_ms", json_integer(idle_ms));
}

static const struct stream_kind terminal_kind = {.name = "terminal", .describe = describe};

/* --- the beginning of one --------------------------------------------------------------------------- */

void viewers_open(struct viewers *viewers, struct exchange *exchange, const struct viewers_opening *opening)
{
    static const struct viewer_events events = {.on_end = on_end, .on_traffic = on_traffic};
    struct seat *seat = MEMORY_NEW(struct seat);
    seat->viewers = viewers;
    seat->backend = opening->backend;
    list_append(&viewers->open, &seat->link);
    viewers->count++;
    streams_add(viewers->streams, &seat->member, exchange_principal(exchange), on_told);
    streams_from(&seat->member, exchange, &terminal_kind, NULL);
    struct slice title = slice_of_text(backends_row(seat->backend)->name);
    seat->viewer = viewer_new(exchange, &(struct viewer_settings){.link = opening->link,
                                                                  .may_type = opening->may_type,
                                                                  .title = title,
                                                                  .events = &events,
                                                                  .owner = seat});
    if (viewers->leaving)
        loop_timer_start(viewers->loop, &seat->due, 0, on_due);
}
