/* The messages of a terminal in a browser, as ttyd 1.7 and its clients speak them (contract §5), and a few of
 * our own that only those get who say that they know them. One WebSocket message is one type byte and its
 * data; the client's first is JSON without a type. */
#pragma once

#include "base/buffer.h"

enum ttyd_from_client {
    TTYD_INPUT = '0',  /* bytes for the program */
    TTYD_RESIZE = '1', /* {"columns": n, "rows": n} */
    TTYD_PAUSE = '2',
    TTYD_RESUME = '3',
    TTYD_ASK = '9',   /* ours: are you there? TTYD_HERE answers */
    TTYD_HELLO = '{', /* not a type: the JSON itself begins */
};

enum ttyd_to_client {
    TTYD_OUTPUT = '0',      /* bytes for the emulator */
    TTYD_TITLE = '1',       /* of the window */
    TTYD_PREFERENCES = '2', /* JSON: options of the emulator */
    TTYD_SIZE = '4',        /* ours: {"columns": n, "rows": n}, the screen's from here on */
    TTYD_PLACE = '5',       /* ours: bytes of the program's output that the snapshot before it stands for */
    TTYD_END = '6',         /* ours: the program has ended, in a sentence */
    TTYD_HERE = '9',        /* ours: the answer to TTYD_ASK */
};

enum { TTYD_JSON_MOST = 4096, TTYD_SUBPROTOCOL_SIZE = 3 };
#define TTYD_SUBPROTOCOL "tty"

struct ttyd_hello {
    /* 0: none is told. Otherwise as told: not brought into any range. */
    int64_t columns, rows;
    bool ours; /* "reeve": true: our own messages may be sent */
};

/* The first message. Its "AuthToken" is not looked at: admission has been passed before. False: no JSON
 * object, or sizes that are no numbers. */
bool ttyd_read_hello(struct slice json, struct ttyd_hello *hello);
/* The data of TTYD_RESIZE. False: no object with two numbers. */
bool ttyd_read_size(struct slice json, int64_t *columns, int64_t *rows);
/* Appends a TTYD_SIZE message; the buffer has room. */
void ttyd_write_size(struct buffer *out, unsigned columns, unsigned rows);
