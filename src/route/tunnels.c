/* A tunnel reads no message: the scan of frame heads tells where one may be put in between and what of the
 * traffic is a user's. A peer that breaks the framing is not ours to judge: the scan of its side stops. */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/list.h"
#include "base/memory.h"
#include "net/relay.h"
#include "wire/websocket.h"
#include "wire/websocket_scan.h"

#include "route/forward.h"
#include "route/problem.h"
#include "route/tunnels.h"

enum {
    HALF_CLOSE_MS = 60000,
    GOODBYE_MS = 2000, /* for the peer to close, then it is cut */
    REVOKED_MS = 800,  /* the same for one whose credential has ended */
    CLOSE_SIGNED_OUT = 4401,
    CLOSE_FORBIDDEN = 4403,
    TOLD_AT_ONCE = 100,
    UNSENT_MOST = 256 * 1024,
};

enum tunnel_state {
    TUNNEL_OPEN,    /* bytes pass */
    TUNNEL_LEAVING, /* a close frame is due at the next boundary toward the client */
    TUNNEL_TOLD,    /* it is sent: the client answers it, which closes the upstream too */
};

struct tunnel {
    struct list link;
    struct stream_member member;
    struct tunnels *tunnels;
    struct relay *relay;
    struct backend *backend;
    enum tunnel_state state;
    unsigned code;      /* of the close frame */
    size_t answer_left; /* bytes of our 101 that still pass through the relay */
    bool scanned[2];    /* by enum relay_direction */
    struct websocket_scan scans[2];
    struct loop_timer timer; /* until it is told, then until it is cut */
    struct loop_task tell;
};

struct tunnels {
    struct loop *loop;
    struct streams *streams;
    char *cookie;
    struct list open;
    size_t count;
    bool leaving; /* a goodbye was said: to those who come now too */
    enum tunnels_goodbye code;
    void (*on_empty)(void *owner);
    void *owner;
};

struct tunnels *tunnels_new(struct loop *loop, struct streams *streams, const char *cookie,
                            void (*on_empty)(void *owner), void *owner)
{
    struct tunnels *tunnels = MEMORY_NEW(struct tunnels);
    tunnels->loop = loop;
    tunnels->streams = streams;
    tunnels->cookie = memory_text(cookie);
    tunnels->on_empty = on_empty;
    tunnels->owner = owner;
    list_init(&tunnels->open);
    return tunnels;
}

size_t tunnels_count(const struct tunnels *tunnels)
{
    return tunnels->count;
}

/* --- the end of one ------------------------------------------------------------------------------ */

static void end(struct tunnel *tunnel)
{
    struct tunnels *tunnels = tunnel->tunnels;
    list_remove(&tunnel->link);
    streams_remove(&tunnel->member);
    tunnels->count--;
    loop_timer_stop(&tunnel->timer);
    loop_task_stop(&tunnel->tell);
    relay_destroy(&tunnel->relay);
    backends_close(tunnel->backend);
    loop_free_later(tunnels->loop, tunnel, free);
}

/* From the loop only: it may be the last one. */
static void end_and_tell(struct tunnel *tunnel)
{
    struct tunnels *tunnels = tunnel->tunnels;
    end(tunnel);
    if (tunnels->count == 0 && tunnels->on_empty)
        tunnels->on_empty(tunnels->owner);
}

static void on_end(void *owner, enum relay_end reason)
{
    (void)reason;
    end_and_tell(owner);
}

void tunnels_free(struct tunnels **tunnels)
{
    if (!*tunnels)
        return;
    LIST_FOR_EACH(link, &(*tunnels)->open)
    end(LIST_ENTRY(link, struct tunnel, link));
    free((*tunnels)->cookie);
    free(*tunnels);
    *tunnels = NULL;
}

/* --- goodbye ------------------------------------------------------------------------------------- */

static void on_cut(struct loop_timer *timer)
{
    end_and_tell(LIST_ENTRY(timer, struct tunnel, timer));
}

/* Only the client is told: its answer passes to the upstream and closes that side in order. */
static void tell(struct tunnel *tunnel)
{
    char frame[WEBSOCKET_FRAME_HEAD_SIZE + WEBSOCKET_FRAME_CONTROL_MOST],
        payload[WEBSOCKET_FRAME_CONTROL_MOST];
    bool boundary = tunnel->scanned[RELAY_B_TO_A] && websocket_scan_at_frame(&tunnel->scans[RELAY_B_TO_A]);
    if (tunnel->state != TUNNEL_LEAVING || !boundary || tunnel->answer_left > 0)
        return;
    size_t size = websocket_frame_close(payload, tunnel->code, (struct slice){0});
    size_t head = websocket_frame_head(frame, WEBSOCKET_FRAME_CLOSE, true, size, NULL);
    memcpy(frame + head, payload, size);
    if (relay_insert(tunnel->relay, RELAY_B_TO_A, slice_of(frame, head + size)) != 0)
        return;
    tunnel->state = TUNNEL_TOLD;
    relay_drop(tunnel->relay, RELAY_B_TO_A); /* nothing follows a close frame (RFC 6455 section 5.5.1) */
}

static void on_tell(struct loop_task *task)
{
    tell(LIST_ENTRY(task, struct tunnel, tell));
}

static void leave(struct tunnel *tunnel, unsigned code, int64_t patience_ms)
{
    tunnel->state = TUNNEL_LEAVING;
    tunnel->code = code;
    loop_timer_start(tunnel->tunnels->loop, &tunnel->timer, patience_ms, on_cut);
    tell(tunnel);
}

static void on_due(struct loop_timer *timer)
{
    struct tunnel *tunnel = LIST_ENTRY(timer, struct tunnel, timer);
    leave(tunnel, tunnel->tunnels->code, GOODBYE_MS);
}

/* One that leaves already has been told another reason, which is no reason to let it stay longer. */
static void on_told(struct stream_member *member, enum streams_reason reason)
{
    static const unsigned codes[] = {
        [STREAMS_SIGNED_OUT] = CLOSE_SIGNED_OUT,
        [STREAMS_FORBIDDEN] = CLOSE_FORBIDDEN,
        [STREAMS_MOVED] = TUNNELS_RESTART,
    };
    struct tunnel *tunnel = LIST_ENTRY(member, struct tunnel, member);
    int64_t patience_ms = reason == STREAMS_MOVED ? GOODBYE_MS : REVOKED_MS;
    if (tunnel->state != TUNNEL_OPEN)
        loop_timer_start(tunnel->tunnels->loop, &tunnel->timer, patience_ms, on_cut);
    else
        leave(tunnel, codes[reason], tunnel->scanned[RELAY_B_TO_A] ? patience_ms : 0);
}

void tunnels_say_goodbye(struct tunnels *tunnels, enum tunnels_goodbye code, int64_t spread_ms)
{
    size_t place = 0, spread = tunnels->count > TOLD_AT_ONCE ? tunnels->count : 0;
    tunnels->leaving = true;
    tunnels->code = code;
    LIST_FOR_EACH(link, &tunnels->open)
    {
        struct tunnel *tunnel = LIST_ENTRY(link, struct tunnel, link);
        int64_t delay_ms = spread ? spread_ms * (int64_t)place++ / (int64_t)spread : 0;
        if (tunnel->state == TUNNEL_OPEN)
            loop_timer_start(tunnels->loop, &tunnel->timer, delay_ms, on_due);
    }
}

/* --- bytes that pass ----------------------------------------------------------------------------- */

static uint64_t user_bytes(const struct websocket_scan *scan)
{
    return scan->text.frames + scan->text.bytes + scan->binary.frames + scan->binary.bytes;
}

/* What the program says keeps it awake, but is no use of its client's session. */
static void touch(struct tunnel *tunnel, enum relay_direction direction)
{
    backends_touch(tunnel->backend);
    if (direction == RELAY_A_TO_B)
        tunnel->member.used = true;
}

static bool tap(void *owner, enum relay_direction direction, struct slice bytes)
{
    struct tunnel *tunnel = owner;
    struct websocket_scan *scan = &tunnel->scans[direction];
    if (direction == RELAY_B_TO_A && tunnel->answer_left > 0) {
        size_t answer = tunnel->answer_left < bytes.size ? tunnel->answer_left : bytes.size;
        tunnel->answer_left -= answer;
        bytes = slice_from(bytes, answer);
    }
    if (!tunnel->scanned[direction]) {
        touch(tunnel, direction);
        return true;
    }
    uint64_t before = user_bytes(scan);
    tunnel->scanned[direction] = websocket_scan_feed(scan, bytes);
    if (user_bytes(scan) != before) /* pings keep nothing awake */
        touch(tunnel, direction);
    if (tunnel->state == TUNNEL_LEAVING) /* behind these bytes, which are written after this call */
        loop_task_start(tunnel->tunnels->loop, &tunnel->tell, on_tell);
    return true;
}

/* --- the beginning of one ------------------------------------------------------------------------ */

static bool is_websocket(const struct http1_head *answer)
{
    return fields_has_token(&answer->fields, FIELD_UPGRADE, SLICE("websocket"));
}

/* A program may switch only to what the client has asked for (RFC 9110 §7.8). */
static bool was_asked_for(const struct http1_head *answer, const struct fields *request)
{
    size_t place = 0, count = 0;
    struct slice value, protocol;
    while (fields_each(&answer->fields, FIELD_UPGRADE, &place, &value))
        for (; fields_list_next(&value, &protocol); count++)
            if (!fields_has_token(request, FIELD_UPGRADE, protocol))
                return false;
    return count > 0;
}

static bool is_sound(const struct http1_head *answer, const struct fields *request)
{
    return was_asked_for(answer, request) &&
           (!is_websocket(answer) || websocket_check_response(answer, request));
}

/* What the extensions agreed on may set: frames are only followed, so an unknown one may set any bit. */
static uint8_t extension_bits(const struct http1_head *answer)
{
    return fields_has(&answer->fields, FIELD_SEC_WEBSOCKET_EXTENSIONS) ? 0x70 : 0;
}

static struct tunnel *tunnel_new(struct tunnels *tunnels, struct backend *backend,
                                 const struct exchange *exchange, const struct http1_head *answer)
{
    struct tunnel *tunnel = MEMORY_NEW(struct tunnel);
    tunnel->tunnels = tunnels;
    tunnel->backend = backend;
    list_append(&tunnels->open, &tunnel->link);
    streams_add(tunnels->streams, &tunnel->member, exchange_principal(exchange), on_told);
    tunnel->member.route = exchange_route_id(exchange);
    tunnels->count++;
    if (is_websocket(answer)) {
        tunnel->scanned[RELAY_A_TO_B] = tunnel->scanned[RELAY_B_TO_A] = true;
        websocket_scan_begin(&tunnel->scans[RELAY_A_TO_B], true, extension_bits(answer));
        websocket_scan_begin(&tunnel->scans[RELAY_B_TO_A], false, extension_bits(answer));
    }
    return tunnel;
}

static void join(struct tunnel *tunnel, struct stream *client, struct stream *upstream,
                 struct slice from_client, struct slice to_client)
{
    static const struct relay_settings settings = {
        .half_close_ms = HALF_CLOSE_MS, .tap = tap, .on_end = on_end};
    tunnel->relay = relay_start(client, upstream, from_client, to_client, &settings, tunnel);
    if (tunnel->tunnels->leaving)
        loop_timer_start(tunnel->tunnels->loop, &tunnel->timer, 0, on_due);
}

void tunnels_open(struct tunnels *tunnels, struct exchange *exchange, struct upstream_call **call,
                  const struct http1_head *answer, struct backend *backend)
{
    struct exchange_field fields[FORWARD_FIELDS_MOST];
    struct slice from_client, unsent, from_upstream;
    if (!is_sound(answer, &exchange_request(exchange)->head->fields)) {
        upstream_close(call);
        backends_close(backend);
        problem_reply_status(exchange, 502, "The program behind answered the upgrade wrongly.");
        return;
    }
    struct tunnel *tunnel = tunnel_new(tunnels, backend, exchange, answer);
    size_t count = forward_response(answer, true, slice_of_text(tunnels->cookie), fields);
    struct stream *upstream = upstream_upgrade(call, &from_upstream);
    struct stream *client = exchange_upgrade(exchange, fields, count, &from_client, &unsent);
    struct buffer to_client = BUFFER(UNSENT_MOST);
    if (unsent.size > 0) {
        buffer_append(&to_client, unsent);
        buffer_append(&to_client, from_upstream);
        tunnel->answer_left = unsent.size;
    }
    join(tunnel, client, upstream, from_client, unsent.size > 0 ? buffer_slice(&to_client) : from_upstream);
    buffer_free(&to_client);
}
