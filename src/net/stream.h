/* A stream is one connected, non-blocking byte stream on a loop: TCP or unix, in the clear or through a layer
 * (net/tls.h) that changes the bytes on their way. Users see the same calls either way.
 *
 * It has no buffer of its own: the layers above own bytes. It keeps two facts, "may be readable" and
 * "may be writable", from edge-triggered epoll, so that a wish costs no system call: when a wish meets a
 * fact already known, its callback comes from a task in the loop, never from inside the wish.
 *
 * Owner's rules: callbacks fire only from the loop; each may close the stream. stream_close() detaches
 * at once (no callback afterwards), closes the descriptor and frees the memory in the close phase.
 *
 * Through a layer a written byte may wait, sealed, for room in the kernel: at most one record of TLS. It
 * leaves by itself, also after stream_close(), for STREAM_LINGER_MS at most; on_writable waits for it. */
#pragma once

#include <sys/uio.h>

#include "loop/loop.h"

struct stream;

enum { STREAM_LINGER_MS = 5000 };

struct stream_events {
    /* Bytes, end of stream or an error can be had: call stream_read(). Fires while reading is wanted. */
    void (*on_readable)(void *owner);
    /* Room for more: call stream_write(). Fires once per stream_want_write(true). */
    void (*on_writable)(void *owner);
};

/* Takes `fd` (connected, non-blocking, close-on-exec). NULL when the loop cannot watch it (fd is then
 * closed). Nothing is wanted at first. `events` and `owner` stay the caller's and may be changed later. */
struct stream *stream_new(struct loop *loop, int fd, const struct stream_events *events, void *owner);
void stream_set_events(struct stream *stream, const struct stream_events *events, void *owner);

/* >0 bytes read; 0 end of stream (the peer has shut down its sending side); -EAGAIN nothing now;
 * another -errno: the connection is broken. size > 0. Through TLS an end that the peer has not said
 * (close_notify, RFC 8446 section 6.1) may be a cut by somebody in between: -ECONNRESET. */
ssize_t stream_read(struct stream *stream, void *memory, size_t size);
/* Bytes taken (possibly fewer than given), -EAGAIN, or another -errno (never raises SIGPIPE). size > 0. */
ssize_t stream_write(struct stream *stream, const void *bytes, size_t size);
ssize_t stream_write_pieces(struct stream *stream, const struct iovec *pieces, int count);
/* sendfile(2) from `file` at *offset, which moves on. As stream_write(); 0: the file ended early. sendfile(2)
 * knows no MSG_NOSIGNAL: a process that calls this ignores SIGPIPE. Not direct: it is read and written. */
ssize_t stream_write_file(struct stream *stream, int file, int64_t *offset, size_t size);

/* Bytes between stream and pipe that nobody looks at (splice(2)); both only while stream_is_direct(). As
 * stream_read() and stream_write(), but that a short count says nothing of what there is more. Ignore
 * SIGPIPE. */
ssize_t stream_read_pipe(struct stream *stream, int pipe, size_t size);
ssize_t stream_write_pipe(struct stream *stream, int pipe, size_t size);
/* As stream_read(), but they stay there to be read; fewer than `size` says nothing. Behind `offset` bytes
 * that stay unlooked at it is another -errno where the kernel cannot (SO_PEEK_OFF: TCP since Linux 6.9), and
 * -EAGAIN leaves the stream readable. Direct too. */
ssize_t stream_peek(struct stream *stream, size_t offset, void *memory, size_t size);

/* Level-like wishes. Reading stays wanted until taken back; writing is wanted once. */
void stream_want_read(struct stream *stream, bool wanted);
void stream_want_write(struct stream *stream, bool wanted);

/* Sends our end of stream (close_notify, shutdown(2) SHUT_WR) behind what was written; reading goes on. 0 or
 * -errno. */
int stream_end(struct stream *stream);
/* True once the kernel has reported that the peer sent its end or the connection broke (EPOLLRDHUP,
 * HUP, ERR), read or not: how "client gone" is noticed while nothing is being read. Bytes may still be
 * waiting. on_readable fires for it only while reading is wanted; on_gone below does without. */
bool stream_peer_ended(const struct stream *stream);
/* Calls on_gone(owner) when the peer ends or the connection breaks, whether reading is wanted or not (a
 * half-closing client counts: look at stream_broken()), and once more when it breaks after the peer's end; so
 * at most twice. Within one wake it comes after on_readable and on_writable. NULL takes the wish back. */
void stream_watch_gone(struct stream *stream, void (*on_gone)(void *owner));
/* True after ERR, after HUP that is not the answer to our own stream_end(), and after a failed write: no
 * byte can be sent any more. Bytes that arrived before may still be read. */
bool stream_broken(const struct stream *stream);

/* Aborts instead of closing: a TCP peer gets RST (SO_LINGER 0). Then call stream_close(). */
void stream_abort(struct stream *stream);
/* Closes, frees later, sets *stream to NULL. NULL in *stream is fine. */
void stream_close(struct stream **stream);

/* The descriptor, for getpeername(2), and for splice(2) where stream_is_direct(); stays the stream's. */
int stream_fd(const struct stream *stream);
/* The bytes on the descriptor are those that are read and written here. */
bool stream_is_direct(const struct stream *stream);
/* Asks the kernel once more: nothing has come that could be read, no end either. */
bool stream_is_quiet(struct stream *stream);
/* Sets up the layer: 0 done (or there is none), -EAGAIN: call again in on_readable, another -errno: it has
 * failed. Before it is done nothing can be read or written. */
int stream_handshake(struct stream *stream);
struct loop *stream_loop(const struct stream *stream);
