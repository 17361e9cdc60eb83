/* Single frames (RFC 6455 §5, §7.4): heads, masks, close payloads. */
#pragma once

#include "base/slice.h"

enum websocket_frame_opcode {
    WEBSOCKET_FRAME_CONTINUATION = 0,
    WEBSOCKET_FRAME_TEXT = 1,
    WEBSOCKET_FRAME_BINARY = 2,
    WEBSOCKET_FRAME_CLOSE = 8,
    WEBSOCKET_FRAME_PING = 9,
    WEBSOCKET_FRAME_PONG = 10,
};

enum {
    WEBSOCKET_FRAME_HEAD_SIZE = 14,     /* the largest */
    WEBSOCKET_FRAME_CONTROL_MOST = 125, /* payload of close, ping, pong */
    WEBSOCKET_FRAME_REASON_MOST = 123,
    /* Close codes that stand for something and are never sent. */
    WEBSOCKET_FRAME_NO_CODE = 1005,
};

/* The head of a frame with `size` bytes of payload, into out[WEBSOCKET_FRAME_HEAD_SIZE]; returns its length.
 * `mask` is NULL from server to client, else 4 random bytes. */
size_t websocket_frame_head(char *out, enum websocket_frame_opcode opcode, bool final, uint64_t size,
                            const uint8_t *mask);
/* Masks or unmasks in place; `offset` is the place of bytes[0] in the payload. */
void websocket_frame_mask(char *bytes, size_t size, const uint8_t *mask, uint64_t offset);

/* A close payload into out[WEBSOCKET_FRAME_CONTROL_MOST]; returns its length. `code` must be one that may be
 * sent; `reason` is UTF-8 and cut to whole characters. */
size_t websocket_frame_close(char *out, unsigned code, struct slice reason);
/* Reads an unmasked one: an empty one has WEBSOCKET_FRAME_NO_CODE. False: a protocol error (1002), or a
 * reason that is not UTF-8. */
bool websocket_frame_read_close(struct slice payload, unsigned *code, struct slice *reason);
/* 1000 to 1003, 1007 to 1014, 3000 to 4999 */
bool websocket_frame_code_is_valid(unsigned code);
