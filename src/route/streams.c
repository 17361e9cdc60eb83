/* A plain list, walked only when somebody's credential ends; the streams of nobody are on a list of their
 * own. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

#include "route/limits.h"
#include "route/streams.h"

enum { STREAMS_STEP_MS = 20 };

struct streams {
    struct loop *loop;
    struct list known;   /* with a credential */
    struct list unknown; /* nobody's: only what they lead through can end them from here */
    bool (*is_kept)(void *owner, const struct stream_member *member); /* NULL: all are */
    void *owner;
    int64_t due_ms;      /* no credential ends before; INT64_MAX: none does */
    size_t moving;       /* who may not stay and have not been told */
    int64_t moved_by_ms; /* when the last of them shall be told */
    struct loop_timer step;
    uint64_t serial; /* of the last member */
};

struct streams *streams_new(struct loop *loop)
{
    struct streams *streams = MEMORY_NEW(struct streams);
    streams->loop = loop;
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
    loop_timer_stop(&(*streams)->step);
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
    member->streams = streams;
    member->way = (struct backends_way){0};
    member->principal = known ? principal_copy(principal) : &principal_nobody;
    member->close = close;
    member->route = 0;
    member->serial = ++streams->serial;
    member->kind = NULL;
    member->since_us = loop_now_us(streams->loop);
    member->place = NULL;
    member->told = member->moving = member->used = false;
    member->fresh = true;
    list_append(known ? &streams->known : &streams->unknown, &member->link);
    if (known)
        note_due(streams, principal);
}

static void note_client(struct stream_member *member, const struct address *client)
{
    memset(member->client, 0, sizeof member->client);
    if (client->any.sa_family == AF_INET6) {
        memcpy(member->client, &client->v6.sin6_addr, sizeof member->client);
    } else if (client->any.sa_family == AF_INET) {
        member->client[10] = member->client[11] = 0xff;
        memcpy(member->client + 12, &client->v4.sin_addr, 4);
    }
}

static bool may_stay(const struct stream_member *member)
{
    const struct streams *streams = member->streams;
    return !streams->is_kept || streams->is_kept(streams->owner, member);
}

static void on_step(struct loop_timer *timer);

/* Those who are on their way out take it along. */
static void leave_at_once(struct stream_member *member)
{
    struct streams *streams = member->streams;
    member->moving = true;
    if (streams->moving++ > 0)
        return;
    streams->moved_by_ms = loop_now_ms(streams->loop);
    loop_timer_start(streams->loop, &streams->step, 0, on_step);
}

void streams_from(struct stream_member *member, struct exchange *exchange, const struct stream_kind *kind,
                  const struct backends_way *way)
{
    member->route = exchange_route_id(exchange);
    member->kind = kind;
    member->place = exchange_take(exchange);
    if (way)
        member->way = *way;
    note_client(member, exchange_request(exchange)->client);
    if (!may_stay(member))
        leave_at_once(member);
}

void streams_remove(struct stream_member *member)
{
    if (!member->principal)
        return;
    list_remove(&member->link);
    if (member->place)
        limits_leave(member->place);
    member->place = NULL;
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

void streams_review_fresh(struct streams *streams,
                          bool (*lapsed)(void *owner, const struct principal *principal,
                                         enum streams_reason *reason),
                          void *owner)
{
    LIST_FOR_EACH(link, &streams->known)
    {
        struct stream_member *member = LIST_ENTRY(link, struct stream_member, link);
        enum streams_reason reason = STREAMS_SIGNED_OUT;
        bool fresh = member->fresh && !member->told;
        member->fresh = false;
        if (!fresh || !lapsed(owner, member->principal, &reason))
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

void streams_each_used(struct streams *streams, void (*tell)(void *owner, const struct principal *principal),
                       void *owner)
{
    LIST_FOR_EACH(link, &streams->known)
    {
        struct stream_member *member = LIST_ENTRY(link, struct stream_member, link);
        if (member->used)
            tell(owner, member->principal);
        member->used = false;
    }
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

/* --- who may not stay ------------------------------------------------------------------------ */

/* Tells up to `most` of those that move. */
static size_t tell_moving(struct list *members, size_t most)
{
    size_t told = 0;
    LIST_FOR_EACH(link, members)
    {
        struct stream_member *member = LIST_ENTRY(link, struct stream_member, link);
        if (told == most)
            break;
        if (!member->moving)
            continue;
        member->moving = false;
        told++;
        if (!member->told) {
            member->told = true;
            member->close(member, STREAMS_MOVED);
        }
    }
    return told;
}

static void on_step(struct loop_timer *timer)
{
    struct streams *streams = LIST_ENTRY(timer, struct streams, step);
    int64_t left_ms = streams->moved_by_ms - loop_now_ms(streams->loop);
    size_t steps = left_ms > STREAMS_STEP_MS ? (size_t)(left_ms / STREAMS_STEP_MS) : 1;
    size_t share = streams->moving / steps + (streams->moving % steps != 0);
    size_t told = tell_moving(&streams->known, share);
    told += tell_moving(&streams->unknown, share - told);
    streams->moving = told < share ? 0 : streams->moving - told; /* the others have left by themselves */
    if (streams->moving > 0)
        loop_timer_start(streams->loop, timer, STREAMS_STEP_MS, on_step);
}

static size_t mark_moving(struct list *members)
{
    size_t marked = 0;
    LIST_FOR_EACH(link, members)
    {
        struct stream_member *member = LIST_ENTRY(link, struct stream_member, link);
        member->moving = !member->told && !may_stay(member);
        marked += member->moving;
    }
    return marked;
}

void streams_judge(struct streams *streams, bool (*is_kept)(void *owner, const struct stream_member *member),
                   void *owner)
{
    streams->is_kept = is_kept;
    streams->owner = owner;
}

void streams_leave_moved(struct streams *streams, int64_t spread_ms)
{
    streams->moving = mark_moving(&streams->known) + mark_moving(&streams->unknown);
    if (streams->moving <= STREAMS_AT_ONCE)
        spread_ms = 0;
    streams->moved_by_ms = loop_now_ms(streams->loop) + spread_ms;
    if (streams->moving > 0)
        loop_timer_start(streams->loop, &streams->step, 0, on_step);
}

/* --- the list, for operators ------------------------------------------------------------------------- */

static json_t *address_of(const struct stream_member *member)
{
    static const uint8_t none[sizeof member->client];
    struct address address = {.size = sizeof address.v6};
    char text[ADDRESS_TEXT_SIZE];
    if (memcmp(member->client, none, sizeof none) == 0)
        return json_null();
    address.v6.sin6_family = AF_INET6;
    memcpy(&address.v6.sin6_addr, member->client, sizeof member->client);
    return json_string(address_format_host(&address, text));
}

static json_t *row_of(struct streams *streams, struct stream_member *member, const char *route)
{
    const struct principal *who = member->principal;
    int64_t age_us = loop_now_us(streams->loop) - member->since_us;
    json_t *row = json_pack("{s:I, s:s, s:s?, s:s?, s:o, s:I}", "id", (json_int_t)member->serial, "kind",
                            member->kind->name, "route", route, "user", who->user, "address",
                            address_of(member), "age_ms", (json_int_t)(age_us / 1000));
    if (member->kind->describe)
        member->kind->describe(member, row);
    return row;
}

json_t *streams_list(struct streams *streams, const struct streams_listing *listing, size_t *more)
{
    json_t *rows = json_array();
    struct list *const lists[] = {&streams->known, &streams->unknown};
    for (size_t i = 0; i < 2; i++) {
        LIST_FOR_EACH(link, lists[i])
        {
            struct stream_member *member = LIST_ENTRY(link, struct stream_member, link);
            if (!member->kind)
                continue;
            if (json_array_size(rows) == listing->most)
                ++*more;
            else
                json_array_append_new(
                    rows, row_of(streams, member, listing->route_of(listing->owner, member->route)));
        }
    }
    return rows;
}

static struct stream_member *find(struct streams *streams, uint64_t serial)
{
    struct list *const lists[] = {&streams->known, &streams->unknown};
    for (size_t i = 0; i < 2; i++) {
        LIST_FOR_EACH(link, lists[i])
        {
            struct stream_member *member = LIST_ENTRY(link, struct stream_member, link);
            if (member->serial == serial)
                return member;
        }
    }
    return NULL;
}

bool streams_close_one(struct streams *streams, uint64_t serial)
{
    struct stream_member *member = find(streams, serial);
    if (!member || !member->kind)
        return false;
    if (!member->told) {
        member->told = true;
        member->close(member, STREAMS_CLOSED);
    }
    return true;
}
