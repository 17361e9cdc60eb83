/* The gate: the unprivileged process through which every byte from the network comes (design §1, §2).
 *
 * It does what its keeper says over one channel (wire/message.h, MESSAGE_GATE_*) and outlives a dead keeper
 * for the drain time. */
#pragma once

#include "base/log.h"
#include "loop/loop.h"

struct gate;

struct gate_settings {
    struct loop *loop;
    const struct log *log; /* copied; its level follows the snapshot's */
    int channel;           /* taken over */
    int handover;          /* taken over; -1: none */
    int output;            /* for the access log on stdout; the caller's; -1: none */
    unsigned slot;
    const char *name_servers;    /* of tests: "127.0.0.1:5353"; NULL: the machine's */
    void (*on_end)(void *owner); /* drained: call gate_free(). Once, from the loop */
    void *owner;
};

/* NULL with errno when the loop cannot watch the descriptors (they are closed). */
struct gate *gate_new(const struct gate_settings *settings);
/* Ends what is open within `timeout_ms`; on_end follows. As MESSAGE_GATE_DRAIN. */
void gate_drain(struct gate *gate, int64_t timeout_ms);
/* The drain time of the committed snapshot, or the default. */
int64_t gate_drain_ms(const struct gate *gate);
/* Cuts what is open. Not from inside the gate's callbacks. */
void gate_free(struct gate **gate);
