/* What changes on a message that is passed on (contract §1 "What an upstream sees"; RFC 9110 §7.6): the
 * target, the fields that belong to one connection, and those by which a program behind learns who asks. */
#pragma once

#include "http/exchange.h"

enum forward_strip {
    FORWARD_STRIP_NOTHING,
    FORWARD_STRIP_WILDCARD, /* everything before the `*` */
    FORWARD_STRIP_PREFIX,   /* a literal prefix of the path */
};

struct forward_rule {
    enum forward_strip strip;
    struct slice prefix; /* FORWARD_STRIP_PREFIX: "/api", without a slash at its end */
};

struct forward_target {
    struct slice target;   /* path and query for the upstream */
    struct slice stripped; /* what was taken off the path: encoded, one slash per segment; empty: nothing */
};

/* `before_rest`: segments before the `*` of the route (route/match.h). Text is in the exchange's arena;
 * target.data is NULL when it is full. */
struct forward_target forward_target(struct exchange *exchange, const struct forward_rule *rule,
                                     unsigned before_rest);

enum {
    FORWARD_OWN_FIELDS = 9, /* that reeve adds, with a subprotocol that a route asks for (route/tunnels) */
    FORWARD_FIELDS_MOST = FIELDS_MOST + FORWARD_OWN_FIELDS,
};

/* The request's fields for the upstream into fields[FORWARD_FIELDS_MOST]; returns how many. They point into
 * the exchange and its arena. Without what admission has read: our cookies, whose name is `cookie`
 * ("reeve-NAME"), and a token that it has accepted; with who asks in Remote-User and Remote-Groups. What a
 * trusted proxy says of its client is passed on with our part behind it. */
size_t forward_request(struct exchange *exchange, struct slice stripped, struct slice cookie,
                       struct exchange_field *fields);
enum forward_answer {
    FORWARD_ANSWER,
    FORWARD_UPGRADE,         /* a 101: with Connection and Upgrade */
    FORWARD_UPGRADE_UNASKED, /* the same without its subprotocol, for which only we have asked */
};

/* An answer's fields for the client; they point into `head`. A program sets every cookie but ours: it could
 * sign its user in as somebody else. */
size_t forward_response(const struct http1_head *head, enum forward_answer answer, struct slice cookie,
                        struct exchange_field *fields);
