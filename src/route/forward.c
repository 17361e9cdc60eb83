/* A client's own X-Forwarded-For, Remote-User and the like never pass: a program behind believes them. */
#include "admit/cookies.h"
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

/* Programs build links from it, and "//evil.example" and "/\\evil.example" are other sites to a browser: one
 * slash before each segment, no backslash. Dot segments are gone already. data is NULL when the arena is
 * full. */
static struct slice tidy_prefix(struct arena *arena, struct slice raw)
{
    if (raw.size == 0 ||
        (slice_find(raw, '\\') == raw.size && !memmem(raw.data, raw.size, "//", sizeof "//" - 1)))
        return raw;
    char *start = arena_new(arena, raw.size * (sizeof "%5C" - 1)), *at = start;
    for (size_t i = 0; start && i < raw.size; i++) {
        bool repeated = i > 0 && raw.data[i] == '/' && raw.data[i - 1] == '/';
        if (!repeated)
            at = slice_put(at, raw.data[i] == '\\' ? SLICE("%5C") : slice_of(&raw.data[i], 1));
    }
    return slice_of(start, (size_t)(at - start));
}

struct forward_target forward_target(struct exchange *exchange, const struct forward_rule *rule,
                                     unsigned before_rest)
{
    struct arena *arena = exchange_arena(exchange);
    const struct exchange_request *request = exchange_request(exchange);
    size_t stripped = count_stripped(request, rule, before_rest);
    struct slice path = stripped ? uri_skip_segments(request->raw_path, stripped) : request->raw_path;
    struct slice prefix =
        tidy_prefix(arena, slice_between(request->raw_path, 0, request->raw_path.size - path.size));
    if (!prefix.data)
        return (struct forward_target){0};
    return (struct forward_target){.target = join_target(arena, path, request->query), .stripped = prefix};
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
    case FIELD_HOST:  /* that of an absolute target counts more */
    case FIELD_PROXY: /* CGI makes HTTP_PROXY of it, and programs would send their own requests there */
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

/* Passes a field on as it is. Lines that followed each other in the peer's head still do, and go as one block
 * (struct exchange_field): two bytes stand between name and value, and behind the value CR LF. */
static void pass(struct exchange_field *fields, size_t *count, const struct field *field)
{
    const char *line = field->name.data, *end = field->value.data + field->value.size;
    struct exchange_field *latest = *count > 0 ? &fields[*count - 1] : NULL;
    if (field->value.data != line + field->name.size + 2 || *end != '\r')
        fields[(*count)++] = (struct exchange_field){field->name, field->value, .checked = true};
    else if (latest && latest->name.size == 0 && latest->value.data + latest->value.size == line)
        latest->value.size = (size_t)(end + 2 - latest->value.data);
    else
        fields[(*count)++] = (struct exchange_field){.value = slice_of(line, (size_t)(end + 2 - line))};
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

/* What we say of how the request came to us, before a proxy's word is heard. */
struct way {
    struct slice peers, host, scheme, prefix, forwarded;
};

/* All fields of a trusted proxy with that name as one list; data NULL: there are none. */
static struct slice told(struct exchange *exchange, enum field_id id)
{
    struct slice value, list = {0};
    size_t place = 0;
    while (fields_each(&exchange_request(exchange)->head->fields, id, &place, &value)) {
        const struct slice parts[] = {list, list.data ? SLICE(", ") : (struct slice){0}, value};
        list = list.data ? arena_join(exchange_arena(exchange), parts, 3) : value;
    }
    return list;
}

static void put_before(struct exchange *exchange, enum field_id id, struct slice separator, struct slice *own)
{
    const struct slice parts[] = {told(exchange, id), separator, *own};
    if (parts[0].data)
        *own = arena_join(exchange_arena(exchange), parts, 3);
}

/* Theirs may be "/", and "/" before "/evil.example" would name another site. */
static void put_prefix_before(struct exchange *exchange, struct slice *own)
{
    struct slice outer = told(exchange, FIELD_X_FORWARDED_PREFIX);
    while (own->size > 0 && outer.size > 0 && outer.data[outer.size - 1] == '/')
        outer.size--;
    const struct slice parts[] = {outer, *own};
    if (outer.size > 0)
        *own = arena_join(exchange_arena(exchange), parts, 2);
}

static void put_instead(struct exchange *exchange, enum field_id id, struct slice *own)
{
    struct slice value = told(exchange, id);
    if (value.data)
        *own = value;
}

static void hear_proxy(struct exchange *exchange, struct way *way)
{
    put_before(exchange, FIELD_X_FORWARDED_FOR, SLICE(", "), &way->peers);
    put_prefix_before(exchange, &way->prefix);
    put_before(exchange, FIELD_FORWARDED, SLICE(", "), &way->forwarded);
    put_instead(exchange, FIELD_X_FORWARDED_HOST, &way->host);
    put_instead(exchange, FIELD_X_FORWARDED_PROTO, &way->scheme);
}

static void add_way(struct exchange *exchange, struct slice stripped, struct exchange_field *fields,
                    size_t *count)
{
    const struct exchange_request *request = exchange_request(exchange);
    char text[ADDRESS_TEXT_SIZE];
    struct slice peer =
        arena_copy(exchange_arena(exchange), slice_of_text(address_format_host(request->peer, text)));
    struct way way = {
        .peers = peer,
        .host = request->authority,
        .scheme = request->secure ? SLICE("https") : SLICE("http"),
        .prefix = stripped,
        .forwarded = forwarded(exchange, peer),
    };
    if (request->trusted)
        hear_proxy(exchange, &way);
    add(fields, count, SLICE("X-Forwarded-For"), way.peers);
    add(fields, count, SLICE("X-Forwarded-Host"), way.host);
    add(fields, count, SLICE("X-Forwarded-Proto"), way.scheme);
    add(fields, count, SLICE("X-Forwarded-Prefix"), way.prefix);
    add(fields, count, SLICE("Forwarded"), way.forwarded);
}

/* Who asks: whom admission has found, else whom a trusted proxy introduces. */
static void add_user(struct exchange *exchange, struct exchange_field *fields, size_t *count)
{
    const struct principal *principal = exchange_principal(exchange);
    struct arena *arena = exchange_arena(exchange);
    struct slice groups = {0};
    if (!principal->user && !exchange_request(exchange)->introduces)
        return;
    if (!principal->user) {
        add(fields, count, SLICE("Remote-User"), told(exchange, FIELD_REMOTE_USER));
        add(fields, count, SLICE("Remote-Groups"), told(exchange, FIELD_REMOTE_GROUPS));
        return;
    }
    for (size_t i = 0; i < principal->group_count; i++) {
        const struct slice parts[] = {groups, i ? SLICE(",") : (struct slice){0},
                                      slice_of_text(principal->groups[i])};
        groups = arena_join(arena, parts, 3);
    }
    add(fields, count, SLICE("Remote-User"), slice_of_text(principal->user));
    add(fields, count, SLICE("Remote-Groups"), groups);
}

/* Whether a field of the client's is passed on. */
static bool passes_on(const struct exchange *exchange, const struct field *field)
{
    switch (field->id) {
    case FIELD_UPGRADE:
        return exchange_request(exchange)->upgrade;
    case FIELD_AUTHORIZATION:
        return !field->hop_by_hop && exchange_principal(exchange)->kind != PRINCIPAL_TOKEN;
    default:
        return !field->hop_by_hop && !is_ours(field);
    }
}

size_t forward_request(struct exchange *exchange, struct slice stripped, struct slice cookie,
                       struct exchange_field *fields)
{
    const struct exchange_request *request = exchange_request(exchange);
    const struct fields *theirs = &request->head->fields;
    size_t count = 0;
    add(fields, &count, SLICE("Host"), request->authority);
    for (size_t i = 0; i < theirs->count; i++) {
        const struct field *field = &theirs->list[i];
        if (!passes_on(exchange, field))
            continue;
        struct slice value = field->id == FIELD_COOKIE
                                 ? cookies_without(field->value, cookie, exchange_arena(exchange))
                                 : field->value;
        if (value.data == field->value.data && value.size == field->value.size)
            pass(fields, &count, field);
        else
            add(fields, &count, field->name, value);
    }
    add_way(exchange, stripped, fields, &count);
    add_user(exchange, fields, &count);
    return count;
}

static bool sets_own(const struct field *field, struct slice cookie)
{
    if (field->id != FIELD_SET_COOKIE)
        return false;
    struct slice name = slice_between(field->value, 0, slice_find(field->value, '='));
    return cookies_is_own(slice_trim(name), cookie);
}

static bool answers(const struct field *field, enum forward_answer answer)
{
    switch (field->id) {
    case FIELD_CONTENT_LENGTH:
    case FIELD_DATE:
        return false;
    case FIELD_UPGRADE:
        return answer != FORWARD_ANSWER;
    case FIELD_SEC_WEBSOCKET_PROTOCOL:
        return answer != FORWARD_UPGRADE_UNASKED && !field->hop_by_hop;
    default:
        return !field->hop_by_hop;
    }
}

size_t forward_response(const struct http1_head *head, enum forward_answer answer, struct slice cookie,
                        struct exchange_field *fields)
{
    size_t count = 0;
    for (size_t i = 0; i < head->fields.count; i++) {
        const struct field *field = &head->fields.list[i];
        if (answers(field, answer) && !sets_own(field, cookie))
            pass(fields, &count, field);
    }
    if (answer != FORWARD_ANSWER)
        add(fields, &count, SLICE("Connection"), SLICE("Upgrade"));
    return count;
}
