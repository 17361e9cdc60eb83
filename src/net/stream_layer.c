/* The descriptor's side of a layer: receives what the fact allows, sends or keeps. */
#include <errno.h>
#include <sys/socket.h>

#include "net/stream_layer.h"

ssize_t stream_layer_receive(struct stream_layer *layer, void *memory, size_t size)
{
    if (!layer->arrived)
        return -EAGAIN;
    ssize_t count = recv(layer->fd, memory, size, 0);
    if (count > 0) {
        if ((size_t)count < size && !layer->ended) /* as in stream_read() */
            layer->arrived = false;
        return count;
    }
    if (count == 0)
        return 0; /* said again to whoever asks again */
    layer->arrived = false;
    return errno == EINTR ? -EAGAIN : -errno;
}

int stream_layer_flush(struct stream_layer *layer)
{
    while (buffer_size(&layer->unsent) > 0) {
        struct slice left = buffer_slice(&layer->unsent);
        ssize_t count = send(layer->fd, left.data, left.size, MSG_NOSIGNAL);
        if (count < 0)
            return errno == EINTR ? -EAGAIN : -errno;
        buffer_consume(&layer->unsent, (size_t)count);
    }
    buffer_free(&layer->unsent); /* a record's memory for each idle stream would be too much */
    return 0;
}

int stream_layer_send(struct stream_layer *layer, const void *bytes, size_t size)
{
    size_t sent = 0;
    if (buffer_size(&layer->unsent) == 0) {
        ssize_t count = send(layer->fd, bytes, size, MSG_NOSIGNAL);
        if (count < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        sent = count > 0 ? (size_t)count : 0;
    }
    return buffer_append(&layer->unsent, slice_of((const char *)bytes + sent, size - sent)) ? 0 : -ENOBUFS;
}

void stream_layer_clear(struct stream_layer *layer)
{
    buffer_free(&layer->unsent);
}
