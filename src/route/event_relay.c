/* Only the last bytes are kept: whether they end with an empty line is all that has to be known. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#include "route/event_relay.h"

enum { LAST = 3 }; /* a line's end and the byte before it */

struct event_relay {
    struct event_relay_settings settings;
    struct stream_member member;
    struct event_member grouped;
    bool speaks; /* more may be said behind what has come */
    char last[LAST];
};

static bool is_event_stream(struct slice type)
{
    type = slice_trim(slice_between(type, 0, slice_find(type, ';')));
    return slice_equal_ignore_case(type, SLICE("text/event-stream"));
}

bool event_relay_is_asked(const struct http1_head *head)
{
    struct slice accept = fields_get(&head->fields, FIELD_ACCEPT);
    return fields_count(&head->fields, FIELD_ACCEPT) == 1 && slice_find(accept, ',') == accept.size &&
           is_event_stream(accept);
}

bool event_relay_is(const struct http1_head *head)
{
    return is_event_stream(fields_get(&head->fields, FIELD_CONTENT_TYPE));
}

size_t event_relay_add_fields(const struct http1_head *head, struct exchange_field *fields, size_t count)
{
    if (!fields_has_token(&head->fields, FIELD_CACHE_CONTROL, SLICE("no-transform")))
        fields[count++] =
            (struct exchange_field){SLICE("Cache-Control"), SLICE("no-transform"), .checked = true};
    if (!fields_find(&head->fields, SLICE("X-Accel-Buffering")).data)
        fields[count++] = (struct exchange_field){SLICE("X-Accel-Buffering"), SLICE("no"), .checked = true};
    return count;
}

void event_relay_passed(struct event_relay *relay, struct slice bytes)
{
    if (bytes.size >= LAST) {
        memcpy(relay->last, bytes.data + bytes.size - LAST, LAST);
        return;
    }
    memmove(relay->last, relay->last + bytes.size, LAST - bytes.size);
    memcpy(relay->last + LAST - bytes.size, bytes.data, bytes.size);
}

static bool is_end(char byte)
{
    return byte == '\n' || byte == '\r';
}

/* Behind an empty line: a line's end (CR, LF or CRLF) behind another. */
static bool is_between_events(const struct event_relay *relay)
{
    const char *last = relay->last;
    bool pair = last[1] == '\r' && last[2] == '\n';
    return is_end(last[2]) && is_end(pair ? last[0] : last[1]);
}

static void end(struct event_relay *relay, struct event_said *said)
{
    struct exchange *exchange = relay->settings.exchange;
    bool whole = relay->settings.on_end(relay->settings.owner);
    struct chunks_piece piece = event_said_piece(said);
    if (whole && relay->speaks && is_between_events(relay)) {
        exchange_write_piece(exchange, &piece);
        exchange_end(exchange);
    } else {
        exchange_fail(exchange);
    }
    event_said_drop(said);
}

static void say_goodbye(struct event_relay *relay)
{
    struct event_said said = event_said_new();
    exchange_close_after(relay->settings.exchange);
    event_said_bye(&said);
    end(relay, &said);
}

static void on_goodbye(struct event_member *member)
{
    say_goodbye(LIST_ENTRY(member, struct event_relay, grouped));
}

static void on_close(struct stream_member *member, enum streams_reason reason)
{
    struct event_relay *relay = LIST_ENTRY(member, struct event_relay, member);
    if (reason == STREAMS_MOVED || reason == STREAMS_CLOSED) {
        say_goodbye(relay);
        return;
    }
    struct event_said said = event_said_new();
    event_said_auth(&said, reason == STREAMS_FORBIDDEN ? "forbidden" : "signed-out");
    end(relay, &said);
}

static void describe(struct stream_member *member, json_t *row)
{
    const struct event_relay *relay = LIST_ENTRY(member, struct event_relay, member);
    const char *target = exchange_target(relay->settings.exchange);
    if (target)
        json_object_set_new(row, "target", json_string(target));
}

static const struct stream_kind events_kind = {.name = "events", .describe = describe};

struct event_relay *event_relay_open(const struct event_relay_settings *settings)
{
    struct event_relay *relay = MEMORY_NEW(struct event_relay);
    relay->settings = *settings;
    relay->settings.head = NULL;
    relay->settings.way = NULL;
    relay->speaks = settings->length < 0 && !fields_has(&settings->head->fields, FIELD_CONTENT_ENCODING);
    memset(relay->last, '\n', LAST);
    streams_add(settings->streams, &relay->member, exchange_principal(settings->exchange), on_close);
    streams_from(&relay->member, settings->exchange, &events_kind, settings->way);
    event_group_add(settings->group, &relay->grouped, on_goodbye);
    return relay;
}

void event_relay_close(struct event_relay **owned)
{
    struct event_relay *relay = *owned;
    if (!relay)
        return;
    *owned = NULL;
    streams_remove(&relay->member);
    event_group_remove(&relay->grouped);
    loop_free_later(exchange_loop(relay->settings.exchange), relay, free);
}
