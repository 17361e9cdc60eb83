/* What the fields of a head mean for its connection: where the body ends, whether the connection lives on,
 * whether it becomes something else (RFC 9112 §3, §6, §9; RFC 9110 §7, §10.1.1).
 *
 * Refuses what could be read in two ways: Content-Length beside Transfer-Encoding, several Content-Length
 * fields (also equal ones), lists in it, any transfer coding but exactly "chunked". */
#pragma once

#include "wire/http1.h"
#include "wire/uri.h"

enum framing_body {
    FRAMING_NONE,        /* no body */
    FRAMING_LENGTH,      /* `length` bytes, more than 0 */
    FRAMING_CHUNKED,     /* wire/chunks.h */
    FRAMING_UNTIL_CLOSE, /* responses only */
};

enum framing_form {
    FRAMING_ORIGIN,    /* "/path?query" */
    FRAMING_ABSOLUTE,  /* "http://host/path?query" */
    FRAMING_ASTERISK,  /* "*", of OPTIONS */
    FRAMING_AUTHORITY, /* "host:port", of CONNECT */
};

struct framing {
    enum framing_body body;
    /* Bytes of the body: 0 none, -1 chunked or until close. Of a response to HEAD and of 304: what
     * Content-Length says (-1 without one), although `body` is FRAMING_NONE. */
    int64_t length;
    bool keep_alive; /* the connection may carry another message after this one */
    /* Request: Connection names upgrade, there is an Upgrade field other than h2c, version 1.1.
     * Response: status 101. */
    bool upgrade;
    bool expect_continue; /* request of version 1.1 with a body */
    /* Request only. */
    enum framing_form form;
    struct slice authority; /* of an absolute target, else of Host; checked; empty only with HTTP/1.0 */
    struct uri_host host;   /* what it consists of, letters as sent */
    struct slice path;      /* path and query of the target as sent; "/" when an absolute one has none */
};

/* HTTP1_DONE or what is bad. Also marks hop-by-hop fields (struct field). CONNECT passes with
 * FRAMING_AUTHORITY: the caller refuses it. `memo` is the connection's. */
enum http1_result framing_of_request(struct http1_head *head, struct uri_memo *memo, struct framing *framing);

/* `method` is that of the request. Anything but HTTP1_DONE means a broken upstream (502). */
enum http1_result framing_of_response(struct http1_head *head, enum http1_method method,
                                      struct framing *framing);
