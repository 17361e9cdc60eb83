/* A plain list, walked only when somebody's credential ends; the streams of nobody are on a list of their
 * own. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

#include "route/limits.h"
#include "route/streams.h"

struct streams {
    struct loop *loop;
    struct list known;   /* with a credential */
    struct list unknown; /* nobody's: only what they lead through can end them from here */
    bool (*is_kept)(void *owner, const struct stream_member *member); /* NULL: all are */
    void *owner;
    int64_t due_ms;        /* no credential ends before; INT64_MAX: none does */
    struct farewell moves; /* of those who may not stay and have not been told */
    uint64_t serial;       /* of the last member */
    size_t fresh;
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
    farewell_stop(&(*streams)->moves);
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
    member->place = member->visit = NULL;
    streams->fresh++;
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

static void tell_next(struct farewell *farewell);

/* Those who are on their way out take it along. */
static void leave_at_once(struct stream_member *member)
{
    struct streams *streams = member->streams;
    member->moving = true;
    if (streams->moves.waiting++ == 0)
        farewell_begin(&streams->moves, streams->loop, 0, tell_next);
}

/* One piece of memory, since thousands may rest: behind these numbers the host, then the path. */
struct visit {
    uint32_t listener;
    uint16_t host_size, path_size;
    char text[];
};

static struct visit *visit_new(const struct exchange_request *request)
{
    struct visit *visit = memory_resize(NULL, sizeof *visit + request->host.size + request->path.size);
    visit->listener = request->listener;
    visit->host_size = (uint16_t)request->host.size;
    visit->path_size = (uint16_t)request->path.size;
    memcpy(visit->text, request->host.data, request->host.size);
    memcpy(visit->text + request->host.size, request->path.data, request->path.size);
    return visit;
}

bool streams_visit(const struct stream_member *member, struct stream_visit *visit)
{
    const struct visit *known = member->visit;
    if (known)
        *visit = (struct stream_visit){.listener = known->listener,
                                       .host = slice_of(known->text, known->host_size),
                                       .path = slice_of(known->text + known->host_size, known->path_size)};
    return known != NULL;
}

void streams_from(struct stream_member *member, struct exchange *exchange, const struct stream_kind *kind,
                  const struct backends_way *way)
{
    member->route = exchange_route_id(exchange);
    member->kind = kind;
    member->place = exchange_take(exchange);
    if (way)
        member->way = *way;
    member->visit = visit_new(exchange_request(exchange));
    note_client(member, exchange_request(exchange)->client);
    if (!may_stay(member))
        leave_at_once(member);
}

void streams_remove(struct stream_member *member)
{
    if (!member->principal)
        return;
    list_remove(&member->link);
    member->streams->moves.waiting -= member->moving;
    member->streams->fresh -= member->fresh;
    free(member->visit);
    member->visit = NULL;
    if (member->place)
        limits_leave(member->place);
    member->place = NULL;
    if (member->principal != &principal_nobody)
        free((void *)(uintptr_t)member->principal);
    member->principal = NULL;
}

static void ask(struct stream_member *member, streams_lapsed_fn *lapsed, void *owner)
{
    enum streams_reason reason = STREAMS_SIGNED_OUT;
    if (member->told || !lapsed(owner, member, &reason))
        return;
    member->told = true;
    member->close(member, reason);
}

void streams_review(struct streams *streams, streams_lapsed_fn *lapsed, void *owner)
{
    LIST_FOR_EACH(link, &streams->known)
    ask(LIST_ENTRY(link, struct stream_member, link), lapsed, owner);
}

void streams_review_all(struct streams *streams, streams_lapsed_fn *lapsed, void *owner)
{
    streams_review(streams, lapsed, owner);
    LIST_FOR_EACH(link, &streams->unknown)
    ask(LIST_ENTRY(link, struct stream_member, link), lapsed, owner);
}

static void ask_fresh(struct streams *streams, struct list *members, streams_lapsed_fn *lapsed, void *owner)
{
    if (streams->fresh == 0)
        return;
    LIST_FOR_EACH(link, members)
    {
        struct stream_member *member = LIST_ENTRY(link, struct stream_member, link);
        if (!member->fresh)
            continue;
        member->fresh = false;
        streams->fresh--;
        ask(member, lapsed, owner);
    }
}

void streams_review_fresh(struct streams *streams, streams_lapsed_fn *lapsed, void *owner)
{
    ask_fresh(streams, &streams->known, lapsed, owner);
    ask_fresh(streams, &streams->unknown, lapsed, owner);
}

struct ending {
    const char *credential;
    enum streams_reason reason;
};

static bool is_of(void *owner, const struct stream_member *member, enum streams_reason *reason)
{
    const struct ending *ending = owner;
    *reason = ending->reason;
    return strcmp(member->principal->credential, ending->credential) == 0;
}

void streams_close_credential(struct streams *streams, const char *credential, enum streams_reason reason)
{
    struct ending ending = {credential, reason};
    streams_review(streams, is_of, &ending);
}

static bool has_ended(void *owner, const struct stream_member *member, enum streams_reason *reason)
{
    const int64_t *wall_ms = owner;
    (void)reason;
    return member->principal->expires_ms > 0 && member->principal->expires_ms <= *wall_ms;
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

static bool tell_first(struct streams *streams, struct list *members)
{
    LIST_FOR_EACH(link, members)
    {
        struct stream_member *member = LIST_ENTRY(link, struct stream_member, link);
        if (!member->moving)
            continue;
        member->moving = false;
        streams->moves.waiting--;
        list_remove(link); /* behind those who wait, so that they are found at once */
        list_append(members, link);
        if (!member->told) {
            member->told = true;
            member->close(member, STREAMS_MOVED);
        }
        return true;
    }
    return false;
}

static void tell_next(struct farewell *farewell)
{
    struct streams *streams = LIST_ENTRY(farewell, struct streams, moves);
    if (!tell_first(streams, &streams->known) && !tell_first(streams, &streams->unknown))
        UNREACHABLE();
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
    streams->moves.waiting = mark_moving(&streams->known) + mark_moving(&streams->unknown);
    farewell_begin(&streams->moves, streams->loop, spread_ms, tell_next);
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

json_t *streams_row(struct streams *streams, uint64_t serial, const struct streams_listing *listing)
{
    struct stream_member *member = find(streams, serial);
    return member && member->kind ? row_of(streams, member, listing->route_of(listing->owner, member->route))
                                  : NULL;
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
