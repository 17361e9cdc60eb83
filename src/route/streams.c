/* A plain list, walked only when somebody's credential ends; the streams of nobody are on a list of their
 * own. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

#include "route/streams.h"

struct streams {
    struct list known;   /* with a credential */
    struct list unknown; /* nobody's: nothing ends them from here */
    int64_t due_ms;      /* no credential ends before; INT64_MAX: none does */
};

struct streams *streams_new(void)
{
    struct streams *streams = MEMORY_NEW(struct streams);
    list_init(&streams->known);
    list_init(&streams->unknown);
    streams->due_ms = INT64_MAX;
    return streams;
}

void streams_free(struct streams **streams)
{
    if (!*streams)
        return;
    CHECK(list_empty(&(*streams)->known) && list_empty(&(*streams)->unknown));
    free(*streams);
    *streams = NULL;
}

static void note_due(struct streams *streams, const struct principal *principal)
{
    if (principal->expires_ms > 0 && principal->expires_ms < streams->due_ms)
        streams->due_ms = principal->expires_ms;
}

void streams_add(struct streams *streams, struct stream_member *member, const struct principal *principal,
                 void (*close)(struct stream_member *member, enum streams_reason reason))
{
    bool known = principal->credential != NULL;
    member->principal = known ? principal_copy(principal) : &principal_nobody;
    member->close = close;
    member->told = false;
    list_append(known ? &streams->known : &streams->unknown, &member->link);
    if (known)
        note_due(streams, principal);
}

void streams_remove(struct stream_member *member)
{
    if (!member->principal)
        return;
    list_remove(&member->link);
    if (member->principal != &principal_nobody)
        free((void *)(uintptr_t)member->principal);
    member->principal = NULL;
}

void streams_review(struct streams *streams,
                    bool (*lapsed)(void *owner, const struct principal *principal,
                                   enum streams_reason *reason),
                    void *owner)
{
    LIST_FOR_EACH(link, &streams->known)
    {
        struct stream_member *member = LIST_ENTRY(link, struct stream_member, link);
        enum streams_reason reason = STREAMS_SIGNED_OUT;
        if (member->told || !lapsed(owner, member->principal, &reason))
            continue;
        member->told = true;
        member->close(member, reason);
    }
}

struct ending {
    const char *credential;
    enum streams_reason reason;
};

static bool is_of(void *owner, const struct principal *principal, enum streams_reason *reason)
{
    const struct ending *ending = owner;
    *reason = ending->reason;
    return strcmp(principal->credential, ending->credential) == 0;
}

void streams_close_credential(struct streams *streams, const char *credential, enum streams_reason reason)
{
    struct ending ending = {credential, reason};
    streams_review(streams, is_of, &ending);
}

static bool has_ended(void *owner, const struct principal *principal, enum streams_reason *reason)
{
    const int64_t *wall_ms = owner;
    (void)reason;
    return principal->expires_ms > 0 && principal->expires_ms <= *wall_ms;
}

void streams_expire(struct streams *streams, int64_t wall_ms)
{
    if (wall_ms < streams->due_ms)
        return;
    streams_review(streams, has_ended, &wall_ms);
    streams->due_ms = INT64_MAX;
    LIST_FOR_EACH(link, &streams->known)
    {
        const struct principal *principal = LIST_ENTRY(link, struct stream_member, link)->principal;
        if (principal->expires_ms > wall_ms) /* the others have been told */
            note_due(streams, principal);
    }
}
