/* What a configuration names and is not there now: programs, folders, accounts, fallback pages.
 *
 * No error, since it may be there by the time it is needed; but more often it is a mistake. */
#pragma once

#include "base/buffer.h"
#include "config/config.h"

/* Appends one line each, "file:line:column: warning: ...\n". */
void absent_append(struct buffer *out, const struct config *config);
