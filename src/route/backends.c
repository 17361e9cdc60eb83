/* A waiter's callback may make any waiter leave, so news are spread in the loop's next task over a list of
 * those who waited when they came. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>

#include "base/check.h"
#include "base/list.h"
#include "base/memory.h"

#include "route/backends.h"
#include "route/destination.h"

enum { IDLE_PER_ADDRESS = 64, IDLE_MS = 55000 };

struct backend {
    UT_hash_handle hh;
    struct backends *backends;
    struct target_row row;
    struct destination destination;
    int64_t distrusted_ms; /* when on_distrust was told; 0: never */
    bool known;            /* in the keeper's table */
    bool asked;            /* the keeper was told that requests wait */
    bool touched;
    unsigned open; /* requests and streams */
    struct list waiters;
    struct list to_tell; /* waiters that have not been told the latest news */
    unsigned waiting;
    struct list watchers;
    struct loop_task tell;
    struct list parted; /* among those that are gone; else it is in the table */
    uint64_t changed;   /* number of its last change */
};

struct backends {
    struct backends_settings settings;
    struct upstream_pool *pool;
    struct backend *by_name;
    struct list parted; /* gone, and maybe still held by somebody */
    bool complete;      /* the first table is in */
    bool keeper_away;
    bool moved; /* see backends_have_moved() */
    uint64_t changes;
    void (*on_change)(void *owner, const struct backend *backend);
    void *observer;
};

struct backends *backends_new(const struct backends_settings *settings)
{
    const struct upstream_pool_settings pool = {
        .most_idle = IDLE_PER_ADDRESS, .idle_ms = IDLE_MS, .resolver = settings->resolver};
    struct backends *backends = MEMORY_NEW(struct backends);
    backends->settings = *settings;
    list_init(&backends->parted);
    backends->pool = upstream_pool_new(settings->loop, &pool);
    return backends;
}

static bool is_held(const struct backend *backend)
{
    return backend->open > 0 || backend->waiting > 0 || !list_empty(&backend->watchers);
}

static void free_backend(struct backend *backend)
{
    loop_task_stop(&backend->tell);
    destination_clear(&backend->destination);
    free(backend);
}

static void free_parted(struct backends *backends)
{
    LIST_FOR_EACH(link, &backends->parted)
    {
        struct backend *backend = LIST_ENTRY(link, struct backend, parted);
        if (is_held(backend))
            continue;
        list_remove(link);
        free_backend(backend);
    }
}

void backends_free(struct backends **owned)
{
    struct backends *backends = *owned;
    struct backend *backend, *next;
    if (!backends)
        return;
    HASH_ITER(hh, backends->by_name, backend, next)
    {
        CHECK(backend->waiting == 0 && list_empty(&backend->watchers));
        HASH_DEL(backends->by_name, backend);
        free_backend(backend);
    }
    LIST_FOR_EACH(link, &backends->parted)
    {
        struct backend *gone = LIST_ENTRY(link, struct backend, parted);
        CHECK(gone->waiting == 0 && list_empty(&gone->watchers));
        free_backend(gone);
    }
    upstream_pool_free(&backends->pool);
    free(backends);
    *owned = NULL;
}

struct upstream_pool *backends_pool(struct backends *backends)
{
    return backends->pool;
}

struct backend *backends_find(struct backends *backends, struct slice name)
{
    struct backend *backend;
    HASH_FIND(hh, backends->by_name, name.data, name.size, backend);
    return backend;
}

const struct target_row *backends_row(const struct backend *backend)
{
    return &backend->row;
}

/* --- rows ---------------------------------------------------------------------------------------- */

static struct page_target *page_row(const struct backend *backend)
{
    struct page *page = backend->backends->settings.page;
    return page && backend->row.slot < PAGE_TARGETS ? &page->targets[backend->row.slot] : NULL;
}

static struct backend *find_or_add(struct backends *backends, const char *name)
{
    struct backend *backend = backends_find(backends, slice_of_text(name));
    if (backend)
        return backend;
    backend = MEMORY_NEW(struct backend);
    backend->backends = backends;
    destination_init(&backend->destination, backends->pool, backends->settings.policies);
    list_init(&backend->waiters);
    list_init(&backend->to_tell);
    list_init(&backend->watchers);
    snprintf(backend->row.name, sizeof backend->row.name, "%s", name);
    HASH_ADD(hh, backends->by_name, row.name, strlen(backend->row.name), backend);
    return backend;
}

static bool is_of_others(const struct backend *backend)
{
    return backend->row.generation == 0;
}

static void set_destination(struct backend *backend)
{
    destination_set(&backend->destination, &backend->row);
    backend->backends->moved |= is_of_others(backend);
}

static void on_tell(struct loop_task *task)
{
    struct backend *backend = LIST_ENTRY(task, struct backend, tell);
    while (!list_empty(&backend->to_tell)) {
        struct list *link = backend->to_tell.next;
        list_remove(link);
        list_append(&backend->waiters, link);
        struct backends_waiter *waiter = LIST_ENTRY(link, struct backends_waiter, link);
        waiter->on_news(waiter);
    }
    LIST_FOR_EACH(link, &backend->watchers)
    {
        struct backends_watcher *watcher = LIST_ENTRY(link, struct backends_watcher, link);
        watcher->on_change(watcher);
    }
}

static void spread_news(struct backend *backend)
{
    struct backends *backends = backend->backends;
    backend->changed = ++backends->changes;
    if (backends->on_change)
        backends->on_change(backends->observer, backend);
    while (!list_empty(&backend->waiters)) {
        struct list *link = backend->waiters.next;
        list_remove(link);
        list_append(&backend->to_tell, link);
    }
    loop_task_start(backend->backends->settings.loop, &backend->tell, on_tell);
}

static void set_row(struct backends *backends, const struct target_row *row, int socket)
{
    struct backend *backend = find_or_add(backends, row->name);
    bool same_run = backend->row.generation == row->generation;
    if (!same_run || !row->ready)
        destination_forget(&backend->destination);
    if (socket >= 0 || !row->socket || !same_run)
        destination_set_socket(&backend->destination, socket);
    backend->row = *row;
    backend->known = true;
    set_destination(backend);
    spread_news(backend);
}

static void part(struct backends *backends, struct backend *backend);

/* {name, gone: true}; one that we never heard of is gone already. */
static bool part_named(struct backends *backends, const json_t *object)
{
    const char *name = json_string_value(json_object_get(object, "name"));
    struct backend *backend = name ? backends_find(backends, slice_of_text(name)) : NULL;
    if (backend)
        part(backends, backend);
    return name != NULL;
}

bool backends_set_row(struct backends *backends, const json_t *object, int socket)
{
    struct target_row row;
    if (json_is_true(json_object_get(object, "gone"))) {
        if (socket >= 0)
            close(socket);
        return part_named(backends, object);
    }
    if (!target_row_decode(object, &row)) {
        if (socket >= 0)
            close(socket);
        return false;
    }
    set_row(backends, &row, socket);
    return true;
}

static void set_gone(struct backend *backend)
{
    backend->known = false;
    backend->row.state = TARGET_DOWN;
    backend->row.ready = backend->row.wanted = backend->row.demand = false;
    destination_set_none(&backend->destination);
    spread_news(backend);
}

/* Who holds it sees it as gone; its name and its place in the page are free for another. */
static void part(struct backends *backends, struct backend *backend)
{
    struct page_target *row = page_row(backend);
    set_gone(backend);
    if (row) {
        atomic_store_explicit(&row->streams, 0, memory_order_relaxed);
        atomic_store_explicit(&row->requests, 0, memory_order_relaxed);
        atomic_store_explicit(&row->last_activity_ms, 0, memory_order_relaxed);
    }
    backend->row.slot = PAGE_TARGETS;
    HASH_DEL(backends->by_name, backend);
    list_append(&backends->parted, &backend->parted);
}

bool backends_set_table(struct backends *backends, const json_t *rows)
{
    struct target_row row;
    struct backend *backend, *next;
    json_t *object;
    size_t i;
    if (!json_is_array(rows))
        return false;
    json_array_foreach(rows, i, object)
    {
        if (!target_row_decode(object, &row))
            return false;
    }
    HASH_ITER(hh, backends->by_name, backend, next)
    {
        backend->known = false;
    }
    json_array_foreach(rows, i, object)
    {
        target_row_decode(object, &row);
        set_row(backends, &row, -1);
    }
    HASH_ITER(hh, backends->by_name, backend, next)
    {
        if (backend->known)
            continue;
        if (backend->row.instance)
            part(backends, backend);
        else
            set_gone(backend); /* a route leads there: it says what became of it */
    }
    backends->complete = true;
    return true;
}

void backends_find_policies(struct backends *backends)
{
    struct backend *backend, *next;
    HASH_ITER(hh, backends->by_name, backend, next)
    {
        if (!backend->known || backend->destination.tls || !backend->row.tls[0])
            continue;
        set_destination(backend);
        spread_news(backend);
    }
}

void backends_set_keeper_away(struct backends *backends)
{
    struct backend *backend, *next;
    backends->keeper_away = true;
    HASH_ITER(hh, backends->by_name, backend, next)
    {
        spread_news(backend);
    }
}

bool backends_is_keeper_away(const struct backends *backends)
{
    return backends->keeper_away;
}

bool backends_are_ready(const struct backends *backends)
{
    struct backend *backend, *next;
    HASH_ITER(hh, backends->by_name, backend, next)
    {
        if (!backend->row.demand && target_row_is_missed(&backend->row))
            return false;
    }
    return backends->complete;
}

/* --- verdicts ------------------------------------------------------------------------------------ */

enum backends_verdict backends_verdict(const struct backend *backend)
{
    enum backends_verdict verdict = backends_verdict_of(&backend->row, backend->backends->keeper_away);
    if (verdict == BACKENDS_GO && backend->destination.count == 0)
        return backend->backends->keeper_away ? BACKENDS_REFUSE : BACKENDS_WAIT;
    return verdict;
}

struct backends_way backends_way(struct backend *backend)
{
    return (struct backends_way){
        .backend = backend,
        .address = destination_next(&backend->destination),
        .trust = backend->destination.trust,
    };
}

bool backends_way_holds(const struct backends_way *way)
{
    const struct backend *backend = way->backend;
    if (!backend || !is_of_others(backend) || backend->destination.count == 0)
        return true;
    return destination_has(&backend->destination, &way->address) && way->trust == backend->destination.trust;
}

bool backends_have_moved(struct backends *backends)
{
    bool moved = backends->moved;
    backends->moved = false;
    return moved;
}

struct tls_policy *backends_tls(const struct backend *backend)
{
    return backend->destination.tls;
}

void backends_distrust(struct backend *backend, const char *text)
{
    const struct backends_settings *settings = &backend->backends->settings;
    int64_t now_ms = loop_now_ms(settings->loop);
    bool told = backend->distrusted_ms && now_ms - backend->distrusted_ms < BACKENDS_DISTRUST_MS;
    if (told || !settings->on_distrust)
        return;
    backend->distrusted_ms = now_ms;
    settings->on_distrust(settings->owner, backend->row.name, text);
}

/* --- waiters ------------------------------------------------------------------------------------- */

static void on_limit(struct loop_timer *timer)
{
    struct backends_waiter *waiter = LIST_ENTRY(timer, struct backends_waiter, limit);
    backends_leave(waiter);
    waiter->on_late(waiter);
}

static void ask_keeper(struct backend *backend)
{
    const struct backends_settings *settings = &backend->backends->settings;
    if (backend->asked || !backend->row.demand || backend->row.ready || backend->backends->keeper_away)
        return;
    backend->asked = true;
    settings->on_want(settings->owner, backend->row.name);
}

bool backends_wait(struct backend *backend, struct backends_waiter *waiter, int64_t limit_ms)
{
    CHECK(waiter->on_news && waiter->on_late);
    if (!waiter->link.next) {
        if (backend->waiting >= BACKENDS_WAITERS_MOST)
            return false;
        backend->waiting++;
        waiter->backend = backend;
        list_append(&backend->waiters, &waiter->link);
        loop_timer_start(backend->backends->settings.loop, &waiter->limit, limit_ms, on_limit);
    }
    ask_keeper(backend);
    return true;
}

void backends_leave(struct backends_waiter *waiter)
{
    struct backend *backend = waiter->backend;
    if (!waiter->link.next)
        return;
    const struct backends_settings *settings = &backend->backends->settings;
    list_remove(&waiter->link);
    waiter->link = (struct list){0};
    loop_timer_stop(&waiter->limit);
    backend->waiting--;
    if (backend->waiting > 0 || !backend->asked)
        return;
    backend->asked = false;
    if (!backend->backends->keeper_away)
        settings->on_unwant(settings->owner, backend->row.name);
}

/* --- watchers ------------------------------------------------------------------------------------ */

void backends_watch(struct backend *backend, struct backends_watcher *watcher,
                    void (*on_change)(struct backends_watcher *watcher))
{
    watcher->on_change = on_change;
    list_append(&backend->watchers, &watcher->link);
}

void backends_unwatch(struct backends_watcher *watcher)
{
    if (watcher->link.next)
        list_remove(&watcher->link);
    watcher->link = (struct list){0};
}

bool backends_is_known(const struct backend *backend)
{
    return backend->known;
}

bool backends_has_ended(const struct backend *backend)
{
    const struct target_row *row = &backend->row;
    bool stopped = row->state == TARGET_DOWN && !row->wanted && row->cause.kind == TARGET_CAUSE_STOPPED;
    return !backend->known || row->state == TARGET_ENDED || row->state == TARGET_FAILED || stopped;
}

void backends_observe(struct backends *backends,
                      void (*on_change)(void *owner, const struct backend *backend), void *owner)
{
    backends->on_change = on_change;
    backends->observer = owner;
}

uint64_t backends_change(const struct backend *backend)
{
    return backend->changed;
}

const struct backend *backends_next_change(const struct backends *backends, uint64_t seen)
{
    const struct backend *backend, *next, *found = NULL;
    HASH_ITER(hh, backends->by_name, backend, next)
    {
        if (backend->known && backend->changed > seen && (!found || backend->changed < found->changed))
            found = backend;
    }
    return found;
}

/* --- traffic ------------------------------------------------------------------------------------- */

/* Only this process writes its page: a load and a store are enough. */
static void add(_Atomic uint64_t *number, uint64_t more)
{
    atomic_store_explicit(number, atomic_load_explicit(number, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

void backends_open(struct backend *backend)
{
    struct page_target *row = page_row(backend);
    backend->touched = true;
    backend->open++;
    if (!row)
        return;
    add(&row->streams, 1);
    add(&row->requests, 1);
}

void backends_close(struct backend *backend)
{
    struct page_target *row = page_row(backend);
    CHECK(backend->open > 0);
    backend->touched = true;
    backend->open--;
    if (row)
        add(&row->streams, (uint64_t)-1);
}

void backends_touch(struct backend *backend)
{
    backend->touched = true;
}

void backends_tick(struct backends *backends)
{
    const struct clock *clock = loop_clock(backends->settings.loop);
    uint64_t now = (uint64_t)clock->boottime_ms(clock);
    struct backend *backend, *next;
    HASH_ITER(hh, backends->by_name, backend, next)
    {
        struct page_target *row = page_row(backend);
        if (row && backend->touched)
            atomic_store_explicit(&row->last_activity_ms, now, memory_order_relaxed);
        backend->touched = false;
    }
    free_parted(backends);
}
