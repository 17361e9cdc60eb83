/* Calls go down from here, and what comes up of a request is its record. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "net/resolver.h"
#include "route/health.h"
#include "route/problem.h"

#include "gate/dataplane.h"
#include "gate/lobby.h"
#include "gate/review.h"

enum {
    TICK_MS = 1000,
    GOODBYE_SLACK_MS = 3000, /* the last streams are told so long before the end of a drain */
    LAST_REQUEST_MS = 1000,  /* at least, for an idle connection, or half of the drain */
    HEAD_LIMIT = 32 * 1024,
    TARGET_LIMIT = 8 * 1024,
    HEAD_MS = 10000,
    IDLE_MS = 75000,
    STALL_MS = 60000,
};

struct dataplane {
    struct dataplane_settings settings;
    struct loop *loop;
    struct page *page; /* our own */
    struct policies *policies;
    struct resolver *resolver;
    struct backends *backends;
    struct asker *asker;
    struct streams *streams; /* by who opened them */
    struct limits *limits;
    struct refusals *refusals;
    struct admission *admission;
    struct signins *signins;
    struct login *login;
    struct tunnels *tunnels;
    struct event_group *event_group; /* all event streams, also those of services */
    struct events *events;
    struct attaches *attaches;
    struct terminals *terminals;
    struct topics *topics;
    struct proxy *proxy;
    struct probes *probes;
    struct http_server *server;
    struct entrance *entrance;
    struct lobby *lobby;
    struct access *access; /* NULL: no access log */
    struct serving *prepared;
    uint64_t prepared_number;
    struct serving *serving; /* NULL: nothing is committed, and nothing accepted */
    json_t *health;          /* details, as the keeper gave them; NULL: not yet */
    enum dataplane_phase phase;
    struct review review;
    struct loop_timer tick;
};

/* --- connections and requests -------------------------------------------------------------------- */

static size_t count_connections(const struct dataplane *dataplane)
{
    return http_server_connections(dataplane->server) + tunnels_count(dataplane->tunnels) +
           viewers_count(terminals_viewers(dataplane->terminals)) + refusals_count(dataplane->refusals);
}

static void tell_open(struct dataplane *dataplane)
{
    pages_store(&dataplane->page->open, count_connections(dataplane));
}

static void on_accept(void *owner, int fd, const struct address *peer, unsigned index)
{
    struct dataplane *dataplane = owner;
    http_server_accept(dataplane->server, fd, peer, index);
    pages_add(&dataplane->page->accepted, 1);
    tell_open(dataplane);
}

static bool is_ready(const struct dataplane *dataplane)
{
    return dataplane->phase == DATAPLANE_SERVING && !dataplane->review.draining &&
           backends_are_ready(dataplane->backends);
}

static struct health_facts health_facts(void *owner)
{
    const struct dataplane *dataplane = owner;
    const struct clock *clock = loop_clock(dataplane->loop);
    uint64_t tick = atomic_load_explicit(&dataplane->settings.pages->keeper->tick_ms, memory_order_relaxed);
    return (struct health_facts){
        .ready = is_ready(dataplane),
        .details = dataplane->health,
        .now_ms = clock->boottime_ms(clock),
        .keeper_age_ms = loop_now_ms(dataplane->loop) - (int64_t)tick,
    };
}

static void answer_health_early(struct dataplane *dataplane, struct exchange *exchange, enum health_page page)
{
    struct health_facts facts = health_facts(dataplane);
    if (!dataplane->serving || !serving_shows_details(dataplane->serving, exchange))
        facts.details = NULL;
    health_answer(exchange, page, &facts);
}

static void on_lobby_left(void *owner, struct exchange *exchange)
{
    struct dataplane *dataplane = owner;
    if (dataplane->phase == DATAPLANE_STARTING)
        problem_reply_status(exchange, 503, "This reeve is being stopped before it has begun to serve.");
    else
        serving_answer(dataplane->serving, exchange);
}

static void answer_before_serving(struct dataplane *dataplane, struct exchange *exchange)
{
    bool reserved;
    enum health_page page = health_find(exchange_request(exchange)->path, &reserved);
    if (page != HEALTH_NONE)
        answer_health_early(dataplane, exchange, page);
    else if (dataplane->review.draining)
        on_lobby_left(dataplane, exchange);
    else if (!lobby_enter(dataplane->lobby, exchange))
        problem_reply_status(exchange, 503, "Too many requests wait for this reeve to start.");
}

static void on_request(void *owner, struct exchange *exchange)
{
    struct dataplane *dataplane = owner;
    pages_add(&dataplane->page->requests, 1);
    if (dataplane->phase == DATAPLANE_STARTING)
        answer_before_serving(dataplane, exchange);
    else
        serving_answer(dataplane->serving, exchange);
}

static void on_record(void *owner, const struct http_record *record)
{
    struct dataplane *dataplane = owner;
    tell_open(dataplane);
    if (dataplane->access)
        access_write(dataplane->access, record);
    if (record->context)
        serving_left(record->context);
}

static void on_tick(struct loop_timer *timer)
{
    struct dataplane *dataplane = LIST_ENTRY(timer, struct dataplane, tick);
    pages_store(&dataplane->page->tick_ms, (uint64_t)loop_now_ms(dataplane->loop));
    tell_open(dataplane);
    backends_tick(dataplane->backends);
    admission_tick(dataplane->admission);
    review_fresh(&dataplane->review);
    loop_timer_start(dataplane->loop, timer, TICK_MS, on_tick);
}

/* --- what is served ------------------------------------------------------------------------------ */

bool dataplane_prepare(struct dataplane *dataplane, uint64_t number, const json_t *snapshot,
                       struct descriptors *descriptors, struct error *error)
{
    const struct serving_means means = {
        .proxy = dataplane->proxy,
        .asker = dataplane->asker,
        .events = dataplane->events,
        .topics = dataplane->topics,
        .admission = dataplane->admission,
        .login = dataplane->login,
        .terminals = dataplane->terminals,
        .health = health_facts,
        .owner = dataplane,
        .limits = dataplane->limits,
        .refusals = dataplane->refusals,
    };
    serving_retire(&dataplane->prepared);
    if (!policies_prepare(dataplane->policies, json_object_get(snapshot, "tls"), error))
        return false;
    dataplane->prepared = serving_new(snapshot, descriptors, &means, error);
    dataplane->prepared_number = number;
    return dataplane->prepared != NULL;
}

static void open_access(struct dataplane *dataplane, struct serving_settings *settings)
{
    int fd = -1;
    access_free(&dataplane->access);
    if (settings->access == SERVING_ACCESS_DESCRIPTOR) {
        fd = settings->access_fd;
        settings->access_fd = -1;
    } else if (settings->access == SERVING_ACCESS_STDOUT && dataplane->settings.output >= 0) {
        fd = dup(dataplane->settings.output);
    }
    if (fd >= 0)
        dataplane->access = access_new(dataplane->loop, fd, settings->access_format);
}

static void open_entrance(struct dataplane *dataplane, struct serving_settings *settings)
{
    entrance_open(dataplane->entrance, settings->listeners, settings->addresses, settings->listener_count);
    for (size_t i = 0; i < settings->listener_count; i++)
        settings->listeners[i] = -1;
}

void dataplane_look_at_ways(struct dataplane *dataplane)
{
    if (backends_have_moved(dataplane->backends))
        review_leave_moved(&dataplane->review);
}

bool dataplane_commit(struct dataplane *dataplane, uint64_t number)
{
    if (!dataplane->prepared || number != dataplane->prepared_number)
        return false;
    review_change(&dataplane->review, dataplane->prepared);
    policies_commit(dataplane->policies);
    backends_find_policies(dataplane->backends);
    serving_retire(&dataplane->serving);
    dataplane->serving = dataplane->prepared;
    dataplane->prepared = NULL;
    struct serving_settings *settings = serving_settings(dataplane->serving);
    open_access(dataplane, settings);
    if (!dataplane->review.draining)
        open_entrance(dataplane, settings);
    review_leave_moved(&dataplane->review);
    return true;
}

void dataplane_drop(struct dataplane *dataplane, uint64_t number)
{
    if (number == dataplane->prepared_number)
        serving_retire(&dataplane->prepared);
}

const struct serving_settings *dataplane_settings(const struct dataplane *dataplane)
{
    return dataplane->serving ? serving_settings(dataplane->serving) : NULL;
}

void dataplane_set_health(struct dataplane *dataplane, json_t *details)
{
    json_decref(dataplane->health);
    dataplane->health = details;
}

void dataplane_set_phase(struct dataplane *dataplane, enum dataplane_phase phase)
{
    dataplane->phase = phase;
    if (phase != DATAPLANE_STARTING)
        lobby_open(dataplane->lobby);
}

/* --- the end ------------------------------------------------------------------------------------- */

/* Idle connections go at once when reeve stops; when other gates carry on, each may bring one more request,
 * in a short drain too: who has just connected has it on its way. */
static int64_t idle_close_ms(bool stopping, int64_t timeout_ms, int64_t spread_ms)
{
    int64_t least_ms = timeout_ms / 2 < LAST_REQUEST_MS ? timeout_ms / 2 : LAST_REQUEST_MS;
    if (stopping)
        return 0;
    return spread_ms > least_ms ? spread_ms : least_ms;
}

void dataplane_drain(struct dataplane *dataplane, int64_t timeout_ms)
{
    bool stopping = dataplane->phase == DATAPLANE_STOPPING;
    int64_t spread_ms = timeout_ms > GOODBYE_SLACK_MS ? timeout_ms - GOODBYE_SLACK_MS : 0;
    dataplane->review.draining = true;
    pages_store(&dataplane->page->draining, 1);
    entrance_close(dataplane->entrance);
    lobby_open(dataplane->lobby);
    http_server_drain(dataplane->server, idle_close_ms(stopping, timeout_ms, spread_ms));
    event_group_say_goodbye(dataplane->event_group, spread_ms);
    tunnels_say_goodbye(dataplane->tunnels, stopping ? TUNNELS_GOING_AWAY : TUNNELS_RESTART, spread_ms);
    viewers_say_goodbye(terminals_viewers(dataplane->terminals),
                        stopping ? VIEWERS_GOING_AWAY : VIEWERS_RESTART, spread_ms);
}

static const char *place_of(void *owner, uint64_t route)
{
    return owner ? serving_place(owner, route) : NULL;
}

json_t *dataplane_list_streams(struct dataplane *dataplane, size_t most)
{
    size_t more = 0;
    json_t *rows = streams_list(dataplane->streams,
                                &(struct streams_listing){most, place_of, dataplane->serving}, &more);
    return json_pack("{s:o, s:I}", "streams", rows, "more", (json_int_t)more);
}

json_t *dataplane_describe_stream(struct dataplane *dataplane, uint64_t serial)
{
    return streams_row(dataplane->streams, serial,
                       &(struct streams_listing){.route_of = place_of, .owner = dataplane->serving});
}

bool dataplane_close_stream(struct dataplane *dataplane, uint64_t serial)
{
    return streams_close_one(dataplane->streams, serial);
}

bool dataplane_is_empty(const struct dataplane *dataplane)
{
    return count_connections(dataplane) == 0;
}

static void on_fewer(void *owner)
{
    struct dataplane *dataplane = owner;
    if (dataplane->review.draining && dataplane_is_empty(dataplane))
        dataplane->settings.events->on_empty(dataplane->settings.owner);
}

/* --- trouble ------------------------------------------------------------------------------------- */

static void on_events_degraded(void *owner, int error)
{
    struct dataplane *dataplane = owner;
    char *text = error ? memory_format("files of event streams are looked at every %d ms instead of being "
                                       "watched: inotify is used up (%s); raise fs.inotify.max_user_watches "
                                       "and fs.inotify.max_user_instances",
                                       TAIL_POLL_MS, strerror(error))
                       : NULL;
    dataplane->settings.events->on_trouble(dataplane->settings.owner, "events", text);
    free(text);
}

static void on_names_trouble(void *owner, const char *text)
{
    const struct dataplane *dataplane = owner;
    dataplane->settings.events->on_trouble(dataplane->settings.owner, "names", text);
}

static void on_entrance_trouble(void *owner, const char *text)
{
    const struct dataplane *dataplane = owner;
    dataplane->settings.events->on_trouble(dataplane->settings.owner, "connections", text);
}

static void on_events_refused(void *owner, const char *path, int error)
{
    const struct dataplane *dataplane = owner;
    dataplane->settings.events->on_refused(dataplane->settings.owner, path, error);
}

/* --- composition --------------------------------------------------------------------------------- */

static void on_signed_out(void *owner, const char *session)
{
    const struct dataplane *dataplane = owner;
    admission_forget(dataplane->admission, session);
}

/* Who may come in, and what must not go further. */
static void compose_admission(struct dataplane *dataplane)
{
    struct loop *loop = dataplane->loop;
    char *cookie = memory_format("reeve-%s", dataplane->settings.name);
    dataplane->admission = admission_new(loop, dataplane->streams, dataplane->asker);
    dataplane->signins = signins_new(loop, dataplane->settings.events->on_sign_in, dataplane->settings.owner);
    dataplane->login = login_new(&(struct login_settings){.signins = dataplane->signins,
                                                          .asker = dataplane->asker,
                                                          .cookie = cookie,
                                                          .on_signed_out = on_signed_out,
                                                          .owner = dataplane});
    dataplane->tunnels = tunnels_new(loop, dataplane->streams, cookie, on_fewer, dataplane);
    dataplane->proxy = proxy_new(&(struct proxy_settings){.loop = loop,
                                                          .backends = dataplane->backends,
                                                          .tunnels = dataplane->tunnels,
                                                          .streams = dataplane->streams,
                                                          .limits = dataplane->limits,
                                                          .group = dataplane->event_group,
                                                          .cookie = cookie});
    free(cookie);
}

static void compose_terminals(struct dataplane *dataplane)
{
    const struct dataplane_settings *settings = &dataplane->settings;
    dataplane->attaches = attaches_new(dataplane->loop, settings->events->on_attach, settings->owner);
    dataplane->terminals = terminals_new(&(struct terminals_settings){.loop = dataplane->loop,
                                                                      .backends = dataplane->backends,
                                                                      .streams = dataplane->streams,
                                                                      .attaches = dataplane->attaches,
                                                                      .asker = dataplane->asker,
                                                                      .on_empty = on_fewer,
                                                                      .owner = dataplane});
}

struct dataplane *dataplane_new(const struct dataplane_settings *settings)
{
    struct dataplane *dataplane = MEMORY_NEW(struct dataplane);
    dataplane->policies = policies_new();
    dataplane->resolver = resolver_new(&(struct resolver_settings){.loop = settings->loop,
                                                                   .servers = settings->name_servers,
                                                                   .on_trouble = on_names_trouble,
                                                                   .owner = dataplane});
    const struct http_server_settings server = {
        .head_limit = HEAD_LIMIT,
        .target_limit = TARGET_LIMIT,
        .head_ms = HEAD_MS,
        .idle_ms = IDLE_MS,
        .stall_ms = STALL_MS,
        .on_request = on_request,
        .on_record = on_record,
        .on_drained = on_fewer,
        .owner = dataplane,
    };
    const struct backends_settings backends = {
        .loop = settings->loop,
        .page = settings->pages->own,
        .on_want = settings->events->on_want,
        .on_unwant = settings->events->on_unwant,
        .on_distrust = settings->events->on_distrust,
        .policies = dataplane->policies,
        .resolver = dataplane->resolver,
        .owner = settings->owner,
    };
    dataplane->settings = *settings;
    dataplane->loop = settings->loop;
    dataplane->page = settings->pages->own;
    dataplane->backends = backends_new(&backends);
    dataplane->asker = asker_new(settings->loop, settings->events->on_ask, settings->owner);
    dataplane->streams = streams_new(settings->loop);
    dataplane->limits =
        limits_new(settings->loop, &(struct limits_pages){.own = settings->pages->own,
                                                          .others = settings->pages->others,
                                                          .other_count = settings->pages->other_count});
    dataplane->event_group = event_group_new(settings->loop);
    dataplane->events = events_new(&(struct events_settings){.loop = settings->loop,
                                                             .backends = dataplane->backends,
                                                             .streams = dataplane->streams,
                                                             .group = dataplane->event_group,
                                                             .on_degraded = on_events_degraded,
                                                             .on_refused = on_events_refused,
                                                             .owner = dataplane});
    dataplane->refusals = refusals_new(settings->loop, on_fewer, dataplane);
    dataplane->topics =
        topics_new(&(struct topics_settings){.loop = settings->loop,
                                             .backends = dataplane->backends,
                                             .streams = dataplane->streams,
                                             .group = dataplane->event_group,
                                             .tails = events_tails(dataplane->events),
                                             .asker = dataplane->asker,
                                             .newest_row = &settings->pages->keeper->journal});
    compose_admission(dataplane);
    compose_terminals(dataplane);
    dataplane->probes =
        probes_new(settings->loop, dataplane->resolver, settings->events->on_probed, settings->owner);
    dataplane->server = http_server_new(settings->loop, &server);
    dataplane->review = (struct review){.streams = dataplane->streams,
                                        .backends = dataplane->backends,
                                        .admission = dataplane->admission,
                                        .server = dataplane->server,
                                        .serving = &dataplane->serving};
    review_begin(&dataplane->review);
    dataplane->entrance =
        entrance_new(settings->loop, settings->pages, on_accept, on_entrance_trouble, dataplane);
    dataplane->lobby = lobby_new(on_lobby_left, dataplane);
    on_tick(&dataplane->tick);
    return dataplane;
}

void dataplane_free(struct dataplane **owned)
{
    struct dataplane *dataplane = *owned;
    if (!dataplane)
        return;
    *owned = NULL;
    loop_timer_stop(&dataplane->tick);
    entrance_free(&dataplane->entrance);
    http_server_free(&dataplane->server);
    tunnels_free(&dataplane->tunnels);
    terminals_free(&dataplane->terminals);
    attaches_free(&dataplane->attaches);
    refusals_free(&dataplane->refusals);
    topics_free(&dataplane->topics);
    events_free(&dataplane->events);
    event_group_free(&dataplane->event_group);
    login_free(&dataplane->login);
    signins_free(&dataplane->signins);
    admission_free(&dataplane->admission);
    streams_free(&dataplane->streams);
    limits_free(&dataplane->limits);
    lobby_free(&dataplane->lobby);
    probes_free(&dataplane->probes);
    proxy_free(&dataplane->proxy);
    backends_free(&dataplane->backends);
    policies_free(&dataplane->policies);
    resolver_free(&dataplane->resolver);
    asker_free(&dataplane->asker);
    serving_retire(&dataplane->prepared);
    serving_retire(&dataplane->serving);
    access_free(&dataplane->access);
    json_decref(dataplane->health);
    free(dataplane);
}

struct tls_policy *dataplane_policy(const struct dataplane *dataplane, const char *name)
{
    return policies_find(dataplane->policies, name);
}

struct backends *dataplane_backends(struct dataplane *dataplane)
{
    return dataplane->backends;
}

struct probes *dataplane_probes(struct dataplane *dataplane)
{
    return dataplane->probes;
}

struct admission *dataplane_admission(struct dataplane *dataplane)
{
    return dataplane->admission;
}

struct signins *dataplane_signins(struct dataplane *dataplane)
{
    return dataplane->signins;
}

struct asker *dataplane_asker(struct dataplane *dataplane)
{
    return dataplane->asker;
}

struct attaches *dataplane_attaches(struct dataplane *dataplane)
{
    return dataplane->attaches;
}

const struct entrance *dataplane_entrance(const struct dataplane *dataplane)
{
    return dataplane->entrance;
}
