/* Accepts from one listening socket that the whole group of gates shares (design §2 "Accepting").
 *
 * Batches of at most 64 per wake (net.core fairness); can be taken out of the epoll set and put back,
 * which is how gates balance. The socket itself is never closed by pausing. */
#pragma once

#include "loop/loop.h"
#include "net/address.h"

struct listener;

/* `fd` is connected, non-blocking, close-on-exec and the callee's. May pause, end the batch, free. */
typedef void listener_fn(void *owner, int fd, const struct address *peer);
/* Nothing can be accepted, for want of descriptors or memory (EMFILE, ENFILE, ENOBUFS, ENOMEM): the listener
 * pauses for 100 ms and tries again, so this comes again as long as it lasts. May not
 * free the listener. */
typedef void listener_starved_fn(void *owner, int error);

/* Takes the listening descriptor `fd`. Starts paused. NULL and errno on failure. */
struct listener *listener_new(struct loop *loop, int fd, listener_fn *on_accept,
                              listener_starved_fn *on_starved, void *owner);
void listener_pause(struct listener *listener, bool paused);
/* Takes no further connection in this wake; called from on_accept by the balance. */
void listener_end_batch(struct listener *listener);
int listener_fd(const struct listener *listener);
void listener_free(struct listener **listener); /* closes the descriptor */

/* Binds and listens (SO_REUSEADDR; never SO_REUSEPORT; backlog 4096; non-blocking, close-on-exec).
 * IPv6 addresses take IPv6 only: "[::]" does not claim 0.0.0.0. What accepted TCP sockets inherit:
 * TCP_NODELAY and keep-alive after 60 s. A stale unix socket that nobody listens on is replaced; anything
 * else at that path is not. The descriptor or -errno. */
int listener_bind(const struct address *address);
