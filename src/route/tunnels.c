/* A tunnel reads no message: the scan of frame heads tells where one may be put in between and what of the
 * traffic is a user's. A peer that breaks the framing is not ours to judge: the scan of its side stops. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/list.h"
#include "base/memory.h"
#include "net/relay.h"
#include "net/silence.h"
#include "wire/websocket.h"
#include "wire/websocket_edit.h"

#include "route/forward.h"
#include "route/problem.h"
#include "route/pulse.h"
#include "route/tunnels.h"

enum {
    HALF_CLOSE_MS = 60000,
    GOODBYE_MS = 2000, /* for the peer to close, then it is cut */
    REVOKED_MS = 800,  /* the same for one whose credential has ended */
    CLOSE_SIGNED_OUT = 4401,
    CLOSE_FORBIDDEN = 4403,
    UNSENT_MOST = 256 * 1024,
    LARGE_FRAME = 32 * 1024, /* from here on moving is cheaper than copying */
    BULK_READ = 64 * 1024,   /* one that is as large as it can be: of another protocol, more comes */
    BULK_LEAST = 16 * 1024,
    PULSE_MS = 30000,  /* between looks at what has no pings */
    LOOK_MS = 1000,    /* looks are due at whole multiples of it: many in one wake */
    CLOSE_GONE = 1011, /* to a client that does not answer */
    CLOSE_LEFT = 1001, /* and to the program, of it */
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
    bool bulk[2];       /* not scanned, and much of it */
    bool websocket;
    bool waits; /* for the goodbye of all */
    struct websocket_scan scans[2];
    struct websocket_edit edit;
    struct pulse pulse;
    int64_t ping_ms;         /* 0: never */
    int64_t used_us;         /* when a user's data passed last */
    struct loop_timer timer; /* until the next look, then until it is cut */
    struct loop_task tell;
    int fds[2]; /* the streams', by side */
};

struct tunnels {
    struct loop *loop;
    struct streams *streams;
    struct pipes *pipes;
    uint64_t nonce; /* of the latest tunnel */
    char *cookie;
    struct list open;
    size_t count;
    bool leaving; /* a goodbye was said: to those who come now too */
    enum tunnels_goodbye code;
    struct farewell farewell;
    void (*on_empty)(void *owner);
    void *owner;
};

struct tunnels *tunnels_new(struct loop *loop, struct streams *streams, const char *cookie,
                            void (*on_empty)(void *owner), void *owner)
{
    struct tunnels *tunnels = MEMORY_NEW(struct tunnels);
    tunnels->loop = loop;
    tunnels->streams = streams;
    tunnels->pipes = pipes_new();
    if (getrandom(&tunnels->nonce, sizeof tunnels->nonce, GRND_NONBLOCK) < 0)
        tunnels->nonce = (uint64_t)loop_now_us(loop);
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
    tunnels->farewell.waiting -= tunnel->waits;
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
    farewell_stop(&(*tunnels)->farewell);
    pipes_free(&(*tunnels)->pipes);
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
        [STREAMS_CLOSED] = TUNNELS_GOING_AWAY,
    };
    struct tunnel *tunnel = LIST_ENTRY(member, struct tunnel, member);
    bool revoked = reason == STREAMS_SIGNED_OUT || reason == STREAMS_FORBIDDEN;
    int64_t patience_ms = revoked ? REVOKED_MS : GOODBYE_MS;
    if (tunnel->state != TUNNEL_OPEN)
        loop_timer_start(tunnel->tunnels->loop, &tunnel->timer, patience_ms, on_cut);
    else
        leave(tunnel, codes[reason], tunnel->scanned[RELAY_B_TO_A] ? patience_ms : 0);
}

/* Those who wait are in front. */
static void tell_next(struct farewell *farewell)
{
    struct tunnels *tunnels = LIST_ENTRY(farewell, struct tunnels, farewell);
    struct tunnel *tunnel = LIST_ENTRY(tunnels->open.next, struct tunnel, link);
    CHECK(tunnel->waits);
    tunnel->waits = false;
    farewell->waiting--;
    list_remove(&tunnel->link);
    list_append(&tunnels->open, &tunnel->link);
    if (tunnel->state == TUNNEL_OPEN)
        leave(tunnel, tunnels->code, GOODBYE_MS);
}

void tunnels_say_goodbye(struct tunnels *tunnels, enum tunnels_goodbye code, int64_t spread_ms)
{
    tunnels->leaving = true;
    tunnels->code = code;
    tunnels->farewell.waiting = tunnels->count;
    LIST_FOR_EACH(link, &tunnels->open)
    LIST_ENTRY(link, struct tunnel, link)->waits = true;
    farewell_begin(&tunnels->farewell, tunnels->loop, spread_ms, tell_next);
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
    tunnel->used_us = loop_now_us(tunnel->tunnels->loop);
    if (direction == RELAY_A_TO_B)
        tunnel->member.used = true;
}

/* What passed was not the last that will: a goodbye that waits for a boundary comes behind it. */
static void tell_behind(struct tunnel *tunnel)
{
    if (tunnel->state == TUNNEL_LEAVING)
        loop_task_start(tunnel->tunnels->loop, &tunnel->tell, on_tell);
}

static void scan(struct tunnel *tunnel, enum relay_direction direction, char **data, size_t *size)
{
    struct websocket_scan *seen = &tunnel->scans[direction];
    uint64_t before = user_bytes(seen);
    tunnel->scanned[direction] =
        websocket_edit_pass(direction == RELAY_A_TO_B ? &tunnel->edit : NULL, seen, data, size);
    if (user_bytes(seen) != before) /* pings keep nothing awake */
        touch(tunnel, direction);
    tell_behind(tunnel);
}

static bool tap(void *owner, enum relay_direction direction, struct relay_piece *piece)
{
    struct tunnel *tunnel = owner;
    size_t answer = 0;
    if (direction == RELAY_A_TO_B)
        pulse_heard(&tunnel->pulse, loop_now_us(tunnel->tunnels->loop));
    else if (tunnel->answer_left > 0) {
        answer = tunnel->answer_left < piece->size ? tunnel->answer_left : piece->size;
        tunnel->answer_left -= answer;
    }
    if (tunnel->scanned[direction]) {
        char *data = piece->data + answer;
        size_t size = piece->size - answer;
        scan(tunnel, direction, &data, &size);
        *piece = (struct relay_piece){data - answer, size + answer};
        return true;
    }
    tunnel->bulk[direction] = piece->size >= BULK_READ;
    touch(tunnel, direction);
    return true;
}

static uint64_t unseen(void *owner, enum relay_direction direction, size_t *look)
{
    const struct tunnel *tunnel = owner;
    if (tunnel->scanned[direction])
        return tunnel->answer_left > 0 ? 0
                                       : websocket_scan_unseen(&tunnel->scans[direction], LARGE_FRAME, look);
    return tunnel->bulk[direction] ? UINT64_MAX : 0;
}

static void on_unseen(void *owner, enum relay_direction direction, size_t count)
{
    struct tunnel *tunnel = owner;
    if (direction == RELAY_A_TO_B)
        pulse_heard(&tunnel->pulse, loop_now_us(tunnel->tunnels->loop));
    if (tunnel->scanned[direction])
        websocket_scan_skip(&tunnel->scans[direction], count);
    tunnel->bulk[direction] = count >= BULK_LEAST;
    touch(tunnel, direction);
    tell_behind(tunnel);
}

static size_t foresee(void *owner, enum relay_direction direction, struct slice bytes)
{
    struct tunnel *tunnel = owner;
    if (direction == RELAY_A_TO_B && tunnel->edit.held_size > 0)
        return 0; /* those come first */
    return websocket_scan_enter(&tunnel->scans[direction], bytes, LARGE_FRAME);
}

/* --- signs of life -------------------------------------------------------------------------------- */

static void insert_close(struct tunnel *tunnel, enum relay_direction direction, unsigned code)
{
    char frame[WEBSOCKET_FRAME_HEAD_SIZE + WEBSOCKET_FRAME_CONTROL_MOST],
        payload[WEBSOCKET_FRAME_CONTROL_MOST];
    const uint8_t *mask = direction == RELAY_A_TO_B ? tunnel->edit.nonce : NULL;
    size_t size = websocket_frame_close(payload, code, (struct slice){0});
    if (mask)
        websocket_frame_mask(payload, size, mask, 0);
    size_t head = websocket_frame_head(frame, WEBSOCKET_FRAME_CLOSE, true, size, mask);
    memcpy(frame + head, payload, size);
    relay_insert(tunnel->relay, direction, slice_of(frame, head + size));
}

/* Nobody is there: the program hears it as from a client that leaves. */
static void give_up(struct tunnel *tunnel)
{
    bool boundary = tunnel->scanned[RELAY_A_TO_B] && websocket_scan_at_frame(&tunnel->scans[RELAY_A_TO_B]) &&
                    !tunnel->scans[RELAY_A_TO_B].closed;
    if (boundary)
        insert_close(tunnel, RELAY_A_TO_B, CLOSE_LEFT);
    leave(tunnel, CLOSE_GONE, GOODBYE_MS);
}

static void ping(struct tunnel *tunnel)
{
    const struct websocket_scan *to_client = &tunnel->scans[RELAY_B_TO_A];
    char frame[WEBSOCKET_EDIT_PING];
    if (!tunnel->scanned[RELAY_B_TO_A] || !tunnel->scanned[RELAY_A_TO_B] || tunnel->answer_left > 0 ||
        to_client->closed || !websocket_scan_at_frame(to_client))
        return;
    struct websocket_edit asked = tunnel->edit;
    websocket_edit_ping(&asked, frame);
    if (relay_insert(tunnel->relay, RELAY_B_TO_A, slice_of(frame, sizeof frame)) != 0)
        return;
    tunnel->edit = asked;
    pulse_pinged(&tunnel->pulse, loop_now_us(tunnel->tunnels->loop));
}

/* Whether the machine of one side is gone; then its peer hears of it as far as it can. */
static bool ends_lost(struct tunnel *tunnel, int64_t every_us)
{
    int64_t now_us = loop_now_us(tunnel->tunnels->loop);
    bool lost[2];
    for (unsigned i = 0; i < 2; i++)
        lost[i] = pulse_suspect(&tunnel->pulse, i, silence_is_suspect(tunnel->fds[i]), now_us, every_us);
    if (lost[0])
        give_up(tunnel);
    else if (lost[1])
        leave(tunnel, CLOSE_GONE, GOODBYE_MS);
    return lost[0] || lost[1];
}

static void look_later(struct tunnel *tunnel);

static void on_look(struct loop_timer *timer)
{
    struct tunnel *tunnel = LIST_ENTRY(timer, struct tunnel, timer);
    int64_t every_us = (tunnel->ping_ms ? tunnel->ping_ms : PULSE_MS) * 1000;
    bool stuck =
        relay_is_blocked(tunnel->relay, RELAY_B_TO_A) || relay_is_unsent(tunnel->relay, RELAY_B_TO_A);
    if (ends_lost(tunnel, every_us))
        return;
    if (relay_is_blocked(tunnel->relay, RELAY_A_TO_B)) /* its pong may be behind what the program leaves */
        pulse_heard(&tunnel->pulse, loop_now_us(tunnel->tunnels->loop));
    enum pulse_verdict verdict = PULSE_FINE;
    if (tunnel->ping_ms > 0)
        verdict = pulse_check(&tunnel->pulse, loop_now_us(tunnel->tunnels->loop), every_us, stuck);
    if (verdict == PULSE_GONE) {
        give_up(tunnel);
        return;
    }
    if (verdict == PULSE_PING)
        ping(tunnel);
    look_later(tunnel);
}

/* Looks of many tunnels fall together; those at short intervals come as they are due. */
static void look_later(struct tunnel *tunnel)
{
    struct loop *loop = tunnel->tunnels->loop;
    int64_t delay_ms = (tunnel->ping_ms ? tunnel->ping_ms : PULSE_MS) / 2;
    if (delay_ms >= LOOK_MS)
        delay_ms += LOOK_MS - (loop_now_ms(loop) + delay_ms) % LOOK_MS;
    loop_timer_start(loop, &tunnel->timer, delay_ms > 0 ? delay_ms : 1, on_look);
}

/* --- what operators see ---------------------------------------------------------------------------- */

/* The client's side: what it has sent is "in". */
static void describe(struct stream_member *member, json_t *row)
{
    const struct tunnel *tunnel = LIST_ENTRY(member, struct tunnel, member);
    struct relay_counts counts = relay_counts(tunnel->relay);
    int64_t idle_us = loop_now_us(tunnel->tunnels->loop) - tunnel->used_us;
    json_t *more = json_pack("{s:s, s:I, s:I, s:I}", "target", backends_row(tunnel->backend)->name,
                             "bytes_in", (json_int_t)counts.bytes[RELAY_A_TO_B], "bytes_out",
                             (json_int_t)counts.bytes[RELAY_B_TO_A], "idle_ms", (json_int_t)(idle_us / 1000));
    json_object_update(row, more);
    json_decref(more);
    if (!tunnel->websocket)
        return;
    json_object_set_new(row, "messages_in", json_integer((json_int_t)tunnel->scans[RELAY_A_TO_B].messages));
    json_object_set_new(row, "messages_out", json_integer((json_int_t)tunnel->scans[RELAY_B_TO_A].messages));
}

static const struct stream_kind websocket_kind = {.name = "websocket", .describe = describe},
                                upgrade_kind = {.name = "upgrade", .describe = describe};

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

static bool is_sound(const struct tunnels_offer *offer, const struct exchange_request *request)
{
    const struct fields *fields = &request->head->fields;
    struct slice asked = tunnels_asks(offer->rule, request) ? offer->rule->subprotocol : (struct slice){0};
    return was_asked_for(offer->answer, fields) &&
           (!is_websocket(offer->answer) || websocket_check_response(offer->answer, fields, asked));
}

bool tunnels_asks(const struct tunnels_rule *rule, const struct exchange_request *request)
{
    const struct fields *fields = &request->head->fields;
    return rule->subprotocol.size > 0 && request->upgrade &&
           fields_has_token(fields, FIELD_UPGRADE, SLICE("websocket")) &&
           !fields_has(fields, FIELD_SEC_WEBSOCKET_PROTOCOL);
}

/* What the extensions agreed on may set: frames are only followed, so an unknown one may set any bit. */
static uint8_t extension_bits(const struct http1_head *answer)
{
    return fields_has(&answer->fields, FIELD_SEC_WEBSOCKET_EXTENSIONS) ? 0x70 : 0;
}

static struct tunnel *tunnel_new(struct tunnels *tunnels, struct exchange *exchange,
                                 const struct tunnels_offer *offer)
{
    struct tunnel *tunnel = MEMORY_NEW(struct tunnel);
    tunnel->tunnels = tunnels;
    tunnel->backend = offer->way->backend;
    tunnel->ping_ms = offer->rule->ping_ms;
    tunnel->pulse.heard_us = tunnel->used_us = loop_now_us(tunnels->loop);
    tunnel->websocket = is_websocket(offer->answer);
    tunnels->nonce = tunnels->nonce * 6364136223846793005u + 1442695040888963407u;
    memcpy(tunnel->edit.nonce, &tunnels->nonce, sizeof tunnel->edit.nonce);
    list_append(&tunnels->open, &tunnel->link);
    streams_add(tunnels->streams, &tunnel->member, exchange_principal(exchange), on_told);
    streams_from(&tunnel->member, exchange, tunnel->websocket ? &websocket_kind : &upgrade_kind, offer->way);
    tunnels->count++;
    if (tunnel->websocket) {
        uint8_t bits = extension_bits(offer->answer);
        tunnel->scanned[RELAY_A_TO_B] = tunnel->scanned[RELAY_B_TO_A] = true;
        websocket_scan_begin(&tunnel->scans[RELAY_A_TO_B], true, bits);
        websocket_scan_begin(&tunnel->scans[RELAY_B_TO_A], false, bits);
    }
    return tunnel;
}

static void join(struct tunnel *tunnel, struct stream *streams[2], const struct slice early[2])
{
    const struct relay_settings settings = {.half_close_ms = HALF_CLOSE_MS,
                                            .tap = tap,
                                            .unseen = unseen,
                                            .on_unseen = on_unseen,
                                            .foresee = foresee,
                                            .pipes = tunnel->tunnels->pipes,
                                            .on_end = on_end};
    for (int i = 0; i < 2; i++) {
        tunnel->fds[i] = stream_fd(streams[i]);
        silence_ask(tunnel->fds[i], tunnel->ping_ms ? tunnel->ping_ms : PULSE_MS);
    }
    tunnel->relay = relay_start(streams[0], streams[1], early[0], early[1], &settings, tunnel);
    if (tunnel->tunnels->leaving)
        loop_timer_start(tunnel->tunnels->loop, &tunnel->timer, 0, on_due);
    else
        look_later(tunnel);
}

void tunnels_open(struct tunnels *tunnels, struct exchange *exchange, const struct tunnels_offer *offer)
{
    struct exchange_field fields[FORWARD_FIELDS_MOST];
    struct slice early[2], unsent;
    struct stream *streams[2];
    if (!is_sound(offer, exchange_request(exchange))) {
        upstream_close(offer->call);
        backends_close(offer->way->backend);
        problem_reply_status(exchange, 502, "The program behind answered the upgrade wrongly.");
        return;
    }
    struct tunnel *tunnel = tunnel_new(tunnels, exchange, offer);
    bool unasked = tunnels_asks(offer->rule, exchange_request(exchange));
    size_t count = forward_response(offer->answer, unasked ? FORWARD_UPGRADE_UNASKED : FORWARD_UPGRADE,
                                    slice_of_text(tunnels->cookie), fields);
    streams[1] = upstream_upgrade(offer->call, &early[1]);
    streams[0] = exchange_upgrade(exchange, fields, count, &early[0], &unsent);
    struct buffer to_client = BUFFER(UNSENT_MOST);
    if (unsent.size > 0) {
        buffer_append(&to_client, unsent);
        buffer_append(&to_client, early[1]);
        tunnel->answer_left = unsent.size;
        early[1] = buffer_slice(&to_client);
    }
    join(tunnel, streams, early);
    buffer_free(&to_client);
}
