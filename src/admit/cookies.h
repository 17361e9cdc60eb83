/* reeve's own cookies among those of a client (RFC 6265 §4.2). Their name tells which reeve: a browser sends
 * the cookies of one host to all its ports. Over TLS the name is __Host-reeve-NAME, which no plain connection
 * and no neighbouring host can set; over plain HTTP it is reeve-NAME. Pure. */
#pragma once

#include "base/arena.h"

/* Cuts the next pair off a Cookie value: `name` and `value` without blanks around them. False at the end. A
 * piece without '=' is a value without a name. */
bool cookies_next(struct slice *rest, struct slice *name, struct slice *value);
/* Whether a cookie of that name is ours; `own` is "reeve-NAME". Either form counts. */
bool cookies_is_own(struct slice name, struct slice own);
/* Whether it is the form that counts on such a connection. */
bool cookies_counts(struct slice name, struct slice own, bool secure);
/* The value without our cookies, byte for byte otherwise; itself when there are none in it. Empty: nothing is
 * left; data NULL: the arena is full. */
struct slice cookies_without(struct slice value, struct slice own, struct arena *arena);
