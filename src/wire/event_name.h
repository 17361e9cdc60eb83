/* What an event of a file is called: the text of one member of its line, a JSON object (docs/events.md).
 *
 * A file may hold anything, so a name is taken only if it can be nothing but a name: up to EVENT_NAME_LARGEST
 * bytes of [A-Za-z0-9._-] behind a letter, written without escapes, and none of those by which reeve or the
 * browser itself speaks. Every other line is an event without a name. */
#pragma once

#include "base/slice.h"

enum {
    EVENT_NAME_LARGEST = 64,
    EVENT_NAME_WITHIN = 32 * 1024, /* bytes of a line: what comes behind them is not looked at */
};

/* The name that `line` (of which at least EVENT_NAME_WITHIN bytes are there, or all) has in its member
 * `field`; data NULL: none, or one that is not taken. The first of several members of that name counts. */
struct slice event_name_of(struct slice line, struct slice field);
/* Whether a line may name its event so. */
bool event_name_is_free(struct slice name);

/* What an event without a name is called, by browsers as well. */
#define EVENT_NAME_NONE SLICE("message")
