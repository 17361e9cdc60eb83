/* The two things that reeve changes in the bytes of a WebSocket that passes through it, in the memory where
 * they lie: the pong that answers a ping of reeve's own is taken away, and a close code that must not be on
 * the wire (1005, 1006, 1015: RFC 6455 §7.4.1) becomes 1011. Everything else passes as it is. */
#pragma once

#include "wire/websocket_scan.h"

enum {
    WEBSOCKET_EDIT_NONCE = 8,
    WEBSOCKET_EDIT_PING = 2 + WEBSOCKET_EDIT_NONCE, /* size of our ping, from server to client */
    WEBSOCKET_EDIT_PONG = 6 + WEBSOCKET_EDIT_NONCE, /* and of its answer */
};

/* Of the direction from the client; all zero but the nonce at first. */
struct websocket_edit {
    uint8_t nonce[WEBSOCKET_EDIT_NONCE]; /* random: no ping of a program's has it */
    uint8_t awaited;                     /* pings of ours that have no pong yet */
    uint8_t held_size;
    uint8_t
        held[WEBSOCKET_EDIT_PONG]; /* the beginning of what may be our pong: neither passed nor scanned yet */
};

/* A ping of ours into out[WEBSOCKET_EDIT_PING]; its pong is awaited from now on, when the ping is sent. */
void websocket_edit_ping(struct websocket_edit *edit, char *out);

/* Scans the bytes and changes them: *data and *size say what passes then (in front of *data there is room for
 * WEBSOCKET_EDIT_PONG bytes). `edit` NULL: the direction from the server. False: as websocket_scan_feed(),
 * and from now on bytes pass without a look; what is left here passes too. */
bool websocket_edit_pass(struct websocket_edit *edit, struct websocket_scan *scan, char **data, size_t *size);
