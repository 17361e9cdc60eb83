/* Follows one direction of a WebSocket (RFC 6455 §5) through a relay without touching its bytes: knows at
 * each moment whether a frame or a message is open, counts, and sees what no endpoint may send. Costs one
 * look per frame head; payload is stepped over. */
#pragma once

#include "wire/websocket_frame.h"

enum websocket_scan_result {
    WEBSOCKET_SCAN_MORE,  /* all bytes used; the last frame goes on, or none has begun */
    WEBSOCKET_SCAN_FRAME, /* a frame ends at *used */
    WEBSOCKET_SCAN_BAD,   /* scan->error; nothing more is looked at */
};

enum websocket_scan_error {
    WEBSOCKET_SCAN_NO_ERROR,
    WEBSOCKET_SCAN_RESERVED_BITS, /* a bit that no extension was negotiated for */
    WEBSOCKET_SCAN_OPCODE,        /* reserved */
    WEBSOCKET_SCAN_CONTROL,       /* a control frame in fragments or above 125 bytes */
    WEBSOCKET_SCAN_LENGTH,        /* not the shortest form, or above 2^63 - 1 */
    WEBSOCKET_SCAN_MASK,          /* masked although from a server, or not although from a client */
    WEBSOCKET_SCAN_SEQUENCE,      /* a continuation of nothing, or a new message inside another */
    WEBSOCKET_SCAN_CLOSE,         /* a close payload of one byte */
    WEBSOCKET_SCAN_ERRORS
};

struct websocket_scan_count {
    uint64_t frames;
    uint64_t bytes; /* of payload that was seen */
};

struct websocket_scan {
    /* Set by websocket_scan_begin(). */
    uint8_t extension_bits; /* the RSV bits (0x70) that data frames may have */
    bool from_client;       /* frames must be masked; else must not */
    /* The frame that began last; valid once its head is complete. */
    uint8_t opcode;
    bool final;
    uint8_t mask[4];
    uint64_t size; /* of its payload */
    /* The position. */
    uint64_t left; /* payload bytes still to come */
    uint8_t head[WEBSOCKET_FRAME_HEAD_SIZE];
    uint8_t head_size; /* bytes of an incomplete head, kept in `head` */
    uint8_t message;   /* opcode of the message whose last frame is still to come; 0: none */
    /* What was seen. */
    uint8_t error;       /* enum websocket_scan_error */
    bool closed;         /* a close frame has begun */
    uint8_t close_bytes; /* how many bytes of the code below have come: 2 is a code, 0 none */
    uint16_t close_code;
    /* Where the second of these bytes is in what was given, after a call in which it came: for whoever
     * changes codes, who sets it to NULL again. */
    const char *close_low;
    uint64_t messages;                                 /* complete text and binary messages */
    struct websocket_scan_count text, binary, control; /* continuations count as what they continue */
};

/* `extension_bits`: 0x40 with permessage-deflate, 0x70 with an unknown extension, 0 without any. */
void websocket_scan_begin(struct websocket_scan *scan, bool from_client, uint8_t extension_bits);

/* Uses bytes up to the end of one frame at most; *used says how many. Call again with the rest. */
enum websocket_scan_result websocket_scan_next(struct websocket_scan *scan, struct slice bytes, size_t *used);
/* Uses all of them; false: scan->error. */
bool websocket_scan_feed(struct websocket_scan *scan, struct slice bytes);

/* How many of the next bytes are payload of a data frame of at least `large` bytes, so that nobody need look
 * at them. Between frames 0, and *look becomes the size of a head when the frame before was such a one: the
 * next may be another, which websocket_scan_enter() tells. */
uint64_t websocket_scan_unseen(const struct websocket_scan *scan, uint64_t large, size_t *look);
/* `count` of them have passed unseen. */
void websocket_scan_skip(struct websocket_scan *scan, uint64_t count);
/* When the next bytes begin with the head of such a frame, uses it and says how many bytes it has. Otherwise
 * 0, and nothing is used. */
size_t websocket_scan_enter(struct websocket_scan *scan, struct slice bytes, uint64_t large);

/* Nothing of a frame is under way: a control frame may be put in here. */
bool websocket_scan_at_frame(const struct websocket_scan *scan);
/* Nor of a message: a data frame may be put in here. */
bool websocket_scan_at_message(const struct websocket_scan *scan);

/* One plain phrase for the log. */
const char *websocket_scan_error_text(enum websocket_scan_error error);
