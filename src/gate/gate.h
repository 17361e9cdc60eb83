/* The gate: the unprivileged process through which every byte from the network comes (design §1, §2).
 *
 * It does what its keeper says over one channel (wire/message.h, MESSAGE_GATE_*) and outlives a dead keeper
 * for the drain time. */
#pragma once

#include <sys/types.h>

#include "base/log.h"
#include "loop/loop.h"

/* --- the process --------------------------------------------------------------------------------- */

enum { GATE_CHANNEL_FD = 3, GATE_HANDOVER_FD = 4 };

struct gate_start {
    unsigned slot;
    uid_t uid; /* what a gate started as root becomes */
    gid_t gid;
};

/* The whole life of a freshly executed gate: gives up its rights, then serves until it is drained or its
 * keeper has been gone for the drain time. GATE_CHANNEL_FD is the channel to the keeper, GATE_HANDOVER_FD the
 * listening hand-over socket; logs go to stderr. Returns the exit status. */
int gate_main(const struct gate_start *start);

/* --- the same in a loop of somebody else's (tests, embedding) ------------------------------------ */

struct gate;

struct gate_settings {
    struct loop *loop;
    const struct log *log; /* copied; its level follows the snapshot's */
    int channel;           /* taken over */
    int handover;          /* taken over; -1: none */
    int output;            /* for the access log on stdout; the caller's; -1: none */
    unsigned slot;
    void (*on_end)(void *owner); /* drained: call gate_free(). Once, from the loop */
    void *owner;
};

/* NULL with errno when the loop cannot watch the descriptors (they are closed). */
struct gate *gate_new(const struct gate_settings *settings);
/* Ends what is open within `timeout_ms`; on_end follows. As MESSAGE_GATE_DRAIN. */
void gate_drain(struct gate *gate, int64_t timeout_ms);
/* Cuts what is open. Not from inside the gate's callbacks. */
void gate_free(struct gate **gate);
