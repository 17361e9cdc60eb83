#include <errno.h>
#include <sys/socket.h>

#include "wire/terminal.h"

#include "hold/outbox.h"

enum {
    OUTBOX_MOST = 1 << 30, /* far beyond any snapshot */
    OUTBOX_IDLE = 4096,    /* memory that an empty one may keep */
    OUTBOX_HEAD = sizeof(uint16_t),
};

struct outbox outbox_new(void)
{
    return (struct outbox){.records = BUFFER(OUTBOX_MOST)};
}

bool outbox_is_empty(const struct outbox *outbox)
{
    return buffer_size(&outbox->records) == 0;
}

static void outbox_set_size(char *place, size_t size)
{
    const uint16_t number = (uint16_t)size;
    memcpy(place, &number, sizeof number);
}

static void outbox_append(struct outbox *outbox, char type, struct slice data)
{
    char head[OUTBOX_HEAD + 1];
    outbox_set_size(head, data.size + 1);
    head[OUTBOX_HEAD] = type;
    CHECK(buffer_append(&outbox->records, slice_of(head, sizeof head)) &&
          buffer_append(&outbox->records, data));
    outbox->last = type == TERMINAL_OUTPUT ? data.size + 1 : 0;
}

/* As many bytes as still fit into the last record; how many. */
static size_t outbox_join(struct outbox *outbox, struct slice data)
{
    if (outbox->last == 0)
        return 0;
    size_t room = TERMINAL_RECORD_LARGEST - outbox->last;
    struct slice part = slice_between(data, 0, room);
    CHECK(buffer_append(&outbox->records, part));
    outbox->last += part.size;
    outbox_set_size(outbox->records.data + outbox->records.end - outbox->last - OUTBOX_HEAD, outbox->last);
    return part.size;
}

static size_t outbox_live(const struct outbox *outbox)
{
    return buffer_size(&outbox->records) - outbox->kept;
}

static void outbox_put(struct outbox *outbox, char type, struct slice data)
{
    if (type != TERMINAL_OUTPUT) {
        outbox_append(outbox, type, slice_between(data, 0, TERMINAL_DATA_LARGEST));
        return;
    }
    for (data = slice_from(data, outbox_join(outbox, data)); data.size;
         data = slice_from(data, TERMINAL_DATA_LARGEST))
        outbox_append(outbox, type, slice_between(data, 0, TERMINAL_DATA_LARGEST));
}

bool outbox_add(struct outbox *outbox, char type, struct slice data)
{
    size_t heads = (data.size / TERMINAL_DATA_LARGEST + 1) * (OUTBOX_HEAD + 1);
    if (outbox_live(outbox) + heads + data.size > OUTBOX_LIVE_MOST)
        return false;
    outbox_put(outbox, type, data);
    return true;
}

void outbox_drop_live(struct outbox *outbox)
{
    outbox->records.end = outbox->records.start + outbox->kept;
    outbox->last = 0;
}

void outbox_drop(struct outbox *outbox)
{
    outbox_free(outbox);
}

void outbox_keep(struct outbox *outbox, char type, struct slice data)
{
    outbox_put(outbox, type, data);
    outbox->kept = buffer_size(&outbox->records);
    outbox->last = 0;
}

static void outbox_sent(struct outbox *outbox, size_t size)
{
    buffer_consume(&outbox->records, size);
    outbox->kept -= size < outbox->kept ? size : outbox->kept;
    if (!outbox_is_empty(outbox))
        return;
    outbox->last = 0;
    if (outbox->records.capacity > OUTBOX_IDLE)
        buffer_free(&outbox->records);
}

int outbox_send(struct outbox *outbox, int fd)
{
    while (!outbox_is_empty(outbox)) {
        struct slice waiting = buffer_slice(&outbox->records);
        uint16_t size;
        memcpy(&size, waiting.data, sizeof size);
        if (send(fd, waiting.data + OUTBOX_HEAD, size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
            return errno == EINTR ? -EAGAIN : -errno;
        outbox_sent(outbox, OUTBOX_HEAD + (size_t)size);
    }
    return 0;
}

void outbox_free(struct outbox *outbox)
{
    buffer_free(&outbox->records);
    *outbox = outbox_new();
}
