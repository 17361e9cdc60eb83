/* A gate counts its own streams in its page and adds up all pages: first it counts, then it looks, so that
 * two gates never both take the last place. (Both may find it taken; then it is free a moment later.) */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/check.h"
#include "base/memory.h"
#include "link/page_slots.h"

#include "route/limits.h"
#include "route/problem.h"

enum {
    STALE_MS = 10000, /* a page that is not written for so long is a dead gate's */
    RETRY_LEAST_S = 2,
    RETRY_SPREAD_S = 8,
    ADDRESS_BYTES = 16,
    NETWORK_BYTES = 8, /* of an IPv6 address */
};

enum key_kind { KEY_ROUTE, KEY_USER, KEY_ADDRESS, KEYS };

_Static_assert(LIMITS_ROUTE == KEY_ROUTE + 1 && LIMITS_USER == KEY_USER + 1 &&
                   LIMITS_ADDRESS == KEY_ADDRESS + 1,
               "what is full is the key behind");

struct limits {
    struct loop *loop;
    struct limits_pages pages;
    size_t places;
};

struct place {
    struct limits *limits;
    uint64_t keys[KEYS]; /* 0: does not count there */
};

struct limits *limits_new(struct loop *loop, const struct limits_pages *pages)
{
    struct limits *limits = MEMORY_NEW(struct limits);
    limits->loop = loop;
    limits->pages = *pages;
    return limits;
}

void limits_free(struct limits **limits)
{
    if (!*limits)
        return;
    CHECK((*limits)->places == 0);
    free(*limits);
    *limits = NULL;
}

/* --- what counts for what -------------------------------------------------------------------------- */

/* FNV-1a, then mixed (the finaliser of MurmurHash3), since neighbouring addresses differ in few bits. */
static uint64_t key_of(uint64_t route, enum key_kind kind, const void *bytes, size_t size)
{
    uint64_t key = (14695981039346656037u ^ route ^ (uint64_t)kind) * 1099511628211u;
    for (size_t i = 0; i < size; i++)
        key = (key ^ ((const unsigned char *)bytes)[i]) * 1099511628211u;
    key = (key ^ key >> 33) * 0xff51afd7ed558ccdu;
    key = (key ^ key >> 33) * 0xc4ceb9fe1a85ec53u;
    key ^= key >> 33;
    return key ? key : 1;
}

static uint64_t address_key(uint64_t route, const struct address *address)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (address->any.sa_family == AF_INET)
        return key_of(route, KEY_ADDRESS, &address->v4.sin_addr, sizeof address->v4.sin_addr);
    if (address->any.sa_family != AF_INET6)
        return 0;
    const unsigned char *bytes = address->v6.sin6_addr.s6_addr;
    if (memcmp(bytes, mapped, sizeof mapped) == 0)
        return key_of(route, KEY_ADDRESS, bytes + sizeof mapped, ADDRESS_BYTES - sizeof mapped);
    return key_of(route, KEY_ADDRESS, bytes, NETWORK_BYTES);
}

static void set_keys(struct place *place, const struct limits_rule *rule, const struct exchange *exchange)
{
    uint64_t route = exchange_route_id(exchange);
    const char *user = exchange_principal(exchange)->user;
    if (rule->streams)
        place->keys[KEY_ROUTE] = key_of(route, KEY_ROUTE, NULL, 0);
    if (rule->per_user && user)
        place->keys[KEY_USER] = key_of(route, KEY_USER, user, strlen(user));
    if (rule->per_address)
        place->keys[KEY_ADDRESS] = address_key(route, exchange_request(exchange)->client);
}

/* --- counting ---------------------------------------------------------------------------------------- */

static bool is_alive(const struct limits *limits, const struct page *page)
{
    int64_t tick_ms = (int64_t)atomic_load_explicit(&page->tick_ms, memory_order_relaxed);
    return loop_now_ms(limits->loop) - tick_ms < STALE_MS;
}

static uint64_t count(const struct limits *limits, uint64_t key)
{
    uint64_t sum = page_slots_count(limits->pages.own, key);
    for (size_t i = 0; i < limits->pages.other_count; i++)
        if (is_alive(limits, limits->pages.others[i]))
            sum += page_slots_count(limits->pages.others[i], key);
    return sum;
}

/* Takes back what counts below `end`. */
static void uncount(const struct place *place, size_t end)
{
    for (size_t i = 0; i < end; i++)
        if (place->keys[i])
            page_slots_remove(place->limits->pages.own, place->keys[i]);
}

/* LIMITS_NOTHING: all have a place, and count. */
static enum limits_full take(const struct place *place, const struct limits_rule *rule)
{
    const uint32_t most[KEYS] = {rule->streams, rule->per_user, rule->per_address};
    for (size_t i = 0; i < KEYS; i++) {
        if (!place->keys[i])
            continue;
        if (!page_slots_add(place->limits->pages.own, place->keys[i])) {
            uncount(place, i);
            return (enum limits_full)(i + 1);
        }
        if (count(place->limits, place->keys[i]) > most[i]) {
            uncount(place, i + 1);
            return (enum limits_full)(i + 1);
        }
    }
    return LIMITS_NOTHING;
}

void limits_refuse(struct exchange *exchange, enum limits_full full)
{
    static const char *const details[] = {
        [LIMITS_ROUTE] = "This route has as many streams open as its limits.streams allows.",
        [LIMITS_USER] = "You have as many streams open here as limits.per_user allows.",
        [LIMITS_ADDRESS] = "Your address has as many streams open here as limits.per_address allows.",
    };
    uint32_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0)
        random = 0;
    problem_reply(exchange, &(struct problem){.status = 503,
                                              .type = "too-many-streams",
                                              .title = "Too many open streams",
                                              .detail = details[full],
                                              .retry_after_s = RETRY_LEAST_S + random % RETRY_SPREAD_S});
}

static bool has_place(struct exchange *exchange)
{
    void *place = exchange_take(exchange);
    if (place)
        exchange_keep(exchange, place, limits_leave);
    return place != NULL;
}

enum limits_full limits_take(struct limits *limits, const struct limits_rule *rule, struct exchange *exchange)
{
    struct place wanted = {.limits = limits};
    set_keys(&wanted, rule, exchange);
    if ((!wanted.keys[KEY_ROUTE] && !wanted.keys[KEY_USER] && !wanted.keys[KEY_ADDRESS]) ||
        has_place(exchange))
        return LIMITS_NOTHING;
    enum limits_full full = take(&wanted, rule);
    if (full != LIMITS_NOTHING)
        return full;
    limits->places++;
    exchange_keep(exchange, memory_copy(&wanted, sizeof wanted), limits_leave);
    return LIMITS_NOTHING;
}

bool limits_admit(struct limits *limits, const struct limits_rule *rule, struct exchange *exchange)
{
    enum limits_full full = limits_take(limits, rule, exchange);
    if (full != LIMITS_NOTHING)
        limits_refuse(exchange, full);
    return full == LIMITS_NOTHING;
}

void limits_leave(void *thing)
{
    struct place *place = thing;
    uncount(place, KEYS);
    place->limits->places--;
    free(place);
}
