/* A name, a dialer for each of its addresses, then a handshake, under one time limit. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#include "net/connector.h"
#include "net/dialer.h"

enum { LEAST_ATTEMPT_MS = 250 };

struct connector {
    struct loop *loop;
    struct connector_settings settings;
    struct dialer *dialer;
    struct stream *stream; /* during the handshake */
    struct loop_timer limit;
    struct resolver_query query; /* of a name */
    struct address found[RESOLVER_ADDRESSES_MOST];
    size_t found_count, tried;
    connector_fn *on_done;
    void *owner;
};

static void free_connector(struct connector *connector)
{
    resolver_leave(&connector->query);
    dialer_cancel(&connector->dialer);
    stream_close(&connector->stream);
    loop_timer_stop(&connector->limit);
    tls_policy_release(&connector->settings.policy);
    loop_free_later(connector->loop, connector, free);
}

static void finish(struct connector *connector, int error, const char *trouble)
{
    bool distrusted = trouble && connector->stream && error != -ETIMEDOUT;
    struct connector_result result = {.error = error, .trouble = trouble, .distrusted = distrusted};
    if (!error) {
        result.stream = connector->stream;
        connector->stream = NULL;
    }
    connector_fn *on_done = connector->on_done;
    void *owner = connector->owner;
    struct stream *failed = connector->stream; /* holds the words */
    connector->stream = NULL;
    free_connector(connector);
    on_done(owner, &result);
    stream_close(&failed);
}

static void on_limit(struct loop_timer *timer)
{
    struct connector *connector = LIST_ENTRY(timer, struct connector, limit);
    const struct connector_settings *settings = &connector->settings;
    char peer[ADDRESS_TEXT_SIZE], servers[ADDRESS_TEXT_SIZE], text[3 * ADDRESS_TEXT_SIZE];
    long long limit_ms = (long long)settings->timeout_ms;
    if (connector->dialer) {
        finish(connector, -ETIMEDOUT, NULL);
    } else if (connector->stream) {
        snprintf(text, sizeof text, "%s did not finish the TLS handshake within %lld ms",
                 address_format(&settings->address, peer), limit_ms);
        finish(connector, -ETIMEDOUT, text);
    } else {
        snprintf(text, sizeof text, "%s was not looked up within %lld ms (resolver %s)",
                 address_format_host(&settings->address, peer), limit_ms,
                 resolver_servers(settings->resolver, servers));
        finish(connector, -EHOSTUNREACH, text);
    }
}

static void shake_hands(void *owner)
{
    struct connector *connector = owner;
    int error = stream_handshake(connector->stream);
    if (error == -EAGAIN)
        return;
    stream_want_read(connector->stream, false);
    finish(connector, error, error ? tls_trouble(connector->stream) : NULL);
}

static const struct stream_events handshake_events = {.on_readable = shake_hands};

static void on_dialed(void *owner, int fd);

/* Of the time that is left each address gets its share. */
static void dial_next(struct connector *connector)
{
    int64_t left_ms = (connector->limit.due_us - loop_now_us(connector->loop)) / 1000;
    int64_t share_ms = left_ms / (int64_t)(connector->found_count - connector->tried);
    connector->dialer =
        dialer_start(connector->loop, &connector->found[connector->tried++],
                     share_ms < LEAST_ATTEMPT_MS ? LEAST_ATTEMPT_MS : share_ms, on_dialed, connector);
}

static void on_named(struct resolver_query *query, const struct resolver_answer *answer)
{
    struct connector *connector = LIST_ENTRY(query, struct connector, query);
    if (answer->count == 0) {
        finish(connector, -EHOSTUNREACH, answer->trouble);
        return;
    }
    connector->found_count = answer->count;
    memcpy(connector->found, answer->addresses, answer->count * sizeof *answer->addresses);
    for (size_t i = 0; i < answer->count; i++)
        address_set_port(&connector->found[i], &connector->settings.address);
    dial_next(connector);
}

static void on_dialed(void *owner, int fd)
{
    struct connector *connector = owner;
    connector->dialer = NULL;
    if (fd < 0 && connector->tried < connector->found_count) {
        dial_next(connector);
        return;
    }
    if (fd >= 0)
        connector->stream = stream_new(connector->loop, fd, &handshake_events, connector);
    if (!connector->stream) {
        finish(connector, fd < 0 ? fd : -errno, NULL);
        return;
    }
    if (!connector->settings.policy) {
        finish(connector, 0, NULL);
        return;
    }
    tls_start_client(connector->stream, connector->settings.policy, &connector->settings.address);
    stream_want_read(connector->stream, true);
    shake_hands(connector);
}

struct connector *connector_start(struct loop *loop, const struct connector_settings *settings,
                                  connector_fn *on_done, void *owner)
{
    struct connector *connector = MEMORY_NEW(struct connector);
    *connector = (struct connector){.loop = loop, .settings = *settings, .on_done = on_done, .owner = owner};
    bool named = address_is_name(&settings->address);
    if (settings->policy)
        tls_policy_share(settings->policy);
    if (settings->policy || named)
        loop_timer_start(loop, &connector->limit, settings->timeout_ms, on_limit);
    connector->query.on_answer = on_named;
    if (named)
        resolver_ask(settings->resolver, &connector->query, &settings->address);
    else
        connector->dialer =
            dialer_start(loop, &settings->address, settings->timeout_ms, on_dialed, connector);
    return connector;
}

void connector_cancel(struct connector **connector)
{
    if (*connector)
        free_connector(*connector);
    *connector = NULL;
}
