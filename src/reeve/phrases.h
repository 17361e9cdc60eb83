/* What `reeve why` says of an event whose row tells all by itself: words with members of the evidence in
 * them. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/buffer.h"

/* "was created by uid 0", to stand behind a name. False: this event has no phrase, nothing was appended. */
bool phrases_append(struct buffer *out, const char *event, const json_t *evidence);
