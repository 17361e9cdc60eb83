/* Two pumps. Up: the client's bytes wait in `in` while the link takes none; a message is passed on piece by
 * piece, only JSON is collected. Down: a record goes out as one frame; what the client does not take waits in
 * `out`, and the link is not read meanwhile: its hold then drops output and sends a snapshot when it is read
 * again. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "net/silence.h"
#include "wire/terminal.h"
#include "wire/ttyd.h"
#include "wire/websocket.h"
#include "wire/websocket_reader.h"

#include "route/viewer.h"
#include "route/viewer_link.h"

enum {
    IN_SIZE = 16 * 1024,
    OUT_SIZE = 64 * 1024 + IN_SIZE, /* a record, and what is small and may come behind it */
    OUT_SMALL = 40 * 1024,          /* with more in it, pongs and the like are left out */
    PER_TURN = 16,                  /* records or pieces, then others get their turn */
    HELLO_MS = 10000,
    PING_MS = 30000,
    SILENT_MOST = 2,         /* pings without any sign of life, then it is cut */
    UNSENT_MOST = 64 * 1024, /* in the kernel: what the user has typed should not wait behind more */
    END_MS = 2000,
    TITLE_MOST = 256,
    CLOSE_ENDED = 4503, /* the program has ended: as 503, and unlike 1000 not "done" to ttyd's client */
    CLOSE_BROKEN = 1011,
    CLOSE_PROTOCOL = 1002,
    CLOSE_TOO_BIG = 1009,
};

enum viewer_state {
    VIEWER_GREETING, /* the first message, which tells the size, is still to come */
    VIEWER_OPEN,
    VIEWER_TOLD, /* a close frame is on its way: nothing follows it, the client's own is waited for */
};

struct viewer {
    struct viewer_settings settings;
    struct loop *loop;
    struct stream *client;
    struct viewer_link link;
    enum viewer_state state;
    struct websocket_reader reader;
    char type;                  /* of the message that is being read */
    bool ours;                  /* it knows our own messages */
    bool link_blocked;          /* `piece` waits for room in the link */
    bool owes_size, owes_pause; /* so does what the client wants now: */
    bool paused;
    uint16_t columns, rows;
    struct slice piece; /* of an input message, in `in` */
    size_t used;        /* of `in`, up to the end of the piece */
    struct viewer_counts counts;
    unsigned silent; /* pings since its last sign of life */
    struct buffer in, json, out;
    struct loop_timer beat; /* for the hello, then for pings, then for the end */
    struct loop_task turn;
    char title[TITLE_MOST];
};

static void cut(struct viewer *viewer)
{
    viewer->settings.events->on_end(viewer->settings.owner);
}

static void on_cut(struct loop_timer *timer)
{
    cut(LIST_ENTRY(timer, struct viewer, beat));
}

static void free_memory(void *object)
{
    struct viewer *viewer = object;
    buffer_free(&viewer->in);
    buffer_free(&viewer->json);
    buffer_free(&viewer->out);
    free(viewer);
}

void viewer_free(struct viewer **owned)
{
    struct viewer *viewer = *owned;
    if (!viewer)
        return;
    *owned = NULL;
    loop_timer_stop(&viewer->beat);
    loop_task_stop(&viewer->turn);
    stream_close(&viewer->client);
    viewer_link_close(&viewer->link);
    loop_free_later(viewer->loop, viewer, free_memory);
}

/* --- to the client --------------------------------------------------------------------------------- */

/* One whole frame. What is not taken waits, so there is room for it: who sends more than a few bytes looks at
 * `out` first. An error shows when the client is read. */
static void send_frame(struct viewer *viewer, enum websocket_frame_opcode opcode, struct slice payload)
{
    char head[WEBSOCKET_FRAME_HEAD_SIZE];
    size_t head_size = websocket_frame_head(head, opcode, true, payload.size, NULL),
           size = head_size + payload.size;
    const struct iovec pieces[] = {{head, head_size}, {(void *)(uintptr_t)payload.data, payload.size}};
    ssize_t taken = 0;
    if (buffer_size(&viewer->out) == 0)
        taken = stream_write_pieces(viewer->client, pieces, payload.size > 0 ? 2 : 1);
    size_t sent = taken > 0 ? (size_t)taken : 0;
    if (sent == size || size - sent > buffer_room(&viewer->out))
        return;
    if (sent < head_size)
        buffer_append(&viewer->out, slice_of(head + sent, head_size - sent));
    buffer_append(&viewer->out, slice_from(payload, sent > head_size ? sent - head_size : 0));
    viewer_link_want(&viewer->link, false);
    stream_want_write(viewer->client, true);
}

static void send_message(struct viewer *viewer, char type, struct slice data)
{
    char message[TTYD_JSON_MOST];
    size_t size = data.size < sizeof message - 1 ? data.size : sizeof message - 1;
    message[0] = type;
    if (size > 0)
        memcpy(message + 1, data.data, size);
    send_frame(viewer, WEBSOCKET_FRAME_BINARY, slice_of(message, size + 1));
}

void viewer_leave(struct viewer *viewer, unsigned code, struct slice reason, int64_t patience_ms)
{
    char payload[WEBSOCKET_FRAME_CONTROL_MOST];
    if (viewer->state != VIEWER_TOLD) {
        size_t size = websocket_frame_close(payload, code, reason);
        send_frame(viewer, WEBSOCKET_FRAME_CLOSE, slice_of(payload, size));
        viewer->state = VIEWER_TOLD;
        viewer_link_want(&viewer->link, false);
    } else if (loop_timer_armed(&viewer->beat) &&
               viewer->beat.due_us <= loop_now_us(viewer->loop) + patience_ms * 1000) {
        return;
    }
    loop_timer_start(viewer->loop, &viewer->beat, patience_ms, on_cut);
}

static void on_client_room(void *owner)
{
    struct viewer *viewer = owner;
    struct slice held = buffer_slice(&viewer->out);
    ssize_t taken = held.size ? stream_write(viewer->client, held.data, held.size) : 0;
    if (taken > 0) {
        buffer_consume(&viewer->out, (size_t)taken);
        viewer->silent = 0;
    }
    if (buffer_size(&viewer->out) > 0) {
        if (taken > 0 || taken == -EAGAIN)
            stream_want_write(viewer->client, true);
        return;
    }
    buffer_free(&viewer->out);
    if (viewer->state == VIEWER_OPEN)
        viewer_link_want(&viewer->link, true);
}

/* --- from the hold ---------------------------------------------------------------------------------- */

struct viewer_counts viewer_counts(const struct viewer *viewer)
{
    return viewer->counts;
}

static void count(struct viewer *viewer, uint64_t *bytes, size_t size, bool typed)
{
    *bytes += size;
    viewer->counts.used_us = loop_now_us(viewer->loop);
    viewer->settings.events->on_traffic(viewer->settings.owner, typed);
}

/* In the terminal itself, for every client; and for ours in words that it can put elsewhere. */
static void say_end(struct viewer *viewer, struct slice text)
{
    struct buffer words = BUFFER(TTYD_JSON_MOST);
    buffer_append_text(&words, "\x1b[0m\r\n[");
    buffer_append(&words, slice_between(text, 0, TTYD_JSON_MOST / 2));
    buffer_append_text(&words, "]\r\n");
    send_message(viewer, TTYD_OUTPUT, buffer_slice(&words));
    buffer_free(&words);
    if (viewer->ours)
        send_message(viewer, TTYD_END, slice_between(text, 0, TTYD_JSON_MOST / 2));
    viewer_leave(viewer, CLOSE_ENDED, text, END_MS);
}

static void show_number(struct viewer *viewer, const struct terminal_record *record)
{
    struct buffer message = BUFFER(TTYD_JSON_MOST);
    if (record->type == TERMINAL_SIZE)
        ttyd_write_size(&message, record->columns, record->rows);
    else
        buffer_append_format(&message, "%c%llu", TTYD_PLACE, (unsigned long long)record->place);
    send_frame(viewer, WEBSOCKET_FRAME_BINARY, buffer_slice(&message));
    buffer_free(&message);
}

/* Type bytes of output and title are ttyd's own: such a record is the message. */
static void show(struct viewer *viewer, struct slice bytes)
{
    struct terminal_record record;
    if (terminal_read_from_hold(bytes, &record) != TERMINAL_FINE)
        return;
    switch ((enum terminal_to_viewer)record.type) {
    case TERMINAL_OUTPUT:
        count(viewer, &viewer->counts.shown, bytes.size - 1, false);
        send_frame(viewer, WEBSOCKET_FRAME_BINARY, bytes);
        return;
    case TERMINAL_TITLE:
        send_frame(viewer, WEBSOCKET_FRAME_BINARY, bytes);
        return;
    case TERMINAL_SIZE:
    case TERMINAL_PLACE:
        if (viewer->ours)
            show_number(viewer, &record);
        return;
    case TERMINAL_END:
        say_end(viewer, record.data);
        return;
    }
}

static void on_record(struct viewer_link *link)
{
    struct viewer *viewer = LIST_ENTRY(link, struct viewer, link);
    char *scratch = loop_scratch(viewer->loop);
    for (int i = 0; i < PER_TURN && viewer->state == VIEWER_OPEN && buffer_size(&viewer->out) == 0; i++) {
        ssize_t got = viewer_link_read(link, scratch, TERMINAL_RECORD_LARGEST);
        if (got == -EAGAIN)
            return;
        if (got <= 0) {
            viewer_leave(viewer, CLOSE_BROKEN, SLICE("what keeps this terminal has gone"), END_MS);
            return;
        }
        show(viewer, slice_of(scratch, (size_t)got));
    }
}

/* --- from the client --------------------------------------------------------------------------------- */

static void refuse(struct viewer *viewer, unsigned code, const char *reason)
{
    viewer_leave(viewer, code, slice_of_text(reason), END_MS);
}

/* On a link without room it waits for some; then the newest counts. */
static bool tell_wishes(struct viewer *viewer)
{
    char record[TERMINAL_SMALL_SIZE];
    if (viewer->owes_size) {
        size_t size = terminal_write_size(record, TERMINAL_RESIZE, viewer->columns, viewer->rows);
        viewer->owes_size = !viewer_link_send(&viewer->link, record[0], slice_of(record + 1, size - 1));
    }
    if (viewer->owes_pause)
        viewer->owes_pause = !viewer_link_send(
            &viewer->link, viewer->paused ? TERMINAL_PAUSE : TERMINAL_RESUME, (struct slice){0});
    return !viewer->owes_size && !viewer->owes_pause;
}

static void wish_size(struct viewer *viewer, int64_t columns, int64_t rows)
{
    viewer->columns = terminal_columns(columns);
    viewer->rows = terminal_rows(rows);
    viewer->owes_size = true;
    tell_wishes(viewer);
}

static void wish_pause(struct viewer *viewer, bool paused)
{
    viewer->paused = paused;
    viewer->owes_pause = true;
    tell_wishes(viewer);
}

static void on_beat(struct loop_timer *timer)
{
    struct viewer *viewer = LIST_ENTRY(timer, struct viewer, beat);
    /* A client that takes nothing is no fault while its machine answers. */
    if (buffer_size(&viewer->out) > 0 && !silence_is_suspect(stream_fd(viewer->client)))
        viewer->silent = 0;
    if (viewer->silent++ >= SILENT_MOST || stream_broken(viewer->client)) {
        cut(viewer);
        return;
    }
    if (buffer_size(&viewer->out) < OUT_SMALL)
        send_frame(viewer, WEBSOCKET_FRAME_PING, (struct slice){0});
    loop_timer_start(viewer->loop, timer, PING_MS, on_beat);
}

static void greet(struct viewer *viewer)
{
    struct ttyd_hello hello;
    if (!ttyd_read_hello(buffer_slice(&viewer->json), &hello)) {
        refuse(viewer, CLOSE_PROTOCOL, "the first message is JSON with columns and rows");
        return;
    }
    viewer->state = VIEWER_OPEN;
    viewer->ours = hello.ours;
    send_message(viewer, TTYD_TITLE, slice_of_text(viewer->title));
    send_message(viewer, TTYD_PREFERENCES,
                 viewer->settings.may_type ? SLICE("{}")
                                           : SLICE("{\"disableStdin\":true,\"cursorBlink\":false}"));
    if (hello.columns > 0 && hello.rows > 0 && viewer->settings.may_type)
        wish_size(viewer, hello.columns, hello.rows);
    viewer_link_want(&viewer->link, buffer_size(&viewer->out) == 0);
    loop_timer_start(viewer->loop, &viewer->beat, PING_MS, on_beat);
}

/* A whole message of those that are no input. */
static void obey(struct viewer *viewer)
{
    int64_t columns, rows;
    struct slice data = slice_from(buffer_slice(&viewer->json), 1);
    switch (viewer->type) {
    case TTYD_RESIZE:
        if (!ttyd_read_size(data, &columns, &rows))
            refuse(viewer, CLOSE_PROTOCOL, "a resize is JSON with columns and rows");
        else if (viewer->settings.may_type && columns > 0 && rows > 0)
            wish_size(viewer, columns, rows);
        return;
    case TTYD_PAUSE:
        wish_pause(viewer, true);
        return;
    case TTYD_RESUME:
        wish_pause(viewer, false);
        return;
    case TTYD_ASK:
        if (buffer_size(&viewer->out) < OUT_SMALL)
            send_message(viewer, TTYD_HERE, (struct slice){0});
        return;
    default: /* a second hello, or what a later client says */
        return;
    }
}

static void collect(struct viewer *viewer)
{
    const struct websocket_reader *reader = &viewer->reader;
    if (!buffer_append(&viewer->json, reader->data)) {
        refuse(viewer, CLOSE_TOO_BIG, "the message is too large for what it is");
        return;
    }
    if (!reader->last)
        return;
    if (viewer->state == VIEWER_GREETING)
        greet(viewer);
    else
        obey(viewer);
    buffer_free(&viewer->json);
}

/* Input needs no memory of its own, however much is pasted: each piece is a record. False: it waits. */
static bool pass_input(struct viewer *viewer)
{
    if (viewer->piece.size == 0 || !viewer->settings.may_type)
        return true;
    if (!viewer_link_send(&viewer->link, TERMINAL_INPUT, viewer->piece))
        return false;
    count(viewer, &viewer->counts.typed, viewer->piece.size, true);
    return true;
}

/* False: the piece waits for room in the link. */
static bool take_data(struct viewer *viewer)
{
    struct slice data = viewer->reader.data;
    if (viewer->reader.first)
        viewer->type = data.size > 0 ? data.data[0] : '\0';
    if (viewer->state != VIEWER_OPEN || viewer->type != TTYD_INPUT) {
        collect(viewer);
        return true;
    }
    viewer->piece = viewer->reader.first ? slice_from(data, 1) : data;
    return pass_input(viewer);
}

/* False: it is over, or has to wait. */
static bool take(struct viewer *viewer, enum websocket_reader_result result)
{
    switch (result) {
    case WEBSOCKET_READER_MORE:
    case WEBSOCKET_READER_PONG:
        return true;
    case WEBSOCKET_READER_DATA:
        viewer->link_blocked = !take_data(viewer);
        return !viewer->link_blocked;
    case WEBSOCKET_READER_PING:
        if (buffer_size(&viewer->out) < OUT_SMALL)
            send_frame(viewer, WEBSOCKET_FRAME_PONG, viewer->reader.data);
        return true;
    case WEBSOCKET_READER_CLOSE:
        if (viewer->state != VIEWER_TOLD)
            viewer_leave(viewer, viewer->reader.code == WEBSOCKET_FRAME_NO_CODE ? 1001 : viewer->reader.code,
                         (struct slice){0}, 0);
        cut(viewer);
        return false;
    case WEBSOCKET_READER_BAD:
        refuse(viewer, CLOSE_PROTOCOL, "that is no WebSocket frame of a client");
        return false;
    }
    return false;
}

/* False: it is over, or has to wait. Who has been told to go is only listened to for its close frame. */
static bool take_held(struct viewer *viewer)
{
    while (buffer_size(&viewer->in) > 0) {
        enum websocket_reader_result result = websocket_reader_next(
            &viewer->reader, viewer->in.data + viewer->in.start, buffer_size(&viewer->in), &viewer->used);
        if (viewer->state == VIEWER_TOLD && result == WEBSOCKET_READER_DATA)
            result = WEBSOCKET_READER_MORE;
        if (viewer->state == VIEWER_TOLD && result == WEBSOCKET_READER_BAD) {
            cut(viewer);
            return false;
        }
        if (!take(viewer, result))
            return false;
        buffer_consume(&viewer->in, viewer->used);
    }
    buffer_free(&viewer->in);
    return true;
}

static void on_client_readable(void *owner)
{
    struct viewer *viewer = owner;
    for (int i = 0; i < PER_TURN; i++) {
        char *room = buffer_reserve(&viewer->in, IN_SIZE);
        ssize_t got = stream_read(viewer->client, room, IN_SIZE);
        if (got == -EAGAIN) {
            buffer_free(&viewer->in);
            return;
        }
        if (got <= 0) {
            cut(viewer);
            return;
        }
        viewer->silent = 0;
        buffer_added(&viewer->in, (size_t)got);
        if (!take_held(viewer)) {
            if (viewer->client)
                stream_want_read(viewer->client, !viewer->link_blocked);
            return;
        }
    }
}

static void on_link_room(struct viewer_link *link)
{
    struct viewer *viewer = LIST_ENTRY(link, struct viewer, link);
    if (viewer->state != VIEWER_OPEN || !tell_wishes(viewer) || !viewer->link_blocked)
        return;
    viewer->link_blocked = !pass_input(viewer);
    if (viewer->link_blocked)
        return;
    buffer_consume(&viewer->in, viewer->used);
    if (take_held(viewer))
        stream_want_read(viewer->client, true);
}

/* --- the beginning ------------------------------------------------------------------------------------ */

static void on_no_hello(struct loop_timer *timer)
{
    refuse(LIST_ENTRY(timer, struct viewer, beat), CLOSE_PROTOCOL, "no first message came");
}

/* What came with the handshake, after viewer_new() has returned. */
static void on_turn(struct loop_task *task)
{
    struct viewer *viewer = LIST_ENTRY(task, struct viewer, turn);
    if (take_held(viewer))
        stream_want_read(viewer->client, true);
}

static struct stream *switch_protocols(struct viewer *viewer, struct exchange *exchange)
{
    const struct fields *asked = &exchange_request(exchange)->head->fields;
    char accept[WEBSOCKET_ACCEPT_SIZE];
    struct slice early, unsent;
    websocket_accept(fields_get(asked, FIELD_SEC_WEBSOCKET_KEY), accept);
    const struct exchange_field fields[] = {
        {SLICE("Connection"), SLICE("Upgrade"), .checked = true},
        {SLICE("Upgrade"), SLICE("websocket"), .checked = true},
        {SLICE("Sec-WebSocket-Accept"), slice_of(accept, sizeof accept), .checked = true},
        {SLICE("Sec-WebSocket-Protocol"), SLICE(TTYD_SUBPROTOCOL), .checked = true},
    };
    bool offered = websocket_offers(asked, SLICE(TTYD_SUBPROTOCOL));
    struct stream *client = exchange_upgrade(exchange, fields, offered ? 4 : 3, &early, &unsent);
    buffer_append(&viewer->in, early);
    buffer_append(&viewer->out, unsent);
    return client;
}

/* Against lag behind a flood, and against peers that have gone without a word. */
static void tune(int fd)
{
    int unsent = UNSENT_MOST;
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent); /* no matter on a unix socket */
    silence_ask(fd, PING_MS);
}

struct viewer *viewer_new(struct exchange *exchange, const struct viewer_settings *settings)
{
    static const struct stream_events client_events = {.on_readable = on_client_readable,
                                                       .on_writable = on_client_room};
    struct viewer *viewer = MEMORY_NEW(struct viewer);
    viewer->settings = *settings;
    viewer->loop = exchange_loop(exchange);
    viewer->in = BUFFER(2 * IN_SIZE + LOOP_SCRATCH_SIZE);
    viewer->json = BUFFER(TTYD_JSON_MOST + 1);
    viewer->out = BUFFER(OUT_SIZE);
    struct slice title = slice_between(settings->title, 0, TITLE_MOST - 1);
    memcpy(viewer->title, title.data, title.size);
    viewer->counts.used_us = loop_now_us(viewer->loop);
    websocket_reader_begin(&viewer->reader);
    viewer->link = (struct viewer_link){.on_record = on_record, .on_room = on_link_room};
    viewer_link_open(&viewer->link, viewer->loop, settings->link);
    viewer->client = switch_protocols(viewer, exchange);
    stream_set_events(viewer->client, &client_events, viewer);
    stream_want_read(viewer->client, false);
    stream_watch_gone(viewer->client, NULL);
    tune(stream_fd(viewer->client));
    if (buffer_size(&viewer->out) > 0)
        stream_want_write(viewer->client, true);
    loop_timer_start(viewer->loop, &viewer->beat, HELLO_MS, on_no_hello);
    loop_task_start(viewer->loop, &viewer->turn, on_turn);
    return viewer;
}
