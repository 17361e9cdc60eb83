/* How reeve says no: application/problem+json (RFC 9457) for programs, a small page with the same facts for
 * people (contract §2). */
#pragma once

#include "http/exchange.h"
#include "wire/target.h"

struct problem {
    int status;
    const char *type;                 /* "target-failing": the end of urn:reeve:problem:target-failing */
    const char *title;                /* a few words */
    const char *detail;               /* one sentence with what to do; NULL: none */
    const char *allow;                /* for 405: the Allow field */
    const char *upgrade;              /* for 426: the Upgrade field, named in Connection (RFC 9110 §7.8) */
    bool authenticate;                /* for 401: WWW-Authenticate: Bearer */
    const char *target;               /* NULL: not about a target */
    const struct target_cause *cause; /* NULL or of kind NONE: none */
    int64_t retry_after_s;            /* 0: no Retry-After */
    int64_t retry_at_ms;              /* wall clock of the target's next attempt; 0: none */
};

/* Answers the exchange with it. Everything is copied. */
void problem_reply(struct exchange *exchange, const struct problem *problem);
/* The same for the plain cases: 400 401 403 404 405 413 415 421 500 502 503 504. */
void problem_reply_status(struct exchange *exchange, int status, const char *detail);
