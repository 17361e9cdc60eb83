/* Each probe has a connection of its own: one from a pool would say nothing about who listens now. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/list.h"
#include "base/memory.h"
#include "net/connector.h"

#include "route/probes.h"

struct probe {
    struct list link;
    struct probes *probes;
    struct upstream_call *call; /* this or the next */
    struct connector *connector;
    struct loop_timer limit;
    uint32_t id;
    char target[TARGET_NAME_SIZE];
    uint64_t generation;
    int socket;
    int64_t timeout_ms;
};

struct probes {
    struct loop *loop;
    struct resolver *resolver;
    struct upstream_pool *pool;
    struct list open;
    probes_fn *on_done;
    void *owner;
};

struct probes *probes_new(struct loop *loop, struct resolver *resolver, probes_fn *on_done, void *owner)
{
    const struct upstream_pool_settings none_kept = {.resolver = resolver};
    struct probes *probes = MEMORY_NEW(struct probes);
    probes->loop = loop;
    probes->resolver = resolver;
    probes->pool = upstream_pool_new(loop, &none_kept);
    probes->on_done = on_done;
    probes->owner = owner;
    list_init(&probes->open);
    return probes;
}

static void close_probe(struct probe *probe)
{
    list_remove(&probe->link);
    loop_timer_stop(&probe->limit);
    if (probe->call)
        upstream_close(&probe->call);
    connector_cancel(&probe->connector);
    if (probe->socket >= 0)
        close(probe->socket);
    loop_free_later(probe->probes->loop, probe, free);
}

void probes_free(struct probes **probes)
{
    if (!*probes)
        return;
    LIST_FOR_EACH(link, &(*probes)->open)
    close_probe(LIST_ENTRY(link, struct probe, link));
    upstream_pool_free(&(*probes)->pool);
    free(*probes);
    *probes = NULL;
}

static void finish(struct probe *probe, bool ok, int status, const char *error)
{
    struct probes *probes = probe->probes;
    struct probes_result result = {
        .id = probe->id,
        .target = probe->target,
        .generation = probe->generation,
        .ok = ok,
        .status = status,
        .error = error,
    };
    close_probe(probe);
    probes->on_done(probes->owner, &result);
}

static void done(struct probe *probe, int status, const char *error)
{
    finish(probe, status >= 200 && status < 400, status, error);
}

static void on_head(void *owner, const struct http1_head *head)
{
    if (head->status >= 200)
        done(owner, (int)head->status, NULL);
}

static void on_nothing(void *owner)
{
    (void)owner;
}

static void on_failed(void *owner, enum upstream_failure failure, int error)
{
    const struct probe *probe = owner;
    const char *trouble = upstream_trouble(probe->call);
    char text[128];
    static const char *const reasons[] = {
        [UPSTREAM_CONNECT] = "cannot connect",
        [UPSTREAM_DISTRUST] = "cannot be trusted",
        [UPSTREAM_TIMEOUT] = "no answer in time",
        [UPSTREAM_PROTOCOL] = "the answer is not HTTP",
        [UPSTREAM_CLOSED] = "the connection was closed without an answer",
    };
    snprintf(text, sizeof text, "%s%s%s", reasons[failure], error ? ": " : "", error ? strerror(-error) : "");
    done(owner, 0, trouble ? trouble : text);
}

static void on_limit(struct loop_timer *timer)
{
    struct probe *probe = LIST_ENTRY(timer, struct probe, limit);
    char text[64];
    snprintf(text, sizeof text, "no answer within %lld ms", (long long)probe->timeout_ms);
    done(probe, 0, text);
}

static void on_unknown(struct loop_timer *timer)
{
    done(LIST_ENTRY(timer, struct probe, limit), 0,
         "the gate that asked does not know yet how its certificate is checked");
}

static void on_connected(void *owner, const struct connector_result *result)
{
    struct probe *probe = owner;
    struct stream *stream = result->stream;
    bool ok = stream != NULL;
    char text[128];
    probe->connector = NULL;
    snprintf(text, sizeof text, "cannot connect: %s", strerror(-result->error));
    stream_close(&stream);
    finish(probe, ok, 0, ok ? NULL : result->trouble ? result->trouble : text);
}

static void start_connection(struct probe *probe, const struct probes_request *request)
{
    const struct connector_settings settings = {
        .address = request->address,
        .resolver = probe->probes->resolver,
        .policy = request->tls,
        .timeout_ms = request->timeout_ms,
    };
    probe->connector = connector_start(probe->probes->loop, &settings, on_connected, probe);
}

static void start_call(struct probe *probe, const struct probes_request *request)
{
    static const struct upstream_events events = {
        .on_head = on_head, .on_body = on_nothing, .on_room = on_nothing, .on_failed = on_failed};
    const struct exchange_field fields[] = {
        {SLICE("Host"), request->host},
        {SLICE("User-Agent"), SLICE("reeve-probe")},
        {SLICE("Accept"), SLICE("*/*")},
    };
    const struct upstream_request call = {
        .method = request->method,
        .target = request->path,
        .fields = fields,
        .field_count = 3,
        .tls = request->tls,
        .timeouts = {.connect_ms = request->timeout_ms},
    };
    probe->call = upstream_call(probe->probes->pool, &request->address, &call, &events, probe);
}

void probes_start(struct probes *probes, const struct probes_request *request)
{
    struct probe *probe = MEMORY_NEW(struct probe);
    probe->probes = probes;
    probe->id = request->id;
    probe->generation = request->generation;
    probe->socket = request->socket;
    probe->timeout_ms = request->timeout_ms;
    snprintf(probe->target, sizeof probe->target, "%s", request->target);
    list_append(&probes->open, &probe->link);
    loop_timer_start(probes->loop, &probe->limit, request->distrusted ? 0 : request->timeout_ms,
                     request->distrusted ? on_unknown : on_limit);
    if (request->distrusted)
        return;
    if (request->path.data)
        start_call(probe, request);
    else
        start_connection(probe, request);
}
