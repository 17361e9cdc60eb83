/* When a WebSocket's client is asked for a sign of life, and when it counts as gone: arithmetic, no clock of
 * its own.
 *
 * A byte from the client is a sign of life. Silent for an interval, it is sent a ping; silent for another one
 * after that, although nothing of ours is stuck on the way to it, it is gone. Separately: what the kernel has
 * sent again and again without an answer (net/silence) for an interval makes either side gone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct pulse {
    int64_t heard_us;      /* the last bytes from the client */
    int64_t pinged_us;     /* the last ping; 0: none */
    int64_t suspect_us[2]; /* since when a side is suspect; 0: it is not */
};

enum pulse_verdict {
    PULSE_FINE,
    PULSE_PING, /* ask now, if it can be; then pulse_pinged() */
    PULSE_GONE,
};

/* `stuck`: something for the client has not left, so that a ping's answer says nothing. `every_us` > 0. */
enum pulse_verdict pulse_check(const struct pulse *pulse, int64_t now_us, int64_t every_us, bool stuck);
/* Bytes have come from the client, or it is not listened to because the program does not read. */
void pulse_heard(struct pulse *pulse, int64_t now_us);
void pulse_pinged(struct pulse *pulse, int64_t now_us);
/* What net/silence says of one side now; true: it is gone. */
bool pulse_suspect(struct pulse *pulse, unsigned side, bool suspect, int64_t now_us, int64_t every_us);
