/* Where a sign-in leads back to: only ever a path of ours (an open redirect would lend our name to anybody).
 * Pure. */
#pragma once

#include "base/slice.h"

enum { NEXT_MOST = 2048 };

/* The path with its query when it is one of ours: it starts with one slash and goes on with neither a slash
 * nor a backslash, has no control character, blank or byte beyond ASCII, no empty and no dot segment. Else,
 * and for the sign-in pages themselves, "/". `next` is decoded already. */
struct slice next_path(struct slice next);
