#include <sys/socket.h>

#include "watcher.h"

void want_terminal(struct world *world, int columns, int rows, enum hold_terminal_rule rule)
{
    world->spec.terminal =
        (struct hold_terminal){.columns = columns, .rows = rows, .scrollback = 1000, .rule = rule};
}

json_t *ask_to_attach(struct world *world, const struct hold_terminal_attach *attach, int *fd)
{
    int pair[2];
    struct channel_message message;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(channel_send_now(world->channel, MESSAGE_HOLD_ATTACH, 78,
                                      hold_terminal_attach_encode(attach), &pair[1], 1, PATIENCE_MS),
                     0);
    close(pair[1]);
    *fd = pair[0];
    do
        assert_int_equal(channel_receive_now(world->channel, &message, PATIENCE_MS), 0);
    while (message.id == 0 && (json_decref(message.body), true));
    assert_int_equal(message.id, 78);
    json_object_set_new(message.body, "type", json_integer((int)message.type));
    return message.body;
}

struct watcher watch(struct world *world, const char *user, bool view, int columns, int rows)
{
    struct watcher watcher = {.seen = BUFFER(256 << 20), .partly = BUFFER(256 << 20)};
    struct hold_terminal_attach attach = {.view = view, .columns = columns, .rows = rows};
    snprintf(attach.user, sizeof attach.user, "%s", user);
    json_t *answer = ask_to_attach(world, &attach, &watcher.fd);
    watcher.number = json_integer_value(json_object_get(answer, "viewer"));
    assert_true(watcher.number > 0);
    json_decref(answer);
    return watcher;
}

/* A snapshot begins with SIZE and TITLE; what was seen before is replaced by it. */
static void watcher_take_output(struct watcher *watcher, struct slice data)
{
    static const struct slice reset = SLICE("\033c"), again = SLICE("\x18\033c");
    if (slice_starts_with(data, reset) || slice_starts_with(data, again))
        buffer_clear(&watcher->seen);
    assert_true(buffer_append(&watcher->seen, data));
}

static void watcher_take_record(struct watcher *watcher, const struct terminal_record *record)
{
    switch (record->type) {
    case TERMINAL_OUTPUT:
        watcher_take_output(watcher, record->data);
        break;
    case TERMINAL_SIZE:
        watcher->columns = record->columns;
        watcher->rows = record->rows;
        break;
    case TERMINAL_TITLE:
        snprintf(watcher->title, sizeof watcher->title, "%.*s", (int)record->data.size, record->data.data);
        break;
    case TERMINAL_PLACE:
        watcher->place = record->place;
        watcher->places++;
        buffer_clear(&watcher->partly);
        buffer_append(&watcher->partly, buffer_slice(&watcher->seen));
        break;
    case TERMINAL_END:
        snprintf(watcher->end, sizeof watcher->end, "%.*s", (int)record->data.size, record->data.data);
        break;
    default:
        fail();
    }
}

bool watcher_take(struct watcher *watcher, int timeout_ms)
{
    static char bytes[70000];
    struct pollfd poller = {.fd = watcher->fd, .events = POLLIN};
    struct terminal_record record;
    if (poll(&poller, 1, timeout_ms) <= 0)
        return false;
    ssize_t size = recv(watcher->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (size <= 0) {
        watcher->gone = true;
        return false;
    }
    assert_int_equal(terminal_read_from_hold(slice_of(bytes, (size_t)size), &record), TERMINAL_FINE);
    watcher_take_record(watcher, &record);
    return true;
}

bool watcher_saw(struct watcher *watcher, const char *text)
{
    struct slice seen = buffer_slice(&watcher->seen);
    return seen.size && memmem(seen.data, seen.size, text, strlen(text));
}

void watcher_await(struct watcher *watcher, const char *text)
{
    while (!watcher_saw(watcher, text))
        if (!watcher_take(watcher, PATIENCE_MS)) {
            print_message("never seen: %s; last: %.*s\n", text, (int)buffer_size(&watcher->seen),
                          watcher->seen.data + watcher->seen.start);
            fail();
        }
}

void watcher_await_size(struct watcher *watcher, int columns, int rows)
{
    while (watcher->columns != columns || watcher->rows != rows)
        assert_true(watcher_take(watcher, PATIENCE_MS));
}

void watcher_await_end(struct watcher *watcher)
{
    while (!watcher->end[0])
        assert_true(watcher_take(watcher, PATIENCE_MS));
}

void watcher_send(struct watcher *watcher, struct slice record)
{
    struct pollfd poller = {.fd = watcher->fd, .events = POLLOUT};
    assert_int_equal(poll(&poller, 1, PATIENCE_MS), 1);
    assert_int_equal(send(watcher->fd, record.data, record.size, MSG_NOSIGNAL), (ssize_t)record.size);
}

void watcher_type(struct watcher *watcher, const char *text)
{
    char *record = memory_format("%c%s", TERMINAL_INPUT, text);
    watcher_send(watcher, slice_of_text(record));
    free(record);
}

void watcher_resize(struct watcher *watcher, int columns, int rows)
{
    char record[TERMINAL_SMALL_SIZE];
    size_t size = terminal_write_size(record, TERMINAL_RESIZE, (uint16_t)columns, (uint16_t)rows);
    watcher_send(watcher, slice_of(record, size));
}

void watcher_leave(struct watcher *watcher)
{
    close(watcher->fd);
    buffer_free(&watcher->seen);
    buffer_free(&watcher->partly);
}
