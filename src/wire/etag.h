/* Entity tags and what they decide (RFC 9110 §8.8.3, §13.1). */
#pragma once

#include "base/slice.h"

/* A well-formed tag ("\"x\"" or "W/\"x\""), the strong kind of it. */
bool etag_is_valid(struct slice etag);
bool etag_is_strong(struct slice etag);

/* Whether a list of tags ("*", or one or more separated by commas) holds `etag`: If-None-Match by the weak
 * comparison, If-Match by the strong one. A malformed list holds nothing from its first malformed entry on.
 */
bool etag_matches_weakly(struct slice list, struct slice etag);
bool etag_matches_strongly(struct slice list, struct slice etag);
