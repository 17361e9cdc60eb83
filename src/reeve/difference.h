/* How a change of the configuration reads: key by key, and of a list only the rows that differ. */
#pragma once

#include <jansson.h>

#include "base/buffer.h"

/* Appends a line per difference: "drain.timeout: 30s -> 1s". NULL is "not set"; long values are cut; what is
 * the same on both sides is a secret, and another one. Rows of a list are told apart by their path and host,
 * address or name: "routes[3] (/e).limits: not set -> {...}".
 */
void difference_append(struct buffer *out, const char *path, const json_t *before, const json_t *after);
