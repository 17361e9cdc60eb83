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

struct forward_target forward_target(struct exchange *exchange, const struct forward_rule *rule,
                                     unsigned before_rest)
{
    const struct exchange_request *request = exchange_request(exchange);
    size_t stripped = count_stripped(request, rule, before_rest);
    struct slice path = stripped ? uri_skip_segments(request->raw_path, stripped) : request->raw_path;
    return (struct forward_target){
        .target = arena_format(exchange_arena(exchange), "%s" SLICE_FORMAT "%s" SLICE_FORMAT,
                               path.size == 0 ? "/" : "", SLICE_ARGUMENTS(path),
                               request->query.data ? "?" : "", SLICE_ARGUMENTS(request->query)),
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

static void add(struct exchange_field *fields, size_t *count, struct slice name, struct slice value)
{
    if (value.size > 0)
        fields[(*count)++] = (struct exchange_field){name, value};
}

/* RFC 7239: an IPv6 address is quoted and in brackets; a unix socket's peer has no name. */
static struct slice forwarded(struct exchange *exchange, const char *peer)
{
    const struct exchange_request *request = exchange_request(exchange);
    bool ipv6 = request->peer->any.sa_family == AF_INET6, local = request->peer->any.sa_family == AF_UNIX;
    return arena_format(exchange_arena(exchange), "for=%s%s%s;host=\"" SLICE_FORMAT "\";proto=%s",
                        ipv6 ? "\"[" : "", local ? "unknown" : peer, ipv6 ? "]\"" : "",
                        SLICE_ARGUMENTS(request->authority), request->secure ? "https" : "http");
}

size_t forward_request(struct exchange *exchange, struct slice stripped, struct exchange_field *fields)
{
    const struct exchange_request *request = exchange_request(exchange);
    const struct fields *theirs = &request->head->fields;
    struct arena *arena = exchange_arena(exchange);
    char peer[ADDRESS_TEXT_SIZE];
    size_t count = 0;
    add(fields, &count, SLICE("Host"), request->authority);
    for (size_t i = 0; i < theirs->count; i++) {
        const struct field *field = &theirs->list[i];
        bool kept = field->id == FIELD_UPGRADE ? request->upgrade : !field->hop_by_hop && !is_ours(field);
        if (kept)
            fields[count++] = (struct exchange_field){field->name, field->value};
    }
    address_format_host(request->peer, peer);
    add(fields, &count, SLICE("X-Forwarded-For"), arena_copy(arena, slice_of_text(peer)));
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
            fields[count++] = (struct exchange_field){field->name, field->value};
    }
    if (upgraded)
        fields[count++] = (struct exchange_field){SLICE("Connection"), SLICE("Upgrade")};
    return count;
}
