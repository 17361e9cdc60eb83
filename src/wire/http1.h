/* The head of an HTTP/1 message (RFC 9112 §2-§5), parsed strictly and incrementally.
 *
 * Strict: lines end with CRLF and nothing else; no folded lines, no blank before the colon, no control
 * characters but HTAB in values. Whatever two parsers could read differently is refused, because the other
 * parser is the program behind us.
 *
 * Incremental: each call is given all bytes of the head so far, from its first byte on; finished lines are
 * not looked at again. All slices point into the bytes of the latest call (they are moved along when the
 * bytes moved).
 *
 * Many results, one rule: HTTP1_DONE, HTTP1_MORE, or the reason why this is no valid message; then
 * http1_result_status() and http1_result_text() say what to answer, and the connection must be closed. */
#pragma once

#include "wire/fields.h"

enum http1_result {
    HTTP1_DONE,
    HTTP1_MORE, /* valid so far */
    /* of a head */
    HTTP1_BAD_LINE_END,  /* bare CR or LF, or more than HTTP1_EMPTY_LINES_MOST before the request */
    HTTP1_BAD_METHOD,    /* not a token */
    HTTP1_LONG_METHOD,   /* longer than any that exists: 501 */
    HTTP1_BAD_TARGET,    /* empty, control characters, or a form that does not fit the method */
    HTTP1_LONG_TARGET,   /* 414 */
    HTTP1_BAD_VERSION,   /* not HTTP/d.d */
    HTTP1_OTHER_VERSION, /* a version other than 1.x: 505 */
    HTTP1_BAD_STATUS,    /* of a response */
    HTTP1_BAD_NAME,      /* a field name that is no token, a blank before the colon, no colon */
    HTTP1_BAD_VALUE,     /* a control character in a field value */
    HTTP1_BAD_FOLD,      /* a continued line */
    HTTP1_LARGE_HEAD,    /* 431 */
    HTTP1_MANY_FIELDS,   /* 431 */
    /* of what the fields say (wire/framing.h) */
    HTTP1_BAD_HOST,
    HTTP1_BAD_LENGTH,   /* Content-Length is no number, or there are several */
    HTTP1_BAD_CODING,   /* Transfer-Encoding together with Content-Length or HTTP/1.0, or chunked not last */
    HTTP1_OTHER_CODING, /* a transfer coding other than chunked: 501 */
    HTTP1_BAD_EXPECT,   /* 417 */
    HTTP1_BAD_UPGRADE,  /* an upgrade with a body */
    HTTP1_BAD_CHUNK,    /* of the body (wire/chunks.h) */
    HTTP1_RESULTS
};

enum http1_method {
    HTTP1_OTHER_METHOD,
    HTTP1_GET,
    HTTP1_HEAD,
    HTTP1_POST,
    HTTP1_PUT,
    HTTP1_DELETE,
    HTTP1_PATCH,
    HTTP1_OPTIONS,
    HTTP1_CONNECT,
    HTTP1_TRACE,
};

enum {
    HTTP1_EMPTY_LINES_MOST = 4, /* before a request line (RFC 9112 §2.2) */
    HTTP1_METHOD_LONGEST = 32,
};

struct http1_limits {
    size_t head;   /* bytes of a head, from its first byte to its empty line */
    size_t target; /* bytes of a request target */
};

struct http1_head {
    /* of a request */
    struct slice method_name;
    struct slice target; /* as sent */
    /* of a response */
    struct slice reason;
    unsigned status; /* 100..999 */
    /* of both */
    enum http1_method method;
    unsigned minor; /* 0: HTTP/1.0; 1: HTTP/1.1 and 1.2 to 1.9 */
    struct fields fields;
    size_t size; /* bytes of the head with its empty line, once it is done */
    /* the parser's own */
    const char *base; /* where the bytes of the latest call start */
    size_t parsed;    /* bytes of finished lines */
    bool started;     /* the first line is finished */
};

/* Begins a new head over storage[capacity] for its fields (more fields than that: HTTP1_MANY_FIELDS). */
void http1_begin(struct http1_head *head, struct field *storage, size_t capacity);

/* `bytes` start with the head's first byte and may go beyond its end. After anything but HTTP1_MORE call
 * http1_begin() before the next head. */
enum http1_result http1_parse_request(struct http1_head *head, struct slice bytes,
                                      const struct http1_limits *limits);
enum http1_result http1_parse_response(struct http1_head *head, struct slice bytes,
                                       const struct http1_limits *limits);

/* The head's bytes now start at `base` (they were copied or moved): all slices follow. */
void http1_move(struct http1_head *head, const char *base);

/* The status that a request with this result deserves; 0 for HTTP1_DONE and HTTP1_MORE. */
int http1_result_status(enum http1_result result);
/* One plain sentence without a full stop, for the answer's body and the log. */
const char *http1_result_text(enum http1_result result);

enum http1_method http1_method_of(struct slice name);
