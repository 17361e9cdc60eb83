/* One line of the access log as bytes; no I/O. It is written for every request, so it is made without printf,
 * and what seldom changes between two lines (the second, the peer) is kept from the last one. */
#pragma once

#include "http/server.h"

enum access_format { ACCESS_JSON, ACCESS_COMBINED };

enum { ACCESS_LINE_TIME_SIZE = 40 };

/* All zero but for the format: nothing is kept yet. */
struct access_line {
    enum access_format format;
    int64_t second;      /* that `time` was made for */
    size_t time_size;    /* 0: not made yet */
    struct address peer; /* that `peer_text` was made for */
    size_t peer_size;    /* 0: not made yet */
    char time[ACCESS_LINE_TIME_SIZE];
    char peer_text[ADDRESS_TEXT_SIZE];
};

/* At most so many bytes does the record's line have. */
size_t access_line_most(const struct http_record *record);
/* Writes the line with its newline into out[access_line_most()]; returns its size. Texts of clients are
 * escaped and cut: the target at 8 KiB, others at 1 KiB. A client that left before an answer has status
 * 499. */
size_t access_line_write(struct access_line *line, const struct http_record *record, int64_t wall_ms,
                         char *out);
