/* The hold's talk with its keeper: at most one at a time, over the channel it was started with or over one
 * that a later keeper opened. A keeper that leaves is no event; the next one asks with HELLO. */
#pragma once

#include "link/channel.h"

struct conversation;

struct conversation_events {
    /* A question or an order. Its body is borrowed; descriptors are closed afterwards. */
    void (*on_message)(void *owner, const struct channel_message *message);
    void *owner;
};

/* Takes `channel_fd` and `listener_fd`. Whoever connects to the listener must be uid 0 or `keeper_uid`; it
 * replaces the current keeper. */
struct conversation *conversation_new(struct loop *loop, int channel_fd, int listener_fd, uid_t keeper_uid,
                                      const struct conversation_events *events);
/* Whether there is a keeper. */
bool conversation_is_held(const struct conversation *conversation);
/* Tells the current keeper; without one nothing happens (state is told on HELLO). Steals `body`. */
void conversation_tell(struct conversation *conversation, enum message_type type, uint32_t id, json_t *body);
/* True when nothing that was told is still waiting to be sent. */
bool conversation_told(const struct conversation *conversation);
void conversation_free(struct conversation **conversation);
