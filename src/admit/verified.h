/* Secrets that were checked a moment ago and whom they stand for, so that a busy client costs one look
 * instead of digests. Bounded: a newer one takes the place of an older one. Only what was found good is kept,
 * so that a stranger can put nothing in. */
#pragma once

#include "wire/principal.h"

struct verified;

struct verified *verified_new(void);
/* Valid until the next call; NULL: not known. */
const struct principal *verified_find(const struct verified *verified, struct slice secret);
/* Both are copied. */
void verified_keep(struct verified *verified, struct slice secret, const struct principal *principal);
/* What was good may be so no more. */
void verified_clear(struct verified *verified);
void verified_free(struct verified **verified);
