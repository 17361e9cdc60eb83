#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

#include "hold/audience.h"

struct audience {
    struct loop *loop;
    struct hold_terminal terminal;
    struct audience_events events;
    struct list viewers;
    size_t count;
    int64_t attached; /* number of the newest viewer */
    uint64_t typed;   /* serial number of the last input */
    bool listens;
    struct audit *audit;
};

size_t audience_count(const struct audience *audience)
{
    return audience->count;
}

/* --- whose size counts -------------------------------------------------------------------------------- */

static bool audience_has_say(const struct spectator *viewer)
{
    return spectator_columns(viewer) != 0;
}

/* Who typed last; of those who never did, who came first. */
static struct spectator *audience_last(const struct audience *audience)
{
    struct spectator *last = NULL;
    LIST_FOR_EACH(link, &audience->viewers)
    {
        struct spectator *viewer = spectator_of(link);
        if (audience_has_say(viewer) &&
            (!last || spectator_note(viewer)->typed > spectator_note(last)->typed))
            last = viewer;
    }
    return last;
}

static void audience_smallest(const struct audience *audience, uint16_t *columns, uint16_t *rows)
{
    bool first = true;
    LIST_FOR_EACH(link, &audience->viewers)
    {
        const struct spectator *viewer = spectator_of(link);
        if (!audience_has_say(viewer))
            continue;
        if (first || spectator_columns(viewer) < *columns)
            *columns = spectator_columns(viewer);
        if (first || spectator_rows(viewer) < *rows)
            *rows = spectator_rows(viewer);
        first = false;
    }
}

void audience_size(const struct audience *audience, uint16_t *columns, uint16_t *rows)
{
    const struct spectator *last;
    switch (audience->terminal.rule) {
    case HOLD_TERMINAL_FIXED:
        break;
    case HOLD_TERMINAL_SMALLEST:
        audience_smallest(audience, columns, rows);
        break;
    case HOLD_TERMINAL_LAST:
        last = audience_last(audience);
        if (last) {
            *columns = spectator_columns(last);
            *rows = spectator_rows(last);
        }
    }
}

/* --- what viewers do ---------------------------------------------------------------------------------- */

static void audience_on_input(void *owner, struct spectator *viewer, struct slice bytes)
{
    struct audience *audience = owner;
    bool other = spectator_note(viewer)->typed != audience->typed || audience->typed == 0;
    audit_typed(audience->audit, viewer, bytes.size);
    spectator_note(viewer)->typed = ++audience->typed;
    audience->events.on_input(audience->events.owner, bytes);
    if (other)
        audience->events.on_change(audience->events.owner);
}

static void audience_on_resize(void *owner, struct spectator *viewer)
{
    (void)viewer;
    struct audience *audience = owner;
    audience->events.on_change(audience->events.owner);
}

static void audience_show(struct audience *audience, struct spectator *viewer)
{
    struct spectator_snapshot snapshot = {0};
    audience->events.on_show(audience->events.owner, &snapshot);
    spectator_show(viewer, &snapshot);
}

static void audience_on_lost(void *owner, struct spectator *viewer)
{
    audience_show(owner, viewer);
}

static void audience_on_gone(void *owner, struct spectator *viewer)
{
    struct audience *audience = owner;
    audience->count--;
    audit_left(audience->audit, viewer);
    spectator_free(&viewer);
    audience->events.on_change(audience->events.owner);
}

int64_t audience_attach(struct audience *audience, int fd, const struct hold_terminal_attach *attach)
{
    static const struct spectator_events events = {.on_input = audience_on_input,
                                                   .on_resize = audience_on_resize,
                                                   .on_lost = audience_on_lost,
                                                   .on_gone = audience_on_gone};
    if (audience->count >= AUDIENCE_MOST) {
        close(fd);
        return -EUSERS;
    }
    struct spectator *viewer = spectator_new(audience->loop, fd, attach, &events, audience);
    if (!viewer)
        return -ENOSPC;
    list_append(&audience->viewers, spectator_link(viewer));
    audience->count++;
    spectator_note(viewer)->number = ++audience->attached;
    spectator_listen(viewer, audience->listens);
    audience->events.on_change(audience->events.owner);
    audience_show(audience, viewer);
    return spectator_note(viewer)->number;
}

/* --- to everybody -------------------------------------------------------------------------------------- */

void audience_output(struct audience *audience, struct slice bytes)
{
    LIST_FOR_EACH(link, &audience->viewers)
    spectator_output(spectator_of(link), bytes);
}

void audience_tell_size(struct audience *audience, uint16_t columns, uint16_t rows)
{
    LIST_FOR_EACH(link, &audience->viewers)
    spectator_tell_size(spectator_of(link), columns, rows);
}

void audience_tell_title(struct audience *audience, struct slice title)
{
    LIST_FOR_EACH(link, &audience->viewers)
    spectator_tell_title(spectator_of(link), title);
}

void audience_flush(struct audience *audience)
{
    LIST_FOR_EACH(link, &audience->viewers)
    spectator_flush(spectator_of(link));
}

void audience_refresh(struct audience *audience, int64_t delay_ms)
{
    LIST_FOR_EACH(link, &audience->viewers)
    spectator_refresh(spectator_of(link), delay_ms);
}

void audience_listen(struct audience *audience, bool listens)
{
    if (listens == audience->listens)
        return;
    audience->listens = listens;
    LIST_FOR_EACH(link, &audience->viewers)
    spectator_listen(spectator_of(link), listens);
}

void audience_tell_news(struct audience *audience)
{
    audit_tell(audience->audit);
}

void audience_end(struct audience *audience, struct slice sentence)
{
    audit_finish(audience->audit);
    LIST_FOR_EACH(link, &audience->viewers)
    {
        struct spectator *viewer = spectator_of(link);
        if (spectator_is_lost(viewer))
            audience_show(audience, viewer);
        spectator_end(viewer, sentence);
    }
}

bool audience_is_told(const struct audience *audience)
{
    LIST_FOR_EACH(link, &audience->viewers)
    if (!spectator_is_told(spectator_of(link)))
        return false;
    return true;
}

/* --- birth and death ----------------------------------------------------------------------------------- */

struct audience *audience_new(struct loop *loop, const struct hold_terminal *terminal,
                              const struct audience_events *events)
{
    struct audience *audience = MEMORY_NEW(struct audience);
    const struct audit_events audit = {.on_news = events->on_news, .owner = events->owner};
    audience->loop = loop;
    audience->terminal = *terminal;
    audience->events = *events;
    audience->listens = true;
    list_init(&audience->viewers);
    audience->audit = audit_new(loop, &audience->viewers, &audit);
    return audience;
}

void audience_free(struct audience **where)
{
    struct audience *audience = *where;
    if (!audience)
        return;
    LIST_FOR_EACH(link, &audience->viewers)
    {
        struct spectator *viewer = spectator_of(link);
        spectator_free(&viewer);
    }
    audit_free(&audience->audit);
    free(audience);
    *where = NULL;
}
