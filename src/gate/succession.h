/* What a gate does for the keeper after its own (design §3 "Crash"): it hands over the listening sockets, so
 * that nobody is refused, and ends when that keeper's own gates serve. Each gate has a socket made for this
 * by its keeper. */
#pragma once

#include "base/log.h"
#include "link/channel.h"

#include "gate/entrance.h"

struct succession;

struct succession_settings {
    struct loop *loop;
    const struct log *log;
    const struct entrance *entrance;
    const char *name;  /* of this reeve */
    uid_t keeper_user; /* may ask, besides root */
    /* The new keeper's gates serve: end what is open within `timeout_ms`. May destroy the succession. */
    void (*on_drain)(void *owner, int64_t timeout_ms);
    void *owner;
};

/* Takes the listening SEQPACKET socket `fd`. NULL: the loop cannot watch it. Settings are copied. */
struct succession *succession_new(const struct succession_settings *settings, int fd);
void succession_free(struct succession **succession);
