/* A dialer, then a handshake, under one time limit. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

#include "net/connector.h"
#include "net/dialer.h"

struct connector {
    struct loop *loop;
    struct connector_settings settings;
    struct dialer *dialer;
    struct stream *stream; /* during the handshake */
    struct loop_timer limit;
    connector_fn *on_done;
    void *owner;
};

static void free_connector(struct connector *connector)
{
    dialer_cancel(&connector->dialer);
    stream_close(&connector->stream);
    loop_timer_stop(&connector->limit);
    tls_policy_release(&connector->settings.policy);
    loop_free_later(connector->loop, connector, free);
}

static void finish(struct connector *connector, int error, const char *trouble)
{
    struct connector_result result = {.error = error, .trouble = trouble};
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
    char peer[ADDRESS_TEXT_SIZE], text[ADDRESS_TEXT_SIZE + 64];
    if (connector->dialer) {
        finish(connector, -ETIMEDOUT, NULL);
        return;
    }
    snprintf(text, sizeof text, "%s did not finish the TLS handshake within %lld ms",
             address_format(&connector->settings.address, peer), (long long)connector->settings.timeout_ms);
    finish(connector, -ETIMEDOUT, text);
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

static void on_dialed(void *owner, int fd)
{
    struct connector *connector = owner;
    connector->dialer = NULL;
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
    if (settings->policy) {
        tls_policy_share(settings->policy);
        loop_timer_start(loop, &connector->limit, settings->timeout_ms, on_limit);
    }
    connector->dialer = dialer_start(loop, &settings->address, settings->timeout_ms, on_dialed, connector);
    return connector;
}

void connector_cancel(struct connector **connector)
{
    if (*connector)
        free_connector(*connector);
    *connector = NULL;
}
