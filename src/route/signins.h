/* Signing in, the gate's half (design §6): the keeper is asked for a helper process, the helper gets name and
 * password over a socket of its own, and the keeper tells what came of it (wire/message.h,
 * MESSAGE_GATE_LOGIN). The password goes nowhere else. */
#pragma once

#include <jansson.h>

#include "base/slice.h"

#include "route/pending.h"

struct signins; /* all that are under way in a gate */

struct signin_result {
    int status;            /* 200, 401, 429 or 503 */
    const char *cookie;    /* 200: the value */
    int64_t max_age_s;     /* 200 */
    int64_t retry_after_s; /* 429, 503: 0 if not known */
};

/* One, inside its owner's object; all zero: not under way. */
struct signin {
    struct pending pending;
    struct signins *signins;
    int helper;   /* -1: none yet */
    char *record; /* for the helper, until it is sent */
    size_t record_size;
    /* Once, from the loop, unless it is cancelled. */
    void (*on_end)(struct signin *signin, const struct signin_result *result);
};

/* Sends MESSAGE_GATE_LOGIN; takes the reference to `body`. False: nobody is there. */
typedef bool signins_send_fn(void *owner, uint32_t id, json_t *body);

struct signins *signins_new(struct loop *loop, signins_send_fn *send, void *owner);
void signins_free(struct signins **signins); /* none is under way */

enum { SIGNIN_RECORD_MOST = 4096 };

/* Begins, with signin->on_end set. `user`, `password`: UTF-8 without NUL, copied and wiped in the end.
 * `address` says who tries, for the keeper's limit. Too long for a record: on_end with 401, like anything
 * that is wrong. */
void signins_start(struct signins *signins, struct signin *signin, struct slice user, struct slice password,
                   const char *address);
/* Nobody waits for it any more: the helper's socket is closed, which ends it. */
void signins_cancel(struct signin *signin);

/* MESSAGE_GATE_LOGIN_ANSWER has come; `helper` (-1: none) is taken. False: malformed. */
bool signins_told(struct signins *signins, uint32_t id, const json_t *body, int helper);
/* The keeper has gone: each ends with 503. */
void signins_keeper_away(struct signins *signins);
