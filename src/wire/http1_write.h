/* Heads into bytes. A buffer over fixed storage serves as well: {.data, .capacity, .limit}.
 *
 * Each function is false, with nothing appended, when the buffer's limit would be exceeded or when a name or
 * value holds a byte that it must not hold (CR, LF, NUL and other controls): no head can be split by its
 * values. */
#pragma once

#include "base/buffer.h"
#include "wire/fields.h"

/* "HTTP/1.1 200 OK\r\n"; status is 100..999, an unknown one gets an empty reason. */
bool http1_write_status(struct buffer *buffer, unsigned status);
/* "GET /path HTTP/1.1\r\n" */
bool http1_write_request(struct buffer *buffer, struct slice method, struct slice target);
/* "Name: value\r\n" */
bool http1_write_field(struct buffer *buffer, struct slice name, struct slice value);
/* The same without a look at the bytes: for constants, and for what the parser of wire/http1 has taken. */
bool http1_write_known_field(struct buffer *buffer, struct slice name, struct slice value);
/* Whether http1_write_field() takes these bytes. */
bool http1_write_may(struct slice name, struct slice value);
/* The name is a constant. */
bool http1_write_number(struct buffer *buffer, struct slice name, uint64_t number);
/* The empty line. */
bool http1_write_end(struct buffer *buffer);

/* "OK" for 200; empty for a status that is not registered (RFC 9110 §15 and the IANA registry). */
struct slice http1_write_reason(unsigned status);

/* --- for whoever makes room for many lines at once --------------------------------------------------- */

enum { HTTP1_WRITE_STATUS_MOST = 48 /* a status line */, HTTP1_WRITE_NUMBER_MOST = 20 /* digits */ };

static inline size_t http1_write_size(struct slice name, struct slice value)
{
    return name.size + 2 + value.size + 2;
}

/* Each writes its line to `at` and returns what is behind it; of a status line HTTP1_WRITE_STATUS_MOST bytes
 * are touched. */
static inline char *http1_write_line(char *at, struct slice name, struct slice value)
{
    at = slice_put(slice_put(slice_put(at, name), SLICE(": ")), value);
    return slice_put(at, SLICE("\r\n"));
}

char *http1_write_status_line(char *at, unsigned status);
char *http1_write_number_line(char *at, struct slice name, uint64_t number);
