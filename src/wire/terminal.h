/* The terminal link: what a hold and a viewer of its terminal tell each other over an AF_UNIX SOCK_SEQPACKET
 * pair that the keeper made; no I/O here. A viewer is a gate's WebSocket or `reeve attach`.
 *
 * One record is one type byte and at most TERMINAL_DATA_LARGEST bytes; numbers are in native byte order (same
 * machine). From a hold to a viewer, in this order: SIZE, OUTPUT with the snapshot, PLACE, then OUTPUT as the
 * program writes. A viewer that does not read loses output, and gets SIZE (if it changed), snapshot and PLACE
 * again. The link is for ever, as the hold's messages are (src/hold/PROTOCOL.md): an unknown type is skipped.
 */
#pragma once

#include <stdbool.h>

#include "base/slice.h"

enum {
    TERMINAL_DATA_LARGEST = 32768,
    TERMINAL_RECORD_LARGEST = TERMINAL_DATA_LARGEST + 1,
    TERMINAL_SMALL_SIZE = 16, /* room for any record that carries numbers */
    /* Sizes of a screen that are taken; others are brought into this range. */
    TERMINAL_COLUMNS_LEAST = 2,
    TERMINAL_COLUMNS_MOST = 1000,
    TERMINAL_ROWS_LEAST = 1,
    TERMINAL_ROWS_MOST = 500,
};

enum terminal_to_hold {
    TERMINAL_INPUT = '0',  /* bytes for the program */
    TERMINAL_RESIZE = '1', /* u16 columns, u16 rows: the viewer's own size */
    TERMINAL_PAUSE = '2',  /* no more output until */
    TERMINAL_RESUME = '3',
};

enum terminal_to_viewer {
    TERMINAL_OUTPUT = '0', /* bytes for the viewer's emulator; cut anywhere, also inside a character */
    TERMINAL_TITLE = '1',  /* UTF-8; empty: none */
    TERMINAL_SIZE = '4',   /* u16 columns, u16 rows: the size of the screen from here on */
    TERMINAL_PLACE = '5',  /* u64: how many bytes of the program's output the snapshot before it stands for */
    TERMINAL_END = '6',    /* UTF-8, one sentence: the program has ended. The last record */
};

struct terminal_record {
    char type;
    struct slice data;      /* of INPUT, OUTPUT, TITLE, END: into the record */
    uint16_t columns, rows; /* of RESIZE (brought into range), SIZE */
    uint64_t place;         /* of PLACE */
};

enum terminal_read {
    TERMINAL_FINE,
    TERMINAL_UNKNOWN, /* of a later version: skip it */
    TERMINAL_BAD,     /* empty, too long, or not of its type's length */
};

/* Reads a record that a viewer sent, or one that a hold sent. */
enum terminal_read terminal_read_from_viewer(struct slice bytes, struct terminal_record *record);
enum terminal_read terminal_read_from_hold(struct slice bytes, struct terminal_record *record);

/* Each writes a record into out[TERMINAL_SMALL_SIZE] and returns its length. `type` is RESIZE or SIZE. */
size_t terminal_write_size(char *out, char type, uint16_t columns, uint16_t rows);
size_t terminal_write_place(char *out, uint64_t place);

/* A size as it is asked for, brought into the range that a screen takes. */
uint16_t terminal_columns(int64_t columns);
uint16_t terminal_rows(int64_t rows);
