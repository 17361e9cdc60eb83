/* What has been said and not been answered lives for two seconds. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "admit/admit.h"
#include "base/memory.h"
#include "wire/websocket.h"
#include "wire/websocket_frame.h"

#include "route/refusals.h"

enum { PATIENCE_MS = 2000, FIELDS_COUNT = 4, READ_SIZE = 4096 };

struct refusals {
    struct loop *loop;
    struct list open;
    size_t count;
    void (*on_fewer)(void *owner);
    void *owner;
};

struct told {
    struct list link;
    struct refusals *refusals;
    struct stream *stream;
    struct loop_timer patience;
};

struct refusals *refusals_new(struct loop *loop, void (*on_fewer)(void *owner), void *owner)
{
    struct refusals *refusals = MEMORY_NEW(struct refusals);
    refusals->loop = loop;
    refusals->on_fewer = on_fewer;
    refusals->owner = owner;
    list_init(&refusals->open);
    return refusals;
}

size_t refusals_count(const struct refusals *refusals)
{
    return refusals->count;
}

static void told_free(struct told *told)
{
    list_remove(&told->link);
    told->refusals->count--;
    loop_timer_stop(&told->patience);
    stream_close(&told->stream);
    loop_free_later(told->refusals->loop, told, free);
}

void refusals_free(struct refusals **refusals)
{
    if (!*refusals)
        return;
    LIST_FOR_EACH(link, &(*refusals)->open)
    told_free(LIST_ENTRY(link, struct told, link));
    free(*refusals);
    *refusals = NULL;
}

static void told_end(struct told *told)
{
    struct refusals *refusals = told->refusals;
    told_free(told);
    if (refusals->count == 0)
        refusals->on_fewer(refusals->owner);
}

static void on_patience(struct loop_timer *timer)
{
    told_end(LIST_ENTRY(timer, struct told, patience));
}

/* Its close frame, and whatever it says before: closing at once could destroy ours on its way. */
static void on_readable(void *owner)
{
    struct told *told = owner;
    ssize_t count = stream_read(told->stream, loop_scratch(told->refusals->loop), READ_SIZE);
    if (count <= 0 && count != -EAGAIN)
        told_end(told);
}

static void on_writable(void *owner)
{
    (void)owner;
}

static const struct stream_events told_events = {.on_readable = on_readable, .on_writable = on_writable};

/* --- saying it --------------------------------------------------------------------------------------- */

static unsigned code_of(int status)
{
    switch (status) {
    case 401:
        return 4401;
    case 403:
        return 4403;
    case 502:
    case 503:
    case 504:
        return 4503;
    default:
        return 0;
    }
}

/* A browser takes no 101 without one of the subprotocols that it has asked for. */
static struct slice first_subprotocol(const struct fields *fields)
{
    struct slice list = fields_get(fields, FIELD_SEC_WEBSOCKET_PROTOCOL), first = {0};
    return fields_list_next(&list, &first) ? first : (struct slice){0};
}

static struct stream *switch_protocols(struct exchange *exchange, struct slice *unsent)
{
    const struct fields *asked = &exchange_request(exchange)->head->fields;
    struct exchange_field fields[FIELDS_COUNT] = {{SLICE("Upgrade"), SLICE("websocket"), .checked = true},
                                                  {SLICE("Connection"), SLICE("Upgrade"), .checked = true}};
    char accept[WEBSOCKET_ACCEPT_SIZE];
    struct slice subprotocol = first_subprotocol(asked), early;
    size_t count = 2;
    websocket_accept(fields_get(asked, FIELD_SEC_WEBSOCKET_KEY), accept);
    fields[count++] = (struct exchange_field){SLICE("Sec-WebSocket-Accept"), slice_of(accept, sizeof accept),
                                              .checked = true};
    if (subprotocol.size > 0)
        fields[count++] =
            (struct exchange_field){SLICE("Sec-WebSocket-Protocol"), subprotocol, .checked = true};
    return exchange_upgrade(exchange, fields, count, &early, unsent);
}

static bool say(struct stream *stream, unsigned code, const char *detail)
{
    char frame[WEBSOCKET_FRAME_HEAD_SIZE + WEBSOCKET_FRAME_CONTROL_MOST],
        payload[WEBSOCKET_FRAME_CONTROL_MOST];
    size_t size = websocket_frame_close(payload, code, slice_of_text(detail ? detail : ""));
    size_t head = websocket_frame_head(frame, WEBSOCKET_FRAME_CLOSE, true, size, NULL);
    memcpy(frame + head, payload, size);
    return stream_write(stream, frame, head + size) == (ssize_t)(head + size);
}

static bool refuse(void *owner, struct exchange *exchange, int status, const char *detail)
{
    struct refusals *refusals = owner;
    unsigned code = code_of(status);
    if (!code)
        return false;
    struct told *told = MEMORY_NEW(struct told);
    struct slice unsent;
    told->refusals = refusals;
    list_append(&refusals->open, &told->link);
    refusals->count++;
    told->stream = switch_protocols(exchange, &unsent);
    stream_set_events(told->stream, &told_events, told);
    bool said = unsent.size == 0 && say(told->stream, code, detail);
    if (said)
        stream_end(told->stream);
    stream_want_read(told->stream, true);
    loop_timer_start(refusals->loop, &told->patience, said ? PATIENCE_MS : 0, on_patience);
    return true;
}

void refusals_offer(struct refusals *refusals, struct exchange *exchange)
{
    const struct exchange_request *request = exchange_request(exchange);
    if (request->upgrade && request->content_length == 0 &&
        websocket_check_request(request->head) == WEBSOCKET_FINE &&
        admit_is_own_page(fields_get(&request->head->fields, FIELD_ORIGIN), request->authority,
                          request->secure))
        exchange_set_refuser(exchange, refuse, refusals);
}
