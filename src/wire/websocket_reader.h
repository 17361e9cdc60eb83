/* Reads what a client sends over a WebSocket that ends here (RFC 6455 §5): frames are unmasked in place,
 * messages are given piece by piece as they come, however long they are, control frames whole. Text is not
 * looked into. */
#pragma once

#include "wire/websocket_scan.h"

enum websocket_reader_result {
    WEBSOCKET_READER_MORE, /* all bytes are used */
    WEBSOCKET_READER_DATA, /* reader->data: a piece of a message, or its empty end */
    WEBSOCKET_READER_PING, /* reader->data: its payload, at most 125 bytes */
    WEBSOCKET_READER_PONG,
    WEBSOCKET_READER_CLOSE, /* reader->code: 1005 when it has none; nothing follows */
    WEBSOCKET_READER_BAD,   /* a protocol error: answer with 1002; nothing more is looked at */
};

struct websocket_reader {
    struct slice data; /* into the bytes that were given, or into the reader; until the next call */
    bool first, last;  /* DATA: where the piece is in its message */
    unsigned code;     /* CLOSE */
    /* Its own. */
    struct websocket_scan scan;
    bool inside; /* a message has begun */
    bool bad;
    uint8_t control_size;
    char control[WEBSOCKET_FRAME_CONTROL_MOST];
};

void websocket_reader_begin(struct websocket_reader *reader);
/* Uses bytes up to something to tell; *used says how many: call again with the rest. Bytes that were used
 * have been unmasked and are not to be given again. */
enum websocket_reader_result websocket_reader_next(struct websocket_reader *reader, char *bytes, size_t size,
                                                   size_t *used);
