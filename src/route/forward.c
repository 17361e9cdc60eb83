/* A client's own X-Forwarded-For, Remote-User and the like never pass: a program behind believes them. */
#include "wire/uri.h"

#include "route/forward.h"

/* --- the target ---------------------------------------------------------------------------------- */

static size_t count_segments(struct slice path)
{
    size_t count = 0;
    struct slice segment;
    while (path.data && uri_next_segment(&path, &segment))
        count++;
    return count;
}

/* How many segments of the path are not the upstream's. */
static size_t count_stripped(const struct exchange_request *request, const struct forward_rule *rule,
                             unsigned before_rest)
{
    if (rule->strip == FORWARD_STRIP_NOTHING)
        return 0;
    if (rule->strip == FORWARD_STRIP_WILDCARD)
        return before_rest;
    struct slice rest = slice_from(request->path, rule->prefix.size);
    bool below = slice_starts_with(request->path, rule->prefix) && (rest.size == 0 || rest.data[0] == '/');
    return below ? count_segments(rule->prefix) : 0;
}

/* Path and query: mostly they lie together in the request already. */
static struct slice join_target(struct arena *arena, struct slice path, struct slice query)
{
    if (path.size > 0 && !query.data)
        return path;
    if (path.size > 0 && query.data == path.data + path.size + 1)
        return slice_of(path.data, path.size + 1 + query.size);
    const struct slice parts[] = {path.size == 0 ? SLICE("/") : path,
                                  query.data ? SLICE("?") : (struct slice){0}, query};
    return arena_join(arena, parts, sizeof parts / sizeof *parts);
}

struct forward_target forward_target(struct exchange *exchange, const struct forward_rule *rule,
                                     unsigned before_rest)
{
    const struct exchange_request *request = exchange_request(exchange);
    size_t stripped = count_stripped(request, rule, before_rest);
    struct slice path = stripped ? uri_skip_segments(request->raw_path, stripped) : request->raw_path;
    return (struct forward_target){
        .target = join_target(exchange_arena(exchange), path, request->query),
        .stripped = slice_between(request->raw_path, 0, request->raw_path.size - path.size),
    };
}

/* --- fields -------------------------------------------------------------------------------------- */

/* Ours to say, or already dealt with. */
static bool is_ours(const struct field *field)
{
    switch (field->id) {
    case FIELD_LOOKALIKE:
    case FIELD_CONTENT_LENGTH:
    case FIELD_EXPECT:
    case FIELD_FORWARDED:
    case FIELD_HOST: /* that of an absolute target counts more */
    case FIELD_REMOTE_USER:
    case FIELD_REMOTE_GROUPS:
    case FIELD_X_FORWARDED_FOR:
    case FIELD_X_FORWARDED_HOST:
    case FIELD_X_FORWARDED_PORT:
    case FIELD_X_FORWARDED_PREFIX:
    case FIELD_X_FORWARDED_PROTO:
    case FIELD_X_FORWARDED_SERVER:
        return true;
    default:
        return false;
    }
}

/* All that is forwarded has gone through the parser of wire/http1, or is ours. */
static void add(struct exchange_field *fields, size_t *count, struct slice name, struct slice value)
{
    if (value.size > 0)
        fields[(*count)++] = (struct exchange_field){name, value, .checked = true};
}

/* RFC 7239: an IPv6 address is quoted and in brackets; a unix socket's peer has no name. */
static struct slice forwarded(struct exchange *exchange, struct slice peer)
{
    const struct exchange_request *request = exchange_request(exchange);
    bool ipv6 = request->peer->any.sa_family == AF_INET6, local = request->peer->any.sa_family == AF_UNIX;
    const struct slice parts[] = {
        ipv6 ? SLICE("for=\"[") : SLICE("for="),
        local ? SLICE("unknown") : peer,
        ipv6 ? SLICE("]\";host=\"") : SLICE(";host=\""),
        request->authority,
        request->secure ? SLICE("\";proto=https") : SLICE("\";proto=http"),
    };
    return arena_join(exchange_arena(exchange), parts, sizeof parts / sizeof *parts);
}

size_t forward_request(struct exchange *exchange, struct slice stripped, struct exchange_field *fields)
{
    const struct exchange_request *request = exchange_request(exchange);
    const struct fields *theirs = &request->head->fields;
    struct arena *arena = exchange_arena(exchange);
    char text[ADDRESS_TEXT_SIZE];
    struct slice peer = arena_copy(arena, slice_of_text(address_format_host(request->peer, text)));
    size_t count = 0;
    add(fields, &count, SLICE("Host"), request->authority);
    for (size_t i = 0; i < theirs->count; i++) {
        const struct field *field = &theirs->list[i];
        bool kept = field->id == FIELD_UPGRADE ? request->upgrade : !field->hop_by_hop && !is_ours(field);
        if (kept)
            fields[count++] = (struct exchange_field){field->name, field->value, .checked = true};
    }
    add(fields, &count, SLICE("X-Forwarded-For"), peer);
    add(fields, &count, SLICE("X-Forwarded-Host"), request->authority);
    add(fields, &count, SLICE("X-Forwarded-Proto"), request->secure ? SLICE("https") : SLICE("http"));
    add(fields, &count, SLICE("X-Forwarded-Prefix"), stripped);
    add(fields, &count, SLICE("Forwarded"), forwarded(exchange, peer));
    return count;
}

size_t forward_response(const struct http1_head *head, bool upgraded, struct exchange_field *fields)
{
    size_t count = 0;
    for (size_t i = 0; i < head->fields.count; i++) {
        const struct field *field = &head->fields.list[i];
        bool transport = field->id == FIELD_CONTENT_LENGTH || field->id == FIELD_DATE;
        bool kept = field->id == FIELD_UPGRADE ? upgraded : !field->hop_by_hop && !transport;
        if (kept)
            fields[count++] = (struct exchange_field){field->name, field->value, .checked = true};
    }
    if (upgraded)
        add(fields, &count, SLICE("Connection"), SLICE("Upgrade"));
    return count;
}
