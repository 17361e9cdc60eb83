/* One record of a target's output: a line of JSON in log/NAME/ (design §4, "Output").
 *
 *   {"time":"2026-11-23T04:10:00.123Z","run":4,"stream":"stdout","text":"listening"}
 *   {"time":"...","run":4,"stream":"stderr","text":"a line longer than 64 Ki","more":true}
 *   {"time":"...","run":4,"stream":"reeve","text":"12 lines were dropped: No space left ...","dropped":12}
 *
 * `text` is the line without its newline; bytes that are not UTF-8 are U+FFFD. `more`: the line goes on in
 * the next record of that stream. Readers ignore members that they do not know. */
#pragma once

#include <jansson.h>

#include "base/buffer.h"

enum {
    LOGLINE_TEXT_LARGEST = 65536, /* bytes of a line in one record, as the program wrote them */
    /* No record is longer: every byte of text may become six. */
    LOGLINE_RECORD_LARGEST = LOGLINE_TEXT_LARGEST * 6 + 256,
    LOGLINE_NAME_SIZE = 32,
};

enum logline_stream { LOGLINE_STDOUT, LOGLINE_STDERR, LOGLINE_TERMINAL, LOGLINE_REEVE };

/* "stdout" "stderr" "terminal" "reeve" */
const char *logline_stream_name(enum logline_stream stream);

struct logline {
    int64_t wall_ms;
    int64_t run; /* generation */
    enum logline_stream stream;
    struct slice text;
    bool more;
    int64_t dropped; /* 0: no such member */
};

/* Appends the record and its newline. False, with nothing appended, when the buffer has less room than the
 * longest record of such a text needs (six times the text, and 256). text.size <= LOGLINE_TEXT_LARGEST. */
bool logline_append(struct buffer *out, const struct logline *line);

/* A parsed record; `text` and `time` point into `json`, which logline_end() gives back. */
struct logline_parsed {
    json_t *json;
    struct slice time;
    struct logline line; /* wall_ms is 0 */
};

/* False when `record` (with or without its newline) is no record; nothing is to be given back then. */
bool logline_parse(struct slice record, struct logline_parsed *parsed);
void logline_end(struct logline_parsed *parsed);

/* --- the files of log/NAME/ ------------------------------------------------------------------------
 *
 * The newest records are in "current.jsonl". When it is full it gets a number for ever, higher than all there
 * are ("0000000007.jsonl"): the numbers' order is the records' order. */
#define LOGLINE_CURRENT "current.jsonl"

/* The folder's name for a target, "shell@a1" for "shell/a1", into name[size]; returns name. */
char *logline_folder(const char *target, char *name, size_t size);

/* The number of a rotated file, or -1 for any other name. */
int64_t logline_file_number(const char *name);
/* The name of file `number` (0 to 9,999,999,999), into name[LOGLINE_NAME_SIZE]; returns name. */
char *logline_file_name(int64_t number, char *name);
