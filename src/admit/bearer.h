/* A token of reeve's in an Authorization value (RFC 6750 §2.1). Any other value is a program's business.
 * Pure. */
#pragma once

#include "base/slice.h"

enum { BEARER_MOST = 128 };

/* "Bearer reeve_..." gives "reeve_..."; data NULL for anything else. */
struct slice bearer_token(struct slice authorization);
/* The length of the token of reeve's that begins at the start of `text`, or 0: for whoever must not print
 * one. */
size_t bearer_length(struct slice text);
