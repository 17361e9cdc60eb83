/* A channel carries messages between two of reeve's own processes over an AF_UNIX SOCK_SEQPACKET
 * socket: a checked header, a JSON object of at most 64 KiB, at most 16 descriptors (design §2).
 *
 * Sending never blocks: what the kernel does not take is queued, at most 1 MiB; a queue that stays
 * non-empty without progress for 5 s ends the channel with ETIMEDOUT (the peer hangs). What arrives is
 * hostile until wire/message has checked it; a malformed message ends the channel with EPROTO. */
#pragma once

#include <jansson.h>

#include "loop/loop.h"
#include "wire/message.h"

enum { CHANNEL_MOST_DESCRIPTORS = 16 };

struct channel;

struct channel_message {
    enum message_type type;
    uint32_t id;  /* a reply carries the id of its question; 0: no reply is expected */
    json_t *body; /* borrowed; always an object */
    int descriptors[CHANNEL_MOST_DESCRIPTORS]; /* take one by setting its place to -1; the rest are closed */
    int descriptor_count;
};

struct channel_events {
    /* May close the channel. */
    void (*on_message)(void *owner, struct channel_message *message);
    /* Once, at the end of the conversation, from the loop: 0 the peer closed, else an errno (EPROTO:
     * malformed, ETIMEDOUT: the peer does not read). Close the channel there or later. */
    void (*on_end)(void *owner, int error);
};

/* Takes `fd`. NULL (fd closed) when the loop cannot watch it. */
struct channel *channel_new(struct loop *loop, int fd, const struct channel_events *events, void *owner);
/* Sends {type, id, body} with copies of `descriptors` (which stay the caller's). Steals the reference to
 * `body` (NULL means {}). 0; -EMSGSIZE (more than 64 KiB); -ENOBUFS (queue full: the channel then
 * ends with ETIMEDOUT); -EPIPE (already ended). */
int channel_send(struct channel *channel, enum message_type type, uint32_t id, json_t *body,
                 const int *descriptors, int count);
/* True when everything sent has left for the kernel. */
bool channel_drained(const struct channel *channel);
/* The peer by SO_PEERCRED / SO_PEERPIDFD-less kernels: pid and uid at connect time. 0 or -errno. */
int channel_peer(const struct channel *channel, pid_t *pid, uid_t *uid);
void channel_close(struct channel **channel);

/* --- blocking helpers for the command and for reeve-hold's first message (no loop) --------------- */

/* Sends one message / receives one within `timeout_ms` (-1: no limit). 0 or -errno (EPROTO, ETIMEDOUT,
 * EPIPE). On receive the caller owns message->body (json_decref) and every descriptor. */
int channel_send_now(int fd, enum message_type type, uint32_t id, json_t *body, const int *descriptors,
                     int count, int timeout_ms);
int channel_receive_now(int fd, struct channel_message *message, int timeout_ms);
