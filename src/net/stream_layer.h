/* Private to src/net: what changes the bytes of a stream between its user and its descriptor (TLS).
 *
 * A layer never blocks in the middle of a write: what the kernel does not take is kept sealed in `unsent`,
 * goes out by itself, and nothing more is taken before it is gone. So a write that was refused may be
 * followed by any other, and reading never waits for room. */
#pragma once

#include "base/buffer.h"
#include "net/stream.h"

struct stream_layer;

struct stream_layer_calls {
    /* As stream_handshake(), stream_read() and stream_write(). write() is called with nothing unsent and
     * takes a part only when something is unsent afterwards. */
    int (*handshake)(struct stream_layer *layer);
    ssize_t (*read)(struct stream_layer *layer, void *memory, size_t size);
    ssize_t (*write)(struct stream_layer *layer, const void *bytes, size_t size);
    /* False when a read would give something, an end or an error. */
    bool (*is_quiet)(struct stream_layer *layer);
    /* Says our end to the peer, once; nothing when there is nothing to say. */
    void (*end)(struct stream_layer *layer);
    void (*free)(struct stream_layer *layer);
};

/* Enough for a record (16 KiB and what goes around it) and the small ones that TLS sends by itself: a peer
 * that makes us send more of them and reads none is cut off. */
enum { STREAM_LAYER_UNSENT_MOST = 64 * 1024 };

struct stream_layer {
    const struct stream_layer_calls *calls;
    struct stream *stream;
    int fd;
    bool arrived; /* receiving may give something */
    bool ended;   /* the peer's end was seen: no event follows */
    bool end_due; /* shutdown(2) follows the last unsent byte */
    struct buffer unsent;
    struct loop_timer linger; /* after stream_close() */
    struct loop_last last;
};

/* Right after stream_new(). The layer (all zero but `calls`) is the stream's from here on: free() gives it
 * back with what is in it, stream_layer_clear() included. */
void stream_set_layer(struct stream *stream, struct stream_layer *layer);
struct stream_layer *stream_layer(const struct stream *stream);

/* For the layer's calls: bytes of the descriptor. >0, 0 its end, -EAGAIN (no system call when nothing has
 * come), another -errno. */
ssize_t stream_layer_receive(struct stream_layer *layer, void *memory, size_t size);
/* Takes all of it: 0, or -errno (-ENOBUFS: more unsent than there may be). */
int stream_layer_send(struct stream_layer *layer, const void *bytes, size_t size);
/* 0: nothing is unsent any more; -EAGAIN or another -errno. */
int stream_layer_flush(struct stream_layer *layer);
void stream_layer_clear(struct stream_layer *layer);
