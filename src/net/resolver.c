/* Who asks is told from a task, never from inside a call: an answer may be known at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/check.h"
#include "base/list.h"
#include "base/memory.h"

#include "net/lookup.h"
#include "net/resolver.h"

struct name {
    UT_hash_handle hh;
    struct resolver *resolver;
    char host[ADDRESS_HOST_SIZE];
    struct list queries; /* that wait */
    struct list telling; /* that are being told */
    struct address addresses[RESOLVER_ADDRESSES_MOST];
    size_t count;
    char *trouble;    /* of the last answer; NULL: it was good */
    int64_t until_ms; /* the last answer counts; 0: there is none */
    int64_t used_ms;
    bool asking;
    struct loop_task tell;
    struct loop_timer patience;
    struct loop_timer retry;
};

struct resolver {
    struct resolver_settings settings;
    struct lookup *lookup;
    struct name *names;
    struct list refused; /* queries for which there is no room */
    struct loop_task refuse;
    char *told; /* to on_trouble; NULL: all is well */
};

static int64_t now_ms(const struct resolver *resolver)
{
    return loop_now_ms(resolver->settings.loop);
}

static void free_name(struct name *name)
{
    CHECK(list_empty(&name->queries) && list_empty(&name->telling));
    HASH_DEL(name->resolver->names, name);
    loop_task_stop(&name->tell);
    loop_timer_stop(&name->patience);
    loop_timer_stop(&name->retry);
    free(name->trouble);
    free(name);
}

/* --- what is told ------------------------------------------------------------------------------------ */

static void tell_trouble(struct resolver *resolver)
{
    const struct resolver_settings *settings = &resolver->settings;
    const struct name *name, *next, *found = NULL;
    HASH_ITER(hh, resolver->names, name, next)
    {
        if (name->trouble && name->count > 0)
            found = name;
    }
    char *text = found ? memory_format("%s: its addresses of before are used", found->trouble) : NULL;
    bool same = text && resolver->told ? strcmp(text, resolver->told) == 0 : text == resolver->told;
    if (same) {
        free(text);
        return;
    }
    free(resolver->told);
    resolver->told = text;
    if (settings->on_trouble)
        settings->on_trouble(settings->owner, text);
}

static void answer(struct resolver_query *query, const struct resolver_answer *answer)
{
    list_remove(&query->link);
    query->link = (struct list){0};
    query->on_answer(query, answer);
}

static void on_tell(struct loop_task *task)
{
    struct name *name = LIST_ENTRY(task, struct name, tell);
    while (!list_empty(&name->queries)) {
        struct list *link = name->queries.next;
        list_remove(link);
        list_append(&name->telling, link);
    }
    while (!list_empty(&name->telling))
        answer(LIST_ENTRY(name->telling.next, struct resolver_query, link),
               &(struct resolver_answer){.addresses = name->addresses,
                                         .count = name->count,
                                         .trouble = name->count ? NULL : name->trouble});
}

static void tell(struct name *name)
{
    loop_timer_stop(&name->patience);
    loop_task_start(name->resolver->settings.loop, &name->tell, on_tell);
}

static void on_patience(struct loop_timer *timer)
{
    tell(LIST_ENTRY(timer, struct name, patience));
}

static void on_refuse(struct loop_task *task)
{
    struct resolver *resolver = LIST_ENTRY(task, struct resolver, refuse);
    while (!list_empty(&resolver->refused))
        answer(LIST_ENTRY(resolver->refused.next, struct resolver_query, link),
               &(struct resolver_answer){.trouble = "too many names are being looked up"});
}

/* --- one name ------------------------------------------------------------------------------------------ */

static void ask(struct name *name);

static void on_retry(struct loop_timer *timer)
{
    struct name *name = LIST_ENTRY(timer, struct name, retry);
    struct resolver *resolver = name->resolver;
    bool waited_for = name->asking || !list_empty(&name->queries) || !list_empty(&name->telling);
    if (waited_for || now_ms(resolver) - name->used_ms < RESOLVER_UNUSED_MS) {
        ask(name);
        return;
    }
    free_name(name);
    tell_trouble(resolver);
}

static int64_t kept_ms(int64_t ttl_s)
{
    int64_t kept_s = ttl_s < RESOLVER_LEAST_S ? RESOLVER_LEAST_S : ttl_s;
    return (kept_s > RESOLVER_MOST_S ? RESOLVER_MOST_S : kept_s) * 1000;
}

static void on_answer(void *owner, const struct lookup_answer *answer)
{
    struct name *name = owner;
    struct resolver *resolver = name->resolver;
    bool found = answer->verdict == LOOKUP_FOUND;
    name->asking = false;
    free(name->trouble);
    name->trouble = found ? NULL : memory_text(answer->trouble);
    name->until_ms = now_ms(resolver) + (found ? kept_ms(answer->ttl_s) : RESOLVER_NONE_MS);
    if (answer->verdict != LOOKUP_FAILED) {
        memcpy(name->addresses, answer->addresses, sizeof name->addresses);
        name->count = answer->count;
        loop_timer_stop(&name->retry);
    } else if (name->count > 0) {
        loop_timer_start(resolver->settings.loop, &name->retry, RESOLVER_RETRY_MS, on_retry);
    }
    tell_trouble(resolver);
    tell(name);
}

static void ask(struct name *name)
{
    if (name->asking)
        return;
    name->asking = true;
    lookup_ask(name->resolver->lookup, name->host, on_answer, name);
}

/* --- all of them -----------------------------------------------------------------------------------------
 */

static bool is_idle(const struct name *name)
{
    return !name->asking && list_empty(&name->queries) && list_empty(&name->telling);
}

/* False: all of them are being asked for. */
static bool make_room(struct resolver *resolver)
{
    struct name *name, *next, *oldest = NULL;
    if (HASH_COUNT(resolver->names) < RESOLVER_NAMES_MOST)
        return true;
    HASH_ITER(hh, resolver->names, name, next)
    {
        if (is_idle(name) && (!oldest || name->used_ms < oldest->used_ms))
            oldest = name;
    }
    if (oldest)
        free_name(oldest);
    return oldest != NULL;
}

static struct name *find_or_add(struct resolver *resolver, const char *host)
{
    struct name *name;
    HASH_FIND_STR(resolver->names, host, name);
    if (name || !make_room(resolver))
        return name;
    name = MEMORY_NEW(struct name);
    name->resolver = resolver;
    list_init(&name->queries);
    list_init(&name->telling);
    snprintf(name->host, sizeof name->host, "%s", host);
    HASH_ADD_STR(resolver->names, host, name);
    return name;
}

void resolver_ask(struct resolver *resolver, struct resolver_query *query, const struct address *address)
{
    struct loop *loop = resolver->settings.loop;
    CHECK(address_is_name(address) && query->on_answer && !query->link.next);
    struct name *name = find_or_add(resolver, address->named.host);
    if (!name) {
        list_append(&resolver->refused, &query->link);
        loop_task_start(loop, &resolver->refuse, on_refuse);
        return;
    }
    list_append(&name->queries, &query->link);
    name->used_ms = now_ms(resolver);
    if (name->used_ms < name->until_ms) {
        tell(name);
        return;
    }
    if (name->count > 0 && !loop_timer_armed(&name->patience))
        loop_timer_start(loop, &name->patience, RESOLVER_PATIENCE_MS, on_patience);
    ask(name);
}

void resolver_leave(struct resolver_query *query)
{
    if (query->link.next)
        list_remove(&query->link);
    query->link = (struct list){0};
}

char *resolver_servers(const struct resolver *resolver, char *text)
{
    return lookup_servers(resolver->lookup, text);
}

struct resolver *resolver_new(const struct resolver_settings *settings)
{
    struct resolver *resolver = MEMORY_NEW(struct resolver);
    resolver->settings = *settings;
    resolver->lookup = lookup_new(settings->loop, settings->servers);
    list_init(&resolver->refused);
    return resolver;
}

void resolver_free(struct resolver **where)
{
    struct resolver *resolver = *where;
    struct name *name, *next;
    *where = NULL;
    if (!resolver)
        return;
    CHECK(list_empty(&resolver->refused));
    lookup_free(&resolver->lookup);
    loop_task_stop(&resolver->refuse);
    HASH_ITER(hh, resolver->names, name, next)
    {
        free_name(name);
    }
    free(resolver->told);
    free(resolver);
}
