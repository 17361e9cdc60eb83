/* UTF-8 as bytes (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
#pragma once

#include "base/slice.h"

enum { UTF8_CUT = -1 };

/* The length (1 to 4) of the character at the start of `bytes`; 0 when no character starts there (then skip
 * one byte); UTF8_CUT when `bytes` (perhaps empty) ends inside a character that is fine so far. */
int utf8_character(struct slice bytes);

bool utf8_valid(struct slice bytes);

/* Replaces every byte of `text` that is part of no character by '?', in place; a text that goes into JSON or
 * was cut at a size needs it. Returns text. */
char *utf8_clean(char *text);
